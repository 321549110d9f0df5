"""Whose end would make room: every set of less important instances of every node is tried.

The best is the one whose most important instance is the least important; then the one with the
fewest; then that on the node with the smallest id.
"""

import dataclasses
import itertools
from collections.abc import Iterator

from tests.hub.placement.slow.fleet import Fleet
from tests.hub.placement.slow.reasons import reasons

from skerry_hub.model import Assignment, Node, Workload


@dataclasses.dataclass(frozen=True)
class Way:
    """A set of instances on a node whose end lets one more instance come there."""

    node: str
    victims: tuple[Assignment, ...]

    @property
    def worth(self) -> tuple[int, int, str]:
        """Return what tells ways apart, the better the smaller."""
        return max(one.priority for one in self.victims), len(self.victims), self.node


def best(fleet: Fleet, load: Workload) -> Way | None:
    """Return the best way to make room; None where there is none, or nobody has to end."""
    takers = [node for node in fleet.nodes if not reasons(fleet, load, node)]
    if takers or load.placement.preemption == "Never":
        return None
    having = {one.node for one in fleet.of(load.name)} if load.mode == "global" else set()
    found = [
        way for node in fleet.nodes if node.id not in having for way in ways(fleet, load, node)
    ]
    return min(found, key=lambda way: way.worth, default=None)


def ways(fleet: Fleet, load: Workload, node: Node) -> Iterator[Way]:
    """Give every set of instances whose end lets one more come to a node."""
    lesser = [
        one
        for one in fleet.on(node)
        if one.priority < load.placement.priority and one.workload != load.name
    ]
    for count in range(1, len(lesser) + 1):
        for victims in itertools.combinations(lesser, count):
            left = fleet.without(*(one.id for one in victims))
            if not reasons(left, load, node):
                yield Way(node.id, victims)
