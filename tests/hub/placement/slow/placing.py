"""Where instances go: the best node for each in turn, or one on each node."""

import dataclasses
from collections.abc import Callable, Iterable

from tests.hub.placement.slow.devices import ways
from tests.hub.placement.slow.fleet import Fleet, assigned
from tests.hub.placement.slow.reasons import reasons
from tests.hub.placement.slow.scores import total

from skerry_hub.model import Hold, Node, Workload


def place(
    fleet: Fleet,
    load: Workload,
    count: int,
    held: Callable[[int, Node], Iterable[Hold]] | None = None,
) -> list[str]:
    """Return the nodes that so many replicas go to, in turn; fewer where none takes one.

    `held` says which devices the replica of a number gets on a node: any that suffice.
    """
    fleet = dataclasses.replace(fleet, before=fleet)
    found: list[str] = []
    for index in range(count):
        name = best(fleet, load)
        if name is None:
            break
        node = fleet.node(name)
        holds = (held(index, node) if held else ()) or ways(fleet, load, node)[0]
        fleet = fleet.having(assigned(load, f"new-{index}", name, tuple(holds)))
        found.append(name)
    return found


def best(fleet: Fleet, load: Workload) -> str | None:
    """Return the node that the next replica goes to: the best, of equals the smallest id."""
    taking = [node for node in fleet.nodes if not reasons(fleet, load, node)]
    ranked = sorted(taking, key=lambda node: (-total(fleet, load, node), node.id))
    return ranked[0].id if ranked else None


def on_each(fleet: Fleet, load: Workload, held: Callable[[Node], Iterable[Hold]]) -> list[str]:
    """Return the nodes that get an instance of a global workload and have none.

    By their ids, and again as long as one more makes another node take one.
    """
    found: list[str] = []
    missing = sorted(fleet.nodes, key=lambda one: one.id)
    changed = True
    while changed:
        changed = False
        for node in missing:
            if any(one.workload == load.name for one in fleet.on(node)):
                continue
            if not reasons(fleet, load, node):
                made = assigned(load, f"{load.name}-{node.id}", node.id, tuple(held(node)))
                fleet, changed = fleet.having(made), True
                found.append(node.id)
    return found
