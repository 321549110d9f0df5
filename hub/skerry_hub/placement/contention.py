"""How contended a node's room is: who else has few other places, and how often they come. Pure.

Some workloads may only be on a few nodes. Room that such a few have left is worth more than room
that everybody could have: an instance that could be elsewhere should leave it. A **class** is what
may be on the same nodes; how much room its nodes have left, in typical instances, says how likely
the next of the class finds none. The difference that a placement makes there is its **pressure**:
the number of instances that are expected to find no place for it.

Who comes is told by a stream of requests with their times (`Contention`), or, where there is none,
by the workloads that are wanted (`expected.py`).
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np

from skerry_hub.fleet.arrays import Counts, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Workload
from skerry_hub.placement.points import SCALE

THETA = 1.5
"""Room for so many typical instances more makes it e times less likely that the next finds none."""
FIRST_HOLD_S = 1800.0
"""How long instances are taken to stay before one has ended."""
MOST_CLASSES = 4096
MOST_NODES = 1024
"""What may be on more nodes than this is in nobody's way."""
STEPS = 64
_FALL = 0.984496437005408405986988829697
"""exp(-1/STEPS); its powers are products, and so the same on every machine."""


_NO_ROWS: Rows = np.zeros(0, dtype=np.intp)

Amounts = tuple[int, int, int]
"""By Resource."""


def _powers() -> Shares:
    found = np.ones(STEPS * 40 + 2)
    for at in range(1, len(found)):
        found[at] = found[at - 1] * _FALL
    return found


_DECAY = _powers()


def decay(x: Shares) -> Shares:
    """Return exp(-x) for x from 0 on, to four digits, the same on every machine."""
    scaled = np.clip(x, 0.0, 40.0) * STEPS
    whole = scaled.astype(np.intp)
    rest = scaled - whole
    return _DECAY[whole] * (1.0 - rest) + _DECAY[whole + 1] * rest


class Pressing(Protocol):
    """Says how much a placement takes from others."""

    @property
    def changed(self) -> Sequence[int]:
        """Return the rows of which it changed by what happened on others, in turn."""

    def pressure(self, workload: Workload, rows: Rows, now: float) -> Shares:
        """Return how many others are expected to find no place for an instance on each row."""


class Contention:
    """What was asked for so far, and where it may be. Kept by whoever places, from request on."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.changed: Sequence[int] = ()  # no board is kept beside it
        self._classes: dict[tuple[str, ...], int] = {}
        """By the ids of the nodes: a row may get another node."""
        self._counts: list[int] = []
        self._flat: tuple[Rows, Rows, Rows, Rows] | None = None
        self._comings = -1
        self._asked = np.zeros(len(Resource), dtype=np.int64)
        self._seen = 0
        self._recent: collections.deque[float] = collections.deque()
        self._held_s, self._ended = 0.0, 0

    def observe(self, workload: Workload, nodes: Sequence[str], now: float) -> None:
        """Learn of a request, and the ids of the nodes on which it may be, room or not."""
        self._asked += amounts_of(workload)
        self._seen += 1
        self._recent.append(now)
        if not 0 < len(nodes) <= MOST_NODES:
            return
        key = tuple(sorted(nodes))
        number = self._classes.get(key)
        if number is not None:
            self._counts[number] += 1
        elif len(self._classes) < MOST_CLASSES:
            self._classes[key] = len(self._counts)
            self._counts.append(1)
            self._flat = None

    def ended(self, held_s: float) -> None:
        """Learn of an instance that has ended after so long."""
        self._held_s += held_s
        self._ended += 1

    def rate(self, now: float) -> float:
        """Return how many come while one is there, as a part of all that came so far."""
        hold_s = self._held_s / self._ended if self._ended else FIRST_HOLD_S
        while self._recent and self._recent[0] <= now - hold_s:
            self._recent.popleft()
        return len(self._recent) / self._seen if self._seen else 0.0

    def pressure(self, workload: Workload, rows: Rows, now: float) -> Shares:
        """Return how many others are expected to find no place for an instance on each row."""
        members, starts, lengths, which = self._flattened()
        if not len(members):
            return np.zeros(len(rows))
        typical = self._asked / self._seen
        everywhere = self._columns.rows()
        room = np.zeros(self._columns.size)
        room[everywhere] = room_of(self._columns, everywhere, typical)
        likely = likely_of(room, members, starts) * np.array(self._counts)[which]
        weight = np.bincount(members, np.repeat(likely, lengths), self._columns.size)
        return self.rate(now) * weight[rows] * excess_of(self._columns, workload, rows, typical)

    def _flattened(self) -> tuple[Rows, Rows, Rows, Rows]:
        """Return the rows of all classes, where each class begins, its length, and which it is.

        A node that is not here (any more) is left out, and a class that has none.
        """
        if self._flat is None or self._comings != self._columns.comings:
            self._comings = self._columns.comings
            found = [self._rows_of(nodes) for nodes in self._classes]
            which = [number for number, rows in enumerate(found) if len(rows)]
            self._flat = (*flattened([found[number] for number in which]), np.array(which, np.intp))
        return self._flat

    def _rows_of(self, nodes: Sequence[str]) -> Rows:
        rows = [row for node in nodes if (row := self._columns.row(node)) is not None]
        return np.array(sorted(rows), dtype=np.intp)


def flattened(classes: Sequence[Rows]) -> tuple[Rows, Rows, Rows]:
    """Return the rows of classes one after the other, where each class begins, and its length."""
    lengths = np.array([len(one) for one in classes], dtype=np.intp)
    return np.concatenate([_NO_ROWS, *classes]), np.cumsum(lengths) - lengths, lengths


def amounts_of(workload: Workload) -> Amounts:
    """Return what an instance takes, by Resource."""
    wanted = workload.resources
    return wanted.cpu_milli, wanted.memory_bytes, wanted.storage_bytes


def likely_of(room: Shares, members: Rows, starts: Rows) -> Shares:
    """Return for each class how likely its next instance finds no place."""
    return decay(np.add.reduceat(room.take(members), starts) / THETA)


def excess_of(columns: Columns, workload: Workload, rows: Rows, typical: Shares) -> Shares:
    """Return how much likelier the classes of a row find none beside one more instance there."""
    lost = room_of(columns, rows, typical) - room_of(columns, rows, typical, amounts_of(workload))
    # exp(x) - 1 of a decay's inverse.
    return 1.0 / decay(lost / THETA) - 1.0


def room_of(columns: Columns, rows: Rows, typical: Shares, taken: Amounts = (0, 0, 0)) -> Shares:
    """Return for how many typical instances each row has room, beside what is taken."""
    found = np.full(len(rows), np.inf)
    for resource, amount in zip(Resource, taken, strict=True):
        if typical[resource] > 0:
            found = np.minimum(found, (columns.free(resource, rows) - amount) / typical[resource])
    return np.where(np.isfinite(found), np.maximum(found, 0.0), 0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Uncontended:
    """Prefer nodes whose room few others depend on: the less pressure, the better."""

    is_used_up: ClassVar[bool] = True
    contention: Pressing
    workload: Workload
    now: float
    weight: int = 6400
    """One instance that finds no place counts as 64 times the price of the dearest node, where
    being cheap has the weight of 100."""
    name: str = "uncontended"

    @property
    def shifted(self) -> Sequence[int]:
        """Return the rows of which the points changed by what happened on others, in turn."""
        return self.contention.changed

    def of(self, columns: Columns, rows: Rows) -> Counts:  # noqa: ARG002 - as every score
        """Return the points of rows."""
        pressure = self.contention.pressure(self.workload, rows, self.now)
        return ((1.0 - np.minimum(pressure, 1.0)) * SCALE).astype(np.int64)
