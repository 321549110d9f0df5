"""The fleet as plain records: its nodes, what is placed, what is wanted, what holds for all."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.hub.placement.slow.expressions import holds

from skerry_hub.documents import (
    Dataset,
    Document,
    Policy,
    Prices,
    Reservation,
    Window,
)
from skerry_hub.model import Assignment, Hold, Node, Workload

ARCHES = ({"x86_64", "amd64"}, {"aarch64", "arm64"})
Time = tuple[float, float]
"""Milliseconds, and the error of that."""


def no_times(_node: str, _place: str) -> Time | None:
    """Return what is known of a fleet in which nobody measured anything."""
    return None


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a node refuses: the constraint, what its words have to say, and the shortage.

    `says` are numbers with their units and names, each as it has to stand in the words.
    """

    constraint: str
    says: tuple[str, ...] = ()
    missing: float | None = None


@dataclasses.dataclass(frozen=True)
class Fleet:
    """The nodes, all that is placed on them, all workloads that are wanted, and the rest.

    `times` gives the round-trip time between a node and a place; `asked` are the workloads that
    say what else the fleet is asked for, none where nobody counts that.
    """

    nodes: Sequence[Node]
    placed: Sequence[Assignment] = ()
    workloads: Mapping[str, Workload] = dataclasses.field(default_factory=dict)
    documents: Sequence[Document] = ()
    times: Callable[[str, str], Time | None] = no_times
    now: float = 0.0
    strategy: str = "spread"
    asked: Sequence[Workload] = ()
    before: "Fleet | None" = None
    """As it was when the decision began that is being made: by that is told who is expected."""

    def on(self, node: Node) -> list[Assignment]:
        """Return what is on a node."""
        return [one for one in self.placed if one.node == node.id]

    def of(self, workload: str) -> list[Assignment]:
        """Return what a workload has."""
        return [one for one in self.placed if one.workload == workload]

    def having(self, *more: Assignment) -> "Fleet":
        """Return the fleet with more placed."""
        return dataclasses.replace(self, placed=(*self.placed, *more))

    def without(self, *ids: str) -> "Fleet":
        """Return the fleet without some instances."""
        kept = tuple(one for one in self.placed if one.id not in ids)
        return dataclasses.replace(self, placed=kept)

    def node(self, name: str) -> Node:
        """Return a node by its id."""
        return next(node for node in self.nodes if node.id == name)

    def documents_of(self, kind: type) -> Iterator[Document]:
        """Give the documents of one kind, by name."""
        for one in sorted(self.documents, key=lambda one: one.name):
            if isinstance(one, kind):
                yield one

    def policies(self, load: Workload) -> list[Policy]:
        """Return the policies that are about a workload."""
        return [
            one
            for one in self.documents_of(Policy)
            if (not one.projects or load.project in one.projects) and selects(one.selector, load)
        ]

    def prices(self, node: Node) -> Prices:
        """Return by which prices a node counts: of those that name it, the last by name."""
        naming = [one for one in self.documents_of(Prices) if is_meant(node, one.nodes)]
        return naming[-1] if naming else Prices(name="none")

    def dataset(self, name: str) -> Dataset | None:
        """Return a dataset, None where no document describes it."""
        return next((one for one in self.documents_of(Dataset) if one.name == name), None)

    def reservations(self) -> list[Reservation]:
        """Return those that hold room now."""
        return [
            one
            for one in self.documents_of(Reservation)
            if one.start <= self.now and (one.end is None or self.now < one.end)
        ]

    def windows(self) -> Iterator[Window]:
        """Give the times of maintenance, whether it is one now or not."""
        yield from self.documents_of(Window)


def assigned(load: Workload, name: str, node: str, holds: Sequence[Hold]) -> Assignment:
    """Return an instance of a workload as it would be on a node."""
    return Assignment(
        id=name,
        workload=load.name,
        revision="",
        node=node,
        resources=load.resources,
        held=tuple(holds),
        priority=load.placement.priority,
    )


def selects(selector: str, load: Workload) -> bool:
    """Say whether a selector of `key=value` and `key!=value` fits a workload's labels."""
    for part in filter(None, selector.split(",")):
        key, negated, value = re.fullmatch(r"([^=!]+)(!?)=(.*)", part).groups()
        if (load.labels.get(key) == value) == bool(negated):
            return False
    return True


def is_meant(node: Node, texts: Sequence[str]) -> bool:
    """Say whether all expressions of a document hold on a node."""
    return all(holds(text, lambda path: told(node, path)) for text in texts)


def labels(node: Node) -> dict[str, str]:
    """Return a node's labels; those of the hub come before its own."""
    own = dict(node.capability.hardware.labels) if node.capability else {}
    return own | dict(node.labels)


def domain(node: Node, topology: str) -> str | None:
    """Return the domain of a node, None where it is in none."""
    return node.id if topology == "node" else labels(node).get(topology)


def is_in(node: Node, topology: str, domains: Sequence[str]) -> bool:
    """Say whether a node is in one of some domains; it is known by its id or its hostname."""
    if topology == "node":
        return node.id in domains or node.hostname in domains
    return domain(node, topology) in domains


def told(node: Node, path: str) -> list[str]:
    """Return the values of a node's field as texts; an architecture has several names."""
    if path.startswith("node.labels."):
        label = path.removeprefix("node.labels.")
        return [labels(node)[label]] if label in labels(node) else []
    if path == "node.id":
        return [node.id]
    if node.capability is None:
        # Its id is all that it is known by.
        return [node.id] if path == "node.hostname" else []
    hardware = node.capability.hardware
    arch = hardware.system.arch
    values = {
        "node.hostname": [hardware.system.hostname],
        "node.platform.os": ["linux"],
        "node.platform.arch": next((names for names in ARCHES if arch in names), {arch}),
        "node.hardware.memory.total_bytes": [hardware.memory.total_bytes],
        "node.hardware.cpu.logical_count": [hardware.cpu.logical_count],
        "node.hardware.accelerators.kind": [one.kind for one in hardware.accelerators],
    }
    return [str(one) for one in values[path] if one is not None]
