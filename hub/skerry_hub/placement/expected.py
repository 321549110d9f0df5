"""Who else depends on which nodes, by the workloads that are wanted. Pure.

Nothing tells a hub when the next instance comes. But of what stays for a time, as many come while
one is there as are there (Little's law); so the workloads that are wanted say what is expected to
be asked for again, each as often as it has replicas, and once more for each replica that is missing
now. It is all derived from a World, which a replay has too: weights are whole numbers, so that it
does not count in which order anything came.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Workload
from skerry_hub.placement.constraints import Requirement, all_pass, lasting_requirements_of
from skerry_hub.placement.contention import (
    MOST_NODES,
    amounts_of,
    excess_of,
    flattened,
    likely_of,
    room_of,
)
from skerry_hub.placement.node_policy import has_told_policies
from skerry_hub.placement.world import World

MOST_WORKLOADS = 1024
"""Workloads whose places are looked up, those with most replicas; fewer in a large fleet."""
LEAST_WORKLOADS = 64
MOST_ANSWERS = 2**23
"""So many answers, of workloads times nodes, are kept: a byte each."""
ONE = 2**30
"""Weights are told in parts of an instance: sums of whole numbers are the same in any order."""
MOST_LOGGED = 4096
"""So many changes are kept, and four for each node."""
_KEY = ("expected",)


@dataclasses.dataclass(slots=True)
class _Places:
    """Where one workload may be, room or not: by row, and the rows where it is few; else None."""

    workload: Workload
    needs: tuple[Requirement, ...]
    mask: Mask
    rows: Rows | None = None


class Expected:
    """The weight of each row, as the fleet and the workloads were when it was last followed.

    Kept with the fleet's boards. Between two looks nothing changes: a decision is made by one.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._key: tuple[int, int, bool] = (-1, -1, False)
        self._version: Hashable = None
        self._seen: tuple[int, ...] = ()
        self._told = 0
        self._wanted: list[Workload] = []
        self._places: dict[str, _Places] = {}
        self._typical = self._typical_before = np.zeros(len(Resource))
        self._weights: Counts = np.zeros(columns.size, dtype=np.int64)
        self.changed: list[int] = []
        """The rows of which the weight, or what it means, changed, in turn."""
        self.epoch = 0
        """Grows when that begins anew, which no board follows."""

    @property
    def presses(self) -> bool:
        """Say whether anybody depends on few nodes that are nearly full."""
        return bool(self._weights.any())

    def pressure(self, workload: Workload, rows: Rows, now: float) -> Shares:  # noqa: ARG002
        """Return how many others are expected to find no place for an instance on each row."""
        found: Shares = np.zeros(len(rows))
        weights = self._weights.take(rows)
        at = np.flatnonzero(weights)
        if len(at):
            excess = excess_of(self._columns, workload, rows.take(at), self._typical)
            found[at] = weights.take(at) / ONE * excess
        return found

    # --- following ----------------------------------------------------------------------------

    def follow(self, world: World) -> None:
        """Take in what changed of the fleet and the workloads."""
        columns = self._columns
        version = world.workloads_version
        is_same = version is not None and version == self._version
        if is_same and self._seen == self._state(world):
            return
        if not is_same:
            self._choose(world)
        self._look(world)
        self._version, self._seen = version, self._state(world)
        before, self._weights = self._weights, self._weigh()
        if self._typical_before is not self._typical:
            # What a weight means is another thing now.
            before, self._typical_before = np.zeros_like(before), self._typical
        grown = np.zeros(columns.size, dtype=np.int64)
        grown[: len(before)] = before
        anew = np.flatnonzero(self._weights != grown).tolist()
        if len(self.changed) + len(anew) > 4 * columns.size + MOST_LOGGED:
            self.changed, self.epoch = [], self.epoch + 1
        else:
            self.changed += anew

    def _state(self, world: World) -> tuple[int, ...]:
        columns = self._columns
        return len(columns.changed), columns.comings, world.rules.version

    def _choose(self, world: World) -> None:
        """Choose the workloads whose places count, and see what an instance takes in the mean."""
        wanted = [one for one in world.workloads.values() if one.mode != "global" and one.replicas]
        typical = _typical(wanted)
        if not np.array_equal(typical, self._typical):
            self._typical = typical
        if len(self._columns) > MOST_NODES:
            wanted = [one for one in wanted if _is_choosy(world, one)]
        most = MOST_ANSWERS // max(1, len(self._columns))
        wanted.sort(key=lambda one: (-one.replicas, one.name))
        self._wanted = wanted[: max(LEAST_WORKLOADS, min(MOST_WORKLOADS, most))]

    def _look(self, world: World) -> None:
        """Bring up to date where workloads may be."""
        columns = self._columns
        key = columns.comings, world.rules.version, has_told_policies(columns)
        if key != self._key:
            self._key = key
            self._places.clear()
        rows = np.fromiter(dict.fromkeys(columns.told_anew[self._told :]), np.intp)
        self._told = len(columns.told_anew)
        kept, self._places = self._places, {}
        for workload in self._wanted:
            places = kept.get(workload.name)
            if places is None or places.workload is not workload:
                places = self._first(world, workload)
            elif len(rows):
                self._again(places, rows)
            self._places[workload.name] = places

    def _first(self, world: World, workload: Workload) -> _Places:
        needs = lasting_requirements_of(world, workload)
        mask: Mask = np.zeros(self._columns.size, dtype=np.bool_)
        rows = np.sort(self._columns.rows())
        mask[rows] = all_pass(needs, self._columns, rows)
        return _Places(workload, needs, mask, _few(mask))

    def _again(self, places: _Places, rows: Rows) -> None:
        """Ask of some rows anew."""
        passes = all_pass(places.needs, self._columns, rows)
        if not np.array_equal(passes, places.mask.take(rows)):
            places.mask[rows] = passes
            places.rows = _few(places.mask)

    def _weigh(self) -> Counts:
        """Return for each row how many instances, in parts of ONE, are to find no place soon."""
        columns = self._columns
        counts: dict[bytes, int] = {}
        classes: dict[bytes, Rows] = {}
        for workload in self._wanted:
            rows = self._places[workload.name].rows
            if rows is None or not len(rows):
                continue
            key = rows.tobytes()
            classes[key] = rows
            counts[key] = counts.get(key, 0) + workload.replicas + self._missing(workload)
        found: Counts = np.zeros(columns.size, dtype=np.int64)
        if not classes:
            return found
        members, starts, lengths = flattened(list(classes.values()))
        among = np.zeros(columns.size, dtype=np.bool_)
        among[members] = True
        somewhere = np.flatnonzero(among)
        room = np.zeros(columns.size)
        room[somewhere] = room_of(columns, somewhere, self._typical)
        likely = (likely_of(room, members, starts) * ONE).astype(np.int64)
        weights = likely * np.array(list(counts.values()), dtype=np.int64)
        np.add.at(found, members, np.repeat(weights, lengths))
        return found

    def _missing(self, workload: Workload) -> int:
        return max(0, workload.replicas - len(self._columns.instances_of(workload.name)))


def _few(mask: Mask) -> Rows | None:
    """Return the rows of a class; None where they are so many that it is in nobody's way."""
    return np.flatnonzero(mask) if np.count_nonzero(mask) <= MOST_NODES else None


def _is_choosy(world: World, workload: Workload) -> bool:
    """Say whether a workload asks something of its place that a large fleet may have few of."""
    return bool(workload.constraints or workload.expressions or world.rules.policies)


def _typical(wanted: Sequence[Workload]) -> Shares:
    """Return what an instance takes in the mean, by Resource."""
    count = sum(one.replicas for one in wanted)
    total = [0] * len(Resource)
    for one in wanted:
        for resource, amount in enumerate(amounts_of(one)):
            total[resource] += amount * one.replicas
    return np.array([amount / max(1, count) for amount in total])


def expected_of(world: World) -> Expected | None:
    """Return who is expected by the workloads that are wanted; None where nobody is pressed."""
    if not world.workloads:
        return None
    columns = world.columns
    kept = columns.boards.get(_KEY)
    expected = kept if isinstance(kept, Expected) else Expected(columns)
    columns.boards[_KEY] = expected
    expected.follow(world)
    return expected if expected.presses else None
