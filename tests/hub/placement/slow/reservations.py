"""Room that is kept for others: what they do not use yet of it nobody else gets."""

from collections.abc import Iterator

from tests.hub.placement.slow.amounts import words
from tests.hub.placement.slow.fleet import Fleet, Reason, is_meant, selects
from tests.hub.placement.slow.own import AMOUNTS, left_of

from skerry_hub.model import Node, Workload


def reasons(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give each amount of which too little is left beside what is kept for others."""
    for_others = [one for one in fleet.reservations() if not selects(one.selector, load)]
    for name, field in AMOUNTS.items():
        wanted = getattr(load.resources, field)
        keeping = [one for one in for_others if getattr(one, field)]
        here = [one for one in keeping if is_meant(node, one.nodes)]
        if not wanted or not here:
            continue
        kept = unused(fleet, node, field, here)
        left = left_of(fleet, node, name) - kept
        if left < wanted:
            called = ", ".join(one.name for one in keeping)
            yield Reason(
                f"reservation {called}",
                (
                    words(name, kept, up=True),
                    words(name, max(0, left), up=False),
                    words(name, wanted, up=True),
                ),
            )


def unused(fleet: Fleet, node: Node, field: str, reservations: list) -> int:
    """Return how much of an amount reservations keep on a node that nobody uses.

    What a workload has there fills the first of its reservations by name, and what is over the
    next one; of several workloads the first by name fills first.
    """
    used = dict.fromkeys(sorted(fleet.workloads), 0)
    for one in fleet.on(node):
        used[one.workload] += getattr(one.resources, field)
    found = 0
    for reservation in reservations:
        missing = getattr(reservation, field)
        for name, over in used.items():
            if selects(reservation.selector, fleet.workloads[name]):
                filling = min(missing, over)
                missing, used[name] = missing - filling, over - filling
        found += missing
    return found
