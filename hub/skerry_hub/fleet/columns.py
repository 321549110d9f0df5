"""The fleet as columns: what placement and liveness compute on, one row a node.

Changed in place, by one thread, after what it says was stored; it is rebuilt from the store and
is never stored itself. A plan is the same computation inside `trial`, undone afterwards. No clock:
`now` is an argument.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skerry_hub.devices import ACCELERATORS
from skerry_hub.fleet.arrays import Counts, Mask, Rows, Seconds
from skerry_hub.fleet.device_states import DeviceStates, State
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Facts, Resource, facts_of
from skerry_hub.fleet.fields import Field
from skerry_hub.fleet.interned import Interned
from skerry_hub.fleet.listening import Listening
from skerry_hub.fleet.ports import Port
from skerry_hub.fleet.reserved import Reserved, Where
from skerry_hub.fleet.sections import Sections
from skerry_hub.fleet.signs import Sample, Signs
from skerry_hub.fleet.silence import Silence
from skerry_hub.fleet.told import Told
from skerry_hub.model import Assignment, Liveness, Node, Taint
from skerry_hub.patience import Patience
from skerry_wire.messages import Heartbeat

FIRST_ROWS = 64
MAX_FIELDS = 256
"""Most fields whose values are kept because a workload asked for them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Totals:
    """Amounts of one node: what it has (None: unknown), or what is reserved of it."""

    cpu_milli: int | None = None
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    accelerators: int = 0


def totals_of(assignments: Collection[Assignment]) -> Totals:
    """Return what instances reserve together; a device that several share is one."""
    needing = [one for one in assignments if one.finished is None]
    held = {hold.device for one in needing for hold in one.held}
    return Totals(
        cpu_milli=sum(one.resources.cpu_milli for one in needing),
        memory_bytes=sum(one.resources.memory_bytes for one in needing),
        storage_bytes=sum(one.resources.storage_bytes for one in needing),
        accelerators=sum(device.partition("/")[0] in ACCELERATORS for device in held),
    )


class Trial:
    """Changes of columns that are undone at the end, unless somebody says to keep them."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = False

    def keep(self) -> None:
        """Let the changes stand."""
        self.kept = True


class Columns:
    """The nodes and what is reserved of them.

    What is reserved for a node that is not here (yet) is remembered, and counts once it is put.
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._unused: list[int] = list(reversed(range(FIRST_ROWS)))
        self._facts: list[Facts | None] = [None] * FIRST_ROWS
        self._signs = Signs(FIRST_ROWS)
        self.silence = Silence(FIRST_ROWS)
        """What is usual of each row's silence."""
        self._reserved = Reserved(FIRST_ROWS)
        self._sections = Sections(FIRST_ROWS)
        self._taints = Interned(FIRST_ROWS, ())
        self._devices: dict[str, DeviceStates] = {}
        self._told: dict[Field, Told] = {}
        self._sorted: Rows | None = None
        self._capacity = np.zeros((len(Resource), FIRST_ROWS), dtype=np.int64)
        self._free = np.zeros((len(Resource), FIRST_ROWS), dtype=np.int64)
        self._idle = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._online = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._lost = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._diverged = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._has_runtime = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._runtime_answers = np.zeros(FIRST_ROWS, dtype=np.bool_)
        self._undo: list[Callable[[], None]] | None = None
        self.comings = 0
        """Grows when a node comes or goes: what counts on the order of rows is made anew."""
        self.changed: list[int] = []
        """The rows of which something was put, reserved or released, in turn."""
        self.told_anew: list[int] = []
        """The rows of which something was put."""
        self.epoch = 0
        """Grows when these lists begin anew."""
        self.boards: dict[Any, Any] = {}
        """What placement keeps worked out for the fleet as it is now, by what was asked."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._rows

    def ids(self) -> list[str]:
        """Return the ids of all nodes, sorted."""
        return sorted(self._rows)

    @contextlib.contextmanager
    def trial(self) -> Iterator[Trial]:
        """Undo at the end whatever is put, removed, reserved or released within, unless kept.

        One within another is undone on its own, and kept only as long as the other.
        """
        trial = Trial()
        outer, self._undo = self._undo, []
        try:
            yield trial
        finally:
            undo, self._undo = self._undo, None
            if not trial.kept:
                for step in reversed(undo):
                    step()
            elif outer is not None:
                outer.extend(undo)
            self._undo = outer

    def _undone_by(self, step: Callable[[], None]) -> None:
        if self._undo is not None:
            self._undo.append(step)

    # --- what is durably known of nodes ---------------------------------------------------

    def put(self, node: Node) -> None:
        """Add a node, or take over what has changed of it."""
        self._put(facts_of(node), node.last_seen)

    def _put(self, facts: Facts, last_seen: float) -> None:
        row = self._rows.get(facts.id)
        before = None if row is None else self._facts[row]
        if row is None:
            row = self._new_row(facts)
            self._undone_by(lambda: self._take_row(facts.id))
        elif before is not None:
            self._undone_by(self._putting_back(row, before))
            if before.incarnation != facts.incarnation:
                self._signs.beats[row] = None
        self._facts[row] = facts
        self._signs.seen[row] = max(float(self._signs.seen[row]), last_seen)
        self._capacity[:, row] = [min(amount or 0, AMOUNT_LIMIT - 1) for amount in facts.capacity]
        self._count_free(row)
        self._online[row] = facts.liveness is Liveness.ONLINE
        self._lost[row] = facts.liveness is Liveness.LOST
        self._diverged[row] = facts.diverged is not None
        self._has_runtime[row] = bool(facts.runtimes)
        self._runtime_answers[row] = any(runtime.usable for runtime in facts.runtimes)
        self._taints.put(row, facts.taints)
        if before is None or not facts.tells_as(before):
            self._sections.put(row, facts, before)
            self._follow_devices(row, facts)
        self._touch(row)
        self.told_anew.append(row)

    def _follow_devices(self, row: int, facts: Facts) -> None:
        for kind in {one.kind for one in facts.accelerators} - self._devices.keys():
            self._states(kind)
        self._count_devices(row, facts)

    def _count_free(self, row: int) -> None:
        self._free[:, row] = self._capacity[:, row] - self._reserved.amounts[:, row]

    def _count_devices(self, row: int, facts: Facts) -> None:
        held = self._reserved.of(facts.id)
        idle = False
        for kind, states in self._devices.items():
            states.put(row, facts, held)
            idle |= kind in ACCELERATORS and any(states.states.of(row)[1])
        self._idle[row] = idle

    def remove(self, node_id: str) -> None:
        """Forget a node, and everything that was reserved of it."""
        for assignment in self._reserved.of(node_id):
            self.release(assignment)
        row = self._rows.get(node_id)
        if row is None:
            return
        self._undone_by(self._putting_back(row, self.facts(row)))
        self._take_row(node_id)

    def _putting_back(self, row: int, facts: Facts) -> Callable[[], None]:
        """Return what makes a node again what it is now."""
        beat, seen = self._signs.beats[row], float(self._signs.seen[row])
        silence = self.silence.kept(row)

        def put_back() -> None:
            self._put(facts, seen)
            at = self._rows[facts.id]
            self._signs.beats[at], self._signs.seen[at] = beat, seen
            self.silence.restore(at, silence)

        return put_back

    def _take_row(self, node_id: str) -> None:
        row = self._rows.pop(node_id)
        for assignment in self._reserved.of(node_id):
            self._reserved.uncount(row, assignment)
        self._facts[row] = self._sorted = None
        self._signs.end(row)
        self._unused.append(row)
        self.comings += 1

    def _new_row(self, facts: Facts) -> int:
        self._sorted = None
        self.comings += 1
        if not self._unused:
            self._grow()
        row = self._rows[facts.id] = self._unused.pop()
        self._facts[row] = facts
        self._signs.begin(row)
        self.silence.begin(row)
        for assignment in self._reserved.of(facts.id):
            self._reserved.count(row, assignment)
        return row

    def _grow(self) -> None:
        size = len(self._facts)
        self._unused = list(reversed(range(size, 2 * size)))
        self._facts += [None] * size
        for part in (self._signs, self.silence, self._reserved, self._sections, self._taints):
            part.double()
        for states in self._devices.values():
            states.states.double()
        for name, value in list(vars(self).items()):
            if isinstance(value, np.ndarray) and name != "_sorted":
                setattr(self, name, np.concatenate([value, np.zeros_like(value)], axis=-1))

    def _touch(self, row: int) -> None:
        """Note that a row changed, and let what no row has any more not add up."""
        self.changed.append(row)
        if len(self.changed) > 4 * len(self._facts) + 4096:
            # Whoever has not followed for so long begins anew.
            self.epoch += 1
            self.changed.clear()
            self.told_anew.clear()
            self.boards.clear()
            rows = self.rows()
            for column in (
                self._taints,
                *self._sections.columns(),
                *(states.states for states in self._devices.values()),
            ):
                column.sweep(rows)
            self._told.clear()

    # --- signs of life --------------------------------------------------------------------

    def heartbeat(self, node_id: str, beat: Heartbeat, now: float) -> bool:
        """Take a heartbeat; False when it is not of the present incarnation, or not newer."""
        row = self._rows.get(node_id)
        if row is None:
            return False
        before = self._signs.beats[row]
        if not self._signs.take(row, self.facts(row).incarnation, beat, now):
            return False
        if before is not None and before[0].boot != beat.boot:
            self.silence.forgive(row)
        return True

    def seen(self, node_id: str, now: float) -> None:
        """Note any other sign of life."""
        row = self._rows.get(node_id)
        if row is not None:
            self._signs.seen[row] = now

    def sample(self, node_id: str) -> Sample | None:
        """Return what the newest heartbeat said, None before the first of this incarnation."""
        row = self._rows.get(node_id)
        return None if row is None else self._signs.sample(row)

    def last_seen(self, node_id: str) -> float:
        """Return when the last sign of life came, 0 for a node that is not known."""
        row = self._rows.get(node_id)
        return 0.0 if row is None else float(self._signs.seen[row])

    def signs(self, rows: Rows) -> Seconds:
        """Return when the last sign of life of each came."""
        return self._signs.seen.take(rows)

    def usual_gap_s(self, node_id: str, patience: Patience, now: float) -> float | None:
        """Return how long a silence of a node is as usual; None where it is not here."""
        row = self._rows.get(node_id)
        if row is None:
            return None
        return float(self.silence.usual(np.array([row], np.intp), patience, now)[0])

    def follow_silence(self, listening: Listening, now: float) -> None:
        """Look who was heard since the last look, after which pause."""
        self.silence.follow(self._signs.seen, listening, now)

    # --- what is reserved -----------------------------------------------------------------

    def reserve(self, assignment: Assignment) -> None:
        """Take from its node what an instance needs; what the same instance had there goes back.

        What is finished needs nothing, and is not there for placement.
        """
        self.release(assignment)
        if assignment.finished is not None:
            return
        row = self._rows.get(assignment.node)
        self._reserved.add(row, assignment)
        self._undone_by(lambda: self.release(assignment))
        if row is not None:
            self._follow(row, assignment)

    def release(self, assignment: Assignment) -> None:
        """Give back what is reserved for this instance on this node, if anything is."""
        row = self._rows.get(assignment.node)
        before = self._reserved.drop(row, assignment)
        if before is None:
            return
        self._undone_by(lambda: self.reserve(before))
        if row is not None:
            self._follow(row, before)

    def _follow(self, row: int, assignment: Assignment) -> None:
        """Count anew what an instance's coming or going changes on its node."""
        self._count_free(row)
        if assignment.held:
            self._count_devices(row, self.facts(row))
        self._touch(row)

    def assigned(self, node_id: str) -> tuple[Assignment, ...]:
        """Return what is reserved of a node, instance by instance."""
        return self._reserved.of(node_id)

    def assigned_on(self, row: int) -> tuple[Assignment, ...]:
        """Return what is reserved of the node on a row, nothing of one without a node."""
        facts = self._facts[row]
        return () if facts is None else self._reserved.of(facts.id)

    def instances_of(self, workload: str) -> Mapping[Where, Assignment]:
        """Return what is reserved for a workload, by instance and node. Not to be changed."""
        return self._reserved.of_workload(workload)

    def instance_counts(self, workloads: Iterable[str]) -> list[int]:
        """Return how many instances are reserved for each of some workloads."""
        return self._reserved.counts_of(workloads)

    def capacity(self, node_id: str) -> Totals:
        """Return what a node has to give."""
        row = self._rows.get(node_id)
        facts = None if row is None else self._facts[row]
        if facts is None:
            return Totals()
        return Totals(*facts.capacity, sum(a.usable for a in facts.accelerators))

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

    @property
    def size(self) -> int:
        """Return how many rows there are, with and without a node."""
        return len(self._facts)

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
        column: Counts = self._free[resource]
        return column.take(rows)

    def free_on(self, resource: Resource, row: int) -> int:
        """Return how much is left on one row."""
        return int(self._free[resource, row])

    def instances(self, rows: Rows) -> Counts:
        """Return how many instances of any workload are placed."""
        return self._reserved.instances.take(rows)

    def online(self, rows: Rows) -> Mask:
        """Say which are online."""
        return self._online.take(rows)

    def lost(self, rows: Rows) -> Mask:
        """Say which are lost."""
        return self._lost.take(rows)

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
        passing = np.fromiter((not refused(one) for one in self._taints.records), np.bool_)
        return passing.take(self._taints.numbers.take(rows))

    def told(self, field: Field) -> Told:
        """Return what all nodes tell of a field. Not to be changed."""
        told = self._told.get(field)
        if told is None:
            if len(self._told) >= MAX_FIELDS:
                del self._told[next(iter(self._told))]
            told = self._told[field] = Told(field, self._sections.sources(field))
        return told

    def port_free(self, port: Port, rows: Rows) -> Mask:
        """Say on which an instance could have this port."""
        return ~self._reserved.ports.blocked(port, len(self._facts)).take(rows)

    def port_holder(self, row: int, port: Port) -> str | None:
        """Return the instance that keeps another from having this port."""
        return self._reserved.ports.holder(row, port)

    def states(self, kind: str) -> Interned:
        """Return which devices of a kind all nodes have, and what of them is free: `State`."""
        return self._states(kind).states

    def state(self, kind: str, row: int) -> State:
        """Return which devices of a kind one node has, and what of them is free."""
        found: State = self._states(kind).states.of(row)
        return found

    def _states(self, kind: str) -> DeviceStates:
        states = self._devices.get(kind)
        if states is None:
            states = DeviceStates(kind, len(self._facts), self._sections.hardware)
            states.put_all(self.rows(), self._facts)
            for node_id in self._reserved.holding():
                row = self._rows.get(node_id)
                if row is not None:
                    states.put(row, self.facts(row), self._reserved.of(node_id))
            self._devices[kind] = states
        return states

    def accelerators_idle(self, rows: Rows) -> Mask:
        """Say which have an accelerator of which something can be used and is not held."""
        return self._idle.take(rows)

    def bytes_per_row(self) -> float:
        """Return how much memory the columns take for each row, records apart."""
        arrays: Sequence[npt.NDArray[Any]] = (
            *(value for value in vars(self).values() if isinstance(value, np.ndarray)),
            self._signs.seen,
            self._reserved.amounts,
            self._reserved.instances,
            self._taints.numbers,
            *(column.numbers for column in self._sections.columns()),
            *(states.states.numbers for states in self._devices.values()),
        )
        taken = sum(one.nbytes for one in arrays) + self.silence.nbytes
        return taken / max(1, len(self._facts))
