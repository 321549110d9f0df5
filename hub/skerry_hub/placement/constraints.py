"""CONSTRAINTS: every yes/no test of a node, as a mask over many nodes and in words for one.

Mask and words must agree: a node is refused exactly when there is a refusal. A new constraint is
a class like these and a line in the table. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import AMOUNT_LIMIT, DRIVEN_RUNTIMES, Resource
from skerry_hub.fleet.fields import Single, field
from skerry_hub.fleet.ports import Port
from skerry_hub.model import Constraint, Liveness, Reason, Workload
from skerry_hub.placement.amounts import shortage_text, unit_of, up
from skerry_hub.placement.cost import affordable_of
from skerry_hub.placement.data import data_of
from skerry_hub.placement.device_needs import device_needs_of
from skerry_hub.placement.device_paths import device_paths_of
from skerry_hub.placement.expressed import expressed_of
from skerry_hub.placement.governance import governed_of
from skerry_hub.placement.maintenance import maintenance_of
from skerry_hub.placement.nearness import within_of
from skerry_hub.placement.node_policy import within_policy_of
from skerry_hub.placement.refusal import IN_THE_WAY, Refusal
from skerry_hub.placement.reservations import unreserved_of
from skerry_hub.placement.runtime_limits import within_runtime_of
from skerry_hub.placement.taints import taints_of
from skerry_hub.placement.world import World

MAX_NAME = 128
MAX_TEXT = 1024
FEW = 256
"""So few nodes are asked everything at once."""


class Requirement(Protocol):
    """One constraint, of one workload.

    `is_used_up`: each instance placed on a node changes the answer there. `binds`: an instance
    that is there already leaves when an operator's apply finds the node refusing. `gives_way`:
    something could be changed so that the node passes: see `easing`.
    """

    is_used_up: ClassVar[bool]
    binds: ClassVar[bool]
    gives_way: ClassVar[bool]

    @property
    def name(self) -> str:
        """Return what people call it."""

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""

    def refusals(self, columns: Columns, row: int) -> Iterable[Refusal]:
        """Give every reason of one row; none when it passes."""


@runtime_checkable
class Measured(Protocol):
    """A constraint that says how far a node is from passing."""

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return what part is missing: 0 where a row passes, up to 1."""


@dataclasses.dataclass(frozen=True, slots=True)
class Online:
    """Nothing new goes where the hub sees no life; what is there stays."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = False
    name: str = "online"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.online(rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give the liveness."""
        liveness = columns.facts(row).liveness
        if liveness is not Liveness.ONLINE:
            yield Refusal(f"node is {liveness}")


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """Nothing new goes to a node that the hub issues nothing to."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = False
    name: str = "held"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return ~columns.diverged(rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give why it is held."""
        diverged = columns.facts(row).diverged
        if diverged is not None:
            yield Refusal(f"node is held as diverged: {diverged}")


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """A container runtime that an executor can drive.

    One that is installed is enough: its socket may be at a place that only the executor's settings
    name. A node whose socket is found is preferred (the score `runtime`).
    """

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = False
    name: str = "runtime"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.has_runtime(rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what is known of its runtimes."""
        facts = columns.facts(row)
        if facts.runtimes:
            return
        if not facts.is_known:
            yield Refusal("hardware is not known yet", is_unknown=True)
        elif (why := facts.failed_probes.get("runtimes")) is not None:
            yield Refusal(f"container runtimes are unknown: {why}", is_unknown=True)
        else:
            yield Refusal(f"none of {', '.join(sorted(DRIVEN_RUNTIMES))} is installed")


@dataclasses.dataclass(frozen=True, slots=True)
class Enough:
    """So much of an amount that instances share."""

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    resource: Resource
    wanted: int

    @property
    def name(self) -> str:
        """Return the amount's name."""
        return self.resource.name.lower()

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.free(self.resource, rows) >= min(self.wanted, AMOUNT_LIMIT)

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return what part of what is wanted is missing, 0 to 1."""
        wanted = max(1, min(self.wanted, AMOUNT_LIMIT))
        missing = (wanted - columns.free(self.resource, rows)) / wanted
        return np.clip(missing, 0.0, 1.0)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give the shortage."""
        free = columns.free_on(self.resource, row)
        if free >= min(self.wanted, AMOUNT_LIMIT):
            return
        if columns.facts(row).capacity[self.resource] is None:
            text = f"{self.name} of the node is unknown, {up(self.resource, self.wanted)} wanted"
            yield Refusal(text, is_unknown=True, is_shortage=True)
            return
        short = self.wanted - free
        _, unit = unit_of(self.resource, self.wanted)
        yield Refusal(
            shortage_text(self.resource, free, self.wanted),
            round(short / unit, 3),
            share=min(1.0, short / self.wanted),
            is_shortage=True,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class FreePorts:
    """Ports of the node that no other instance listens on."""

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    texts: tuple[str, ...]
    ports: tuple[Port, ...]
    name: str = "ports"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        passing = np.ones(len(rows), dtype=np.bool_)
        for port in self.ports:
            passing &= columns.port_free(port, rows)
        return passing

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return what part is missing: the ports are there, and another has one."""
        return np.where(self.mask(columns, rows), 0.0, IN_THE_WAY)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give each port that is taken, and by whom."""
        for text, port in zip(self.texts, self.ports, strict=True):
            holder = columns.port_holder(row, port)
            if holder is not None:
                taken = f"port {text} is taken by {holder}"
                yield Refusal(taken, share=IN_THE_WAY, is_shortage=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One of the node's fields or labels, as the workload's own constraint says."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    constraint: Constraint

    @property
    def name(self) -> str:
        """Return the constraint as the operator wrote it."""
        return clip(str(self.constraint), MAX_NAME)

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        value = self.constraint.value
        told = columns.told(field(self.constraint.key))
        equal = told.holding(value, lambda values: _equals(values, value), rows)
        return equal if self.constraint.operator == "==" else ~equal

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give the value that the node has instead."""
        facts = columns.facts(row)
        key, wanted = self.constraint.key, self.constraint.value
        if facts.equals(key, wanted) == (self.constraint.operator == "=="):
            return
        found = facts.value(key)
        if found is None:
            text, unknown = f'{key} is not set, not "{wanted}"', not facts.is_known
        elif self.constraint.operator == "==":
            text, unknown = f'{key} is "{found}", not "{wanted}"', False
        else:
            text, unknown = f'{key} is "{found}", which is excluded', False
        yield Refusal(text, is_unknown=unknown)


def _equals(values: tuple[Single, ...], wanted: str) -> bool:
    """Say whether a field has a value; an architecture has several names, in any case."""
    return wanted in values or (len(values) > 1 and wanted.lower() in values)


# --- the table ---------------------------------------------------------------------------


def _enough(resource: Resource, wanted: int) -> list[Requirement]:
    return [Enough(resource, wanted)] if wanted else []


def _ports(workload: Workload) -> list[Requirement]:
    texts = workload.resources.ports
    return [FreePorts(texts, tuple(map(Port.parse, texts)))] if texts else []


CONSTRAINTS: tuple[tuple[str, Callable[[World, Workload], Sequence[Requirement]]], ...] = (
    ("online", lambda _world, _: [Online()]),
    ("held", lambda _world, _: [Held()]),
    ("taints", lambda _world, workload: taints_of(workload)),
    ("runtime", lambda world, workload: [Runtime(), *within_runtime_of(world, workload)]),
    ("cpu", lambda _world, one: _enough(Resource.CPU, one.resources.cpu_milli)),
    ("memory", lambda _world, one: _enough(Resource.MEMORY, one.resources.memory_bytes)),
    ("storage", lambda _world, one: _enough(Resource.STORAGE, one.resources.storage_bytes)),
    ("ports", lambda _world, workload: _ports(workload)),
    ("devices", lambda _world, workload: device_needs_of(workload)),
    ("device nodes", lambda _world, workload: device_paths_of(workload)),
    ("constraints", lambda _world, workload: [Field(one) for one in workload.constraints]),
    ("expressions", lambda _world, workload: expressed_of(workload)),
    ("policies", governed_of),
    ("node policy", within_policy_of),
    ("maintenance", lambda world, _: maintenance_of(world)),
    ("reservations", unreserved_of),
    ("latency", within_of),
    ("cost", affordable_of),
    ("data", data_of),
)
"""What a node must fulfil, and for each what a workload requires of that sort."""

LASTING = frozenset(
    {"online", "held", "taints", "runtime", "device nodes", "constraints", "expressions"}
    | {"policies", "node policy"}
)
"""Those whose answers a node's own record gives, but for what instances use up."""


def requirements_of(world: World, workload: Workload) -> tuple[Requirement, ...]:
    """Return everything that one workload requires of a node."""
    return tuple(need for _, ask in CONSTRAINTS for need in ask(world, workload))


def all_pass(needs: Sequence[Requirement], columns: Columns, rows: Rows) -> Mask:
    """Say which rows pass all of these."""
    passes: Mask = np.ones(len(rows), dtype=np.bool_)
    for at, need in enumerate(needs):
        passes &= need.mask(columns, rows)
        if len(rows) > FEW and 2 * int(np.count_nonzero(passes)) < len(rows):
            # Most are refused already: the others are asked only of what is left.
            kept = np.flatnonzero(passes)
            passes[kept] = all_pass(needs[at + 1 :], columns, rows.take(kept))
            break
    return passes


def lasting_requirements_of(world: World, workload: Workload) -> tuple[Requirement, ...]:
    """Return what one workload requires of a node whatever time it is and wherever others are."""
    return tuple(
        need
        for name, ask in CONSTRAINTS
        if name in LASTING
        for need in ask(world, workload)
        if not need.is_used_up
    )


def lack_of(need: Requirement, columns: Columns, rows: Rows) -> Shares:
    """Return how far rows are from passing, 0 (they pass) to 1: so much of it is missing."""
    if isinstance(need, Measured):
        return need.lack(columns, rows)
    return (~need.mask(columns, rows)).astype(np.float64)


def refusals_of(
    columns: Columns, requirements: Iterable[Requirement], row: int
) -> list[tuple[str, Refusal]]:
    """Return every reason of one node, each with the name of its constraint."""
    return [
        (need.name, refusal) for need in requirements for refusal in need.refusals(columns, row)
    ]


def reason_of(name: str, refusal: Refusal) -> Reason:
    """Return a reason as people are shown it."""
    return Reason(constraint=name, text=clip(refusal.text, MAX_TEXT), missing=refusal.missing)


def clip(text: str, most: int) -> str:
    """Return a text that fits a limit."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
