"""Round-trip times: whether a node is near enough to a place, and how near it is.

What the time between two places is, is not decided here; what follows from it is.
"""

from collections.abc import Iterator

from tests.hub.placement.slow.fleet import Fleet, Reason, Time, domain

from skerry_hub.model import Node, Workload
from skerry_hub.terms import Latency

USUAL_MS = 50.0
"""At this distance a wish without a limit is half fulfilled."""


def reasons(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give each limit that is not kept; what is not known keeps none."""
    for term in load.placement.latency:
        if term.max_ms is None:
            continue
        known = time_to(fleet, load, node, term)
        if known is None:
            yield Reason(str(term), ("not known",))
        elif known[0] > term.max_ms:
            sure = (f"{known[1]:.3g}",) if known[1] else ()
            over_ms = round(known[0] - term.max_ms, 3)
            yield Reason(str(term), (f"{term.max_ms:g} ms", *sure), over_ms)


def time_to(fleet: Fleet, load: Workload, node: Node, term: Latency) -> Time | None:
    """Return the time to the nearest of what a term names; None where nobody knows it."""
    if term.to == "endpoint":
        return fleet.times(node.id, f"endpoint/{term.name}")
    places = _places(fleet, load, term)
    if node.id in places:
        return 0.0, 0.0  # it is there
    known = [fleet.times(node.id, place) for place in sorted(places)]
    return min((one for one in known if one is not None), key=lambda one: one[0], default=None)


def _places(fleet: Fleet, load: Workload, term: Latency) -> set[str]:
    """Return the nodes that a term names."""
    if term.to == "workload":
        others = fleet.of(term.name) if term.name != load.name else []
        return {one.node for one in others}
    if term.to == "site":
        return {node.id for node in fleet.nodes if domain(node, "site") == term.name}
    by_id = {node.id for node in fleet.nodes if node.id == term.name}
    return by_id or {node.id for node in fleet.nodes if node.hostname == term.name}


def nearness(fleet: Fleet, load: Workload, node: Node, term: Latency, scale: int) -> int:
    """Return how much of a wish is fulfilled, of so many points: half of it at its limit."""
    known = time_to(fleet, load, node, term)
    if known is None:
        return 0
    half_us = round((term.max_ms or USUAL_MS) * 1000)
    return scale * half_us // (half_us + int(known[0] * 1000))
