"""The fleet as columns: what placement and liveness compute on, one row a node.

Changed in place, by one thread, after what it says was stored; it is rebuilt from the store and
is never stored itself. A plan is the same computation on a copy. No clock: `now` is an argument.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from skerry_hub.fleet.facts import AMOUNT_LIMIT, Facts, Resource, facts_of, is_of
from skerry_hub.fleet.fields import Field
from skerry_hub.fleet.ports import Port
from skerry_hub.fleet.reserved import Counts, Reserved
from skerry_hub.fleet.told import Told
from skerry_hub.model import Assignment, Liveness, Node, Taint
from skerry_wire.hardware import Accelerator
from skerry_wire.messages import Heartbeat

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
K = TypeVar("K")
V = TypeVar("V")
N = TypeVar("N", bound=np.generic)

FIRST_ROWS = 64
MAX_ASKED = 64
"""Most masks and counts of each kind that are kept because a workload asked for them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """What a node's newest heartbeat said, and when (by the hub's clock) it came."""

    uptime_s: int
    cpu_percent: float | None
    load_1m: float | None
    memory_available_bytes: int | None
    storage_available_bytes: int | None
    temperature_c: float | None
    generation: int
    seen_at: float
    battery_percent: float | None = None
    on_battery: bool | None = None
    power_w: float | None = None
    filesystems_available_bytes: Mapping[str, int] | None = None


NO_SAMPLE = Sample(0, None, None, None, None, None, 0, 0.0)
"""Stands for a node that has sent no heartbeat: it says nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Totals:
    """Amounts of one node: what it has (None: unknown), or what is reserved of it."""

    cpu_milli: int | None = None
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    accelerators: int = 0


class Predicate(Protocol):
    """A question to one node whose answer only its facts decide. Equal ones are one."""

    def __hash__(self) -> int: ...

    def holds(self, facts: Facts) -> bool:
        """Say whether a node passes."""

    def over(self, columns: Columns) -> Mask:
        """Say which of all rows pass; what is said of a row without a node means nothing."""


class Columns:
    """The nodes and what is reserved of them.

    What is reserved for a node that is not here (yet) is remembered, and counts once it is put.
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._unused: list[int] = list(reversed(range(FIRST_ROWS)))
        self._facts: list[Facts | None] = [None] * FIRST_ROWS
        self._beats: list[tuple[Heartbeat, float] | None] = [None] * FIRST_ROWS
        self._reserved = Reserved(FIRST_ROWS)
        self._sorted: Rows | None = None
        # A row without a node is never silent.
        self._seen = np.full(FIRST_ROWS, math.inf)
        self._capacity = np.zeros((len(Resource), FIRST_ROWS), dtype=np.int64)
        self._online = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._diverged = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._has_runtime = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._runtime_answers = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._idle_accelerators = np.zeros(FIRST_ROWS, dtype=np.int64)
        # Each set of taints that nodes have has a number: most nodes have none, others the same.
        self._taints = np.zeros(FIRST_ROWS, dtype=np.int32)
        self._taint_sets: dict[tuple[Taint, ...], int] = {(): 0}
        # Only for what workloads ask for: nodes may have a thousand labels each, all different.
        self._equal: dict[tuple[str, str], Mask] = {}
        self._holding: dict[Predicate, Mask] = {}
        self._told: dict[Field, Told] = {}
        self._idle_of: dict[tuple[str, str | None], Counts] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._rows

    def ids(self) -> list[str]:
        """Return the ids of all nodes, sorted."""
        return sorted(self._rows)

    def copy(self) -> Columns:
        """Return the same fleet, which changes on its own."""
        other = Columns.__new__(Columns)
        for name, value in vars(self).items():
            setattr(other, name, None if value is None else value.copy())
        other._equal = {key: mask.copy() for key, mask in self._equal.items()}
        other._told = {field: told.copy() for field, told in self._told.items()}
        other._holding = {test: mask.copy() for test, mask in self._holding.items()}
        other._idle_of = {key: count.copy() for key, count in self._idle_of.items()}
        return other

    # --- what is durably known of nodes ---------------------------------------------------

    def put(self, node: Node) -> None:
        """Add a node, or take over what has changed of it."""
        facts = facts_of(node)
        row = self._rows.get(node.id)
        before = None if row is None else self._facts[row]
        if row is None:
            row = self._new_row(facts)
        elif self.facts(row).incarnation != node.incarnation:
            self._beats[row] = None
        self._facts[row] = facts
        self._seen[row] = max(float(self._seen[row]), node.last_seen)
        for resource, amount in zip(Resource, facts.capacity, strict=True):
            self._capacity[resource, row] = min(amount or 0, AMOUNT_LIMIT - 1)
        self._online[row] = facts.liveness is Liveness.ONLINE
        self._diverged[row] = facts.diverged is not None
        self._has_runtime[row] = bool(facts.runtimes)
        self._runtime_answers[row] = any(runtime.usable for runtime in facts.runtimes)
        self._taints[row] = self._number_of(facts.taints)
        for (key, value), mask in self._equal.items():
            mask[row] = facts.equals(key, value)
        if before is None or not facts.tells_as(before):
            self._tell(row, facts)
        self._count_accelerators(row)

    def remove(self, node_id: str) -> None:
        """Forget a node, and everything that was reserved of it."""
        for assignment in self._reserved.of(node_id):
            self.release(assignment)
        row = self._rows.pop(node_id, None)
        if row is None:
            return
        self._facts[row] = self._beats[row] = self._sorted = None
        self._seen[row] = math.inf
        self._unused.append(row)

    def _tell(self, row: int, facts: Facts) -> None:
        """Take over what fields and labels say, where somebody asked for it."""
        for test, mask in self._holding.items():
            mask[row] = test.holds(facts)
        for field, told in list(self._told.items()):
            told.put(row, facts)
            if len(told) > 2 * len(self._rows) + 64:
                # Values that no node has any more must not add up.
                del self._told[field]

    def _number_of(self, taints: tuple[Taint, ...]) -> int:
        if taints not in self._taint_sets and len(self._taint_sets) > 2 * len(self._rows) + 64:
            # Sets that no node has any more must not add up.
            self._taint_sets = {(): 0}
            for row in self._rows.values():
                self._taints[row] = self._number_of(self.facts(row).taints)
        return self._taint_sets.setdefault(taints, len(self._taint_sets))

    def _new_row(self, facts: Facts) -> int:
        self._sorted = None
        if not self._unused:
            self._grow()
        row = self._rows[facts.id] = self._unused.pop()
        self._facts[row] = facts
        self._seen[row] = -math.inf
        for assignment in self._reserved.of(facts.id):
            self._reserved.count(row, assignment)
        return row

    def _grow(self) -> None:
        size = len(self._facts)
        self._unused = list(reversed(range(size, 2 * size)))
        self._facts += [None] * size
        self._beats += [None] * size
        self._reserved.double()
        for name, value in list(vars(self).items()):
            if isinstance(value, np.ndarray):
                setattr(self, name, _doubled(value))
        self._seen[size:] = math.inf
        self._equal = {key: _doubled(mask) for key, mask in self._equal.items()}
        for told in self._told.values():
            told.double()
        self._holding = {test: _doubled(mask) for test, mask in self._holding.items()}
        self._idle_of = {key: _doubled(count) for key, count in self._idle_of.items()}

    # --- signs of life --------------------------------------------------------------------

    def heartbeat(self, node_id: str, beat: Heartbeat, now: float) -> bool:
        """Take a heartbeat; False when it is not this node's present incarnation's, or not newer.

        The hot path: everything that is only looked at now and then is made of the message later.
        """
        row = self._rows.get(node_id)
        if row is None:
            return False
        newest = self._beats[row]
        if newest is not None:
            last = newest[0]
            if beat.incarnation != last.incarnation or (
                beat.seq <= last.seq if beat.boot == last.boot else beat.boot < last.boot
            ):
                return False
        elif beat.incarnation != self.facts(row).incarnation:
            return False
        self._beats[row] = beat, now
        self._seen[row] = now
        return True

    def seen(self, node_id: str, now: float) -> None:
        """Note any other sign of life."""
        row = self._rows.get(node_id)
        if row is not None:
            self._seen[row] = now

    def sample(self, node_id: str) -> Sample | None:
        """Return what the newest heartbeat said, None before the first of this incarnation."""
        row = self._rows.get(node_id)
        newest = None if row is None else self._beats[row]
        if newest is None:
            return None
        beat, seen_at = newest
        return Sample(
            uptime_s=beat.uptime_s,
            cpu_percent=beat.cpu_percent,
            load_1m=beat.load_1m,
            memory_available_bytes=beat.memory_available_bytes,
            storage_available_bytes=beat.storage_available_bytes,
            temperature_c=beat.temperature_c,
            generation=beat.generation,
            seen_at=seen_at,
            battery_percent=beat.battery_percent,
            on_battery=beat.on_battery,
            power_w=beat.power_w,
            filesystems_available_bytes=beat.filesystems_available_bytes,
        )

    def last_seen(self, node_id: str) -> float:
        """Return when the last sign of life came, 0 for a node that is not known."""
        row = self._rows.get(node_id)
        return 0.0 if row is None else float(self._seen[row])

    def silent(self, before: float) -> list[str]:
        """Return the ids, sorted, of those whose last sign of life is older."""
        rows = np.flatnonzero(self._seen < before)
        return sorted(facts.id for facts in self.each(rows))

    # --- what is reserved -----------------------------------------------------------------

    def reserve(self, assignment: Assignment) -> None:
        """Take from its node what an instance needs; what the same instance had there goes back."""
        self.release(assignment)
        row = self._rows.get(assignment.node)
        self._reserved.add(row, assignment)
        if row is not None and assignment.held:
            self._count_accelerators(row)

    def release(self, assignment: Assignment) -> None:
        """Give back what is reserved for this instance on this node, if anything is."""
        row = self._rows.get(assignment.node)
        before = self._reserved.drop(row, assignment)
        if row is not None and before is not None and before.held:
            self._count_accelerators(row)

    def _count_accelerators(self, row: int) -> None:
        idle = self.idle_accelerators(row)
        self._idle_accelerators[row] = len(idle)
        for (kind, vendor), count in self._idle_of.items():
            count[row] = _count(idle, kind, vendor)

    def capacity(self, node_id: str) -> Totals:
        """Return what a node has to give."""
        row = self._rows.get(node_id)
        facts = None if row is None else self._facts[row]
        if facts is None:
            return Totals()
        return Totals(*facts.capacity, sum(a.usable for a in facts.accelerators))

    def reserved(self, node_id: str) -> Totals:
        """Return what is reserved of a node."""
        held = self._reserved.of(node_id)
        return Totals(
            cpu_milli=sum(a.resources.cpu_milli for a in held),
            memory_bytes=sum(a.resources.memory_bytes for a in held),
            storage_bytes=sum(a.resources.storage_bytes for a in held),
            accelerators=sum(len(a.held) for a in held),
        )

    # --- what placement reads -------------------------------------------------------------

    def rows(self) -> Rows:
        """Return the rows of all nodes, by their ids. Not to be changed."""
        if self._sorted is None:
            # Kept in this order too, which makes the next sort nearly free.
            self._rows = {node_id: self._rows[node_id] for node_id in sorted(self._rows)}
            self._sorted = np.fromiter(self._rows.values(), np.intp, len(self._rows))
        return self._sorted

    def row(self, node_id: str) -> int | None:
        """Return a node's row, None where there is no such node."""
        return self._rows.get(node_id)

    def facts(self, row: int) -> Facts:
        """Return what is known of the node on this row. Raises LookupError for an unused one."""
        facts = self._facts[row]
        if facts is None:
            raise LookupError(f"row {row} has no node")
        return facts

    def each(self, rows: Rows) -> Iterator[Facts]:
        """Give what is known of the node on each row."""
        return (self.facts(row) for row in rows.tolist())

    def total(self, resource: Resource, rows: Rows) -> Counts:
        """Return how much there is; 0 where it is not known."""
        column: Counts = self._capacity[resource]
        return column.take(rows)

    def free(self, resource: Resource, rows: Rows) -> Counts:
        """Return how much is left; negative where the box has less than it had."""
        reserved: Counts = self._reserved.amounts[resource]
        return self.total(resource, rows) - reserved.take(rows)

    def free_on(self, resource: Resource, row: int) -> int:
        """Return how much is left on one row."""
        return int(self._capacity[resource, row]) - int(self._reserved.amounts[resource, row])

    def instances(self, rows: Rows) -> Counts:
        """Return how many instances of any workload are placed."""
        return self._reserved.instances.take(rows)

    def online(self, rows: Rows) -> Mask:
        """Say which are online."""
        return self._online.take(rows)

    def diverged(self, rows: Rows) -> Mask:
        """Say which are held."""
        return self._diverged.take(rows)

    def has_runtime(self, rows: Rows) -> Mask:
        """Say which have a container runtime that an executor can drive, at whatever socket."""
        return self._has_runtime.take(rows)

    def runtime_answers(self, rows: Rows) -> Mask:
        """Say which have one whose socket is where it usually is."""
        return self._runtime_answers.take(rows)

    def without_taints(self, refused: Callable[[tuple[Taint, ...]], bool], rows: Rows) -> Mask:
        """Say which have taints of which `refused` is not true; it is asked once for each set."""
        passing = np.fromiter((not refused(one) for one in self._taint_sets), np.bool_)
        return passing[self._taints.take(rows)]

    def equal(self, key: str, value: str, rows: Rows) -> Mask:
        """Say on which a constraint's key has this value."""
        mask = self._equal.get((key, value))
        if mask is None:
            everyone = self.rows()
            mask = np.zeros(len(self._facts), dtype=np.bool_)
            mask[everyone] = [facts.equals(key, value) for facts in self.each(everyone)]
            _keep(self._equal, (key, value), mask)
        return mask.take(rows)

    def holding(self, test: Predicate, rows: Rows) -> Mask:
        """Say on which a test holds."""
        mask = self._holding.get(test)
        if mask is None:
            mask = test.over(self)
            _keep(self._holding, test, mask)
        return mask.take(rows)

    def told(self, field: Field) -> Told:
        """Return what all nodes tell of a field. Not to be changed."""
        told = self._told.get(field)
        if told is None:
            told = Told(field, len(self._facts))
            told.put_all(self.rows(), self.each(self.rows()))
            _keep(self._told, field, told)
        return told

    def port_free(self, port: Port, rows: Rows) -> Mask:
        """Say on which an instance could have this port."""
        taken = self._reserved.ports.rows(port)
        if not taken:
            return np.ones(len(rows), dtype=np.bool_)
        holder = self._reserved.ports.holder
        found = (row not in taken or holder(row, port) is None for row in rows.tolist())
        return np.fromiter(found, np.bool_, len(rows))

    def port_holder(self, row: int, port: Port) -> str | None:
        """Return the instance that keeps another from having this port."""
        return self._reserved.ports.holder(row, port)

    def idle_accelerators(self, row: int) -> list[Accelerator]:
        """Return the usable accelerators that no instance holds, by their addresses."""
        facts = self.facts(row)
        if not facts.accelerators:
            return []
        held = {hold.device for a in self._reserved.of(facts.id) for hold in a.held}
        return [a for a in facts.accelerators if a.usable and f"{a.kind}/{a.address}" not in held]

    def idle_count(self, rows: Rows, kind: str | None = None, vendor: str | None = None) -> Counts:
        """Return how many accelerators (of a kind, of a vendor) are usable and not held."""
        if kind is None:
            return self._idle_accelerators.take(rows)
        vendor = None if vendor is None else vendor.casefold()
        count = self._idle_of.get((kind, vendor))
        if count is None:
            count = np.zeros(len(self._facts), dtype=np.int64)
            having = self.rows()[self._idle_accelerators[self.rows()] > 0]
            count[having] = [
                _count(self.idle_accelerators(row), kind, vendor) for row in having.tolist()
            ]
            _keep(self._idle_of, (kind, vendor), count)
        return count.take(rows)


def _count(idle: Sequence[Accelerator], kind: str, vendor: str | None) -> int:
    return sum(is_of(accelerator, kind, vendor) for accelerator in idle)


def _doubled(column: npt.NDArray[N]) -> npt.NDArray[N]:
    return np.concatenate([column, np.zeros_like(column)], axis=-1)


def _keep(asked: dict[K, V], key: K, value: V) -> None:
    """Keep what was asked for, and forget what was asked for the longest ago."""
    if len(asked) >= MAX_ASKED:
        del asked[next(iter(asked))]
    asked[key] = value
