"""CONSTRAINTS: every yes/no test of a node, as a mask over many nodes and in words for one.

Mask and words must agree: a node is refused exactly when there is a refusal. A new constraint is
a class like these and a line in the table. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np

from skerry_hub.fleet.columns import Columns, Mask, Rows
from skerry_hub.fleet.facts import AMOUNT_LIMIT, DRIVEN_RUNTIMES, Resource, is_of
from skerry_hub.fleet.ports import Port
from skerry_hub.model import Constraint, Liveness, Reason, Workload
from skerry_hub.placement.amounts import shortage_text, unit_of, up
from skerry_hub.placement.expressed import expressed_of
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.taints import taints_of
from skerry_wire.hardware import Accelerator

MAX_NAME = 128
MAX_TEXT = 1024


class Requirement(Protocol):
    """One constraint, of one workload.

    `is_used_up`: each instance placed on a node changes the answer there. `binds`: an instance
    that is there already leaves when an operator's apply finds the node refusing.
    """

    is_used_up: ClassVar[bool]
    binds: ClassVar[bool]

    @property
    def name(self) -> str:
        """Return what people call it."""

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""

    def refusals(self, columns: Columns, row: int) -> Iterable[Refusal]:
        """Give every reason of one row; none when it passes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Online:
    """Nothing new goes where the hub sees no life; what is there stays."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
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
            yield Refusal(f"neither {' nor '.join(sorted(DRIVEN_RUNTIMES))} is installed")


@dataclasses.dataclass(frozen=True, slots=True)
class Enough:
    """So much of an amount that instances share."""

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    resource: Resource
    wanted: int

    @property
    def name(self) -> str:
        """Return the amount's name."""
        return self.resource.name.lower()

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.free(self.resource, rows) >= min(self.wanted, AMOUNT_LIMIT)

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
    texts: tuple[str, ...]
    ports: tuple[Port, ...]
    name: str = "ports"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        passing = np.ones(len(rows), dtype=np.bool_)
        for port in self.ports:
            passing &= columns.port_free(port, rows)
        return passing

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give each port that is taken, and by whom."""
        for text, port in zip(self.texts, self.ports, strict=True):
            holder = columns.port_holder(row, port)
            if holder is not None:
                yield Refusal(f"port {text} is taken by {holder}", is_shortage=True)


@dataclasses.dataclass(frozen=True, slots=True)
class FreeAccelerators:
    """So many usable accelerators of a kind, and of each vendor that is asked for.

    Enough of each vendor, and enough of all together, is enough: those of any vendor take the rest.
    """

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    kind: str
    of_vendors: Mapping[str, int]
    of_any: int
    name: str = "accelerators"

    @property
    def _wanted(self) -> Iterator[tuple[str | None, int]]:
        yield from self.of_vendors.items()
        if self.of_any:
            yield None, self.of_any + sum(self.of_vendors.values())

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        passing = np.ones(len(rows), dtype=np.bool_)
        for vendor, count in self._wanted:
            passing &= columns.idle_count(rows, self.kind, vendor) >= count
        return passing

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give how many there are, are taken, and cannot be used."""
        idle = {a.address for a in columns.idle_accelerators(row)}
        facts = columns.facts(row)
        for vendor, count in self._wanted:
            there = [a for a in facts.accelerators if is_of(a, self.kind, vendor)]
            free = sum(a.address in idle for a in there)
            if free >= count:
                continue
            what = self.kind if vendor is None else f"{vendor} {self.kind}"
            usable = sum(a.usable for a in there)
            failed = facts.failed_probes.get("accelerators")
            if failed is not None:
                yield Refusal(f"accelerators are unknown: {failed}", is_unknown=True)
                continue
            yield Refusal(
                _too_few(what, count, free, usable, there),
                float(count - free),
                share=(count - free) / count,
                is_unknown=not facts.is_known,
                is_shortage=usable >= count,
            )


def _too_few(what: str, count: int, free: int, usable: int, there: Sequence[Accelerator]) -> str:
    """Return `no usable gpu free: 1 there, 1 taken`, and why others are not usable."""
    first = f"no usable {what} free" if free == 0 else f"{free} usable {what} free < {count}"
    parts = [f"{len(there)} there" if there else "none there"]
    if usable > free:
        parts.append(f"{usable - free} taken")
    broken = [a for a in there if not a.usable]
    if broken:
        reasons = dict.fromkeys(a.reason for a in broken if a.reason)
        why = f" ({'; '.join(reasons)})" if reasons else ""
        parts.append(f"{len(broken)} not usable{why}")
    if free == 0 and count > 1:
        parts.append(f"{count} wanted")
    return f"{first}: {', '.join(parts)}"


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One of the node's fields or labels, as the workload's own constraint says."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = True
    constraint: Constraint

    @property
    def name(self) -> str:
        """Return the constraint as the operator wrote it."""
        return clip(str(self.constraint), MAX_NAME)

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        equal = columns.equal(self.constraint.key, self.constraint.value, rows)
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


# --- the table ---------------------------------------------------------------------------


def _enough(resource: Resource, wanted: int) -> list[Requirement]:
    return [Enough(resource, wanted)] if wanted else []


def _ports(workload: Workload) -> list[Requirement]:
    texts = workload.resources.ports
    return [FreePorts(texts, tuple(map(Port.parse, texts)))] if texts else []


def _accelerators(workload: Workload) -> list[Requirement]:
    requests = workload.resources.devices
    found: list[Requirement] = []
    for kind in dict.fromkeys(request.kind for request in requests):
        of_vendors: dict[str, int] = {}
        of_any = 0
        for request in requests:
            if request.kind != kind:
                continue
            if request.vendor is None:
                of_any += request.count
                continue
            vendor = request.vendor.casefold()
            of_vendors[vendor] = of_vendors.get(vendor, 0) + request.count
        found.append(FreeAccelerators(kind, of_vendors, of_any))
    return found


CONSTRAINTS: tuple[tuple[str, Callable[[Workload], Sequence[Requirement]]], ...] = (
    ("online", lambda _: [Online()]),
    ("held", lambda _: [Held()]),
    ("taints", taints_of),
    ("runtime", lambda _: [Runtime()]),
    ("cpu", lambda workload: _enough(Resource.CPU, workload.resources.cpu_milli)),
    ("memory", lambda workload: _enough(Resource.MEMORY, workload.resources.memory_bytes)),
    ("storage", lambda workload: _enough(Resource.STORAGE, workload.resources.storage_bytes)),
    ("ports", _ports),
    ("accelerators", _accelerators),
    ("constraints", lambda workload: [Field(constraint) for constraint in workload.constraints]),
    ("expressions", expressed_of),
)
"""What a node must fulfil, and for each what a workload requires of that sort."""


def requirements_of(workload: Workload) -> tuple[Requirement, ...]:
    """Return everything that one workload requires of a node."""
    return tuple(need for _, ask in CONSTRAINTS for need in ask(workload))


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
