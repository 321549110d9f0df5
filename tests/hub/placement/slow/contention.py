"""Who else depends on a node: workloads that may be on few nodes, which have little room left.

What may be on the same nodes, whatever time it is and wherever others are, is a class. It comes as
often as it has replicas, and once more for each that is missing. The room of its nodes, in typical
instances, says how likely its next one finds none: e times less for each THETA of room. What an
instance takes of that is its pressure. Doubles throughout, in the engine's order: the same on every
machine.
"""

from tests.hub.placement.slow import box_policy, own, policies
from tests.hub.placement.slow.fleet import Fleet
from tests.hub.placement.slow.own import AMOUNTS, left_of

from skerry_hub.model import Node, Resources, Workload

THETA = 1.5
ONE = 2**30
"""Likelihoods are told in parts of this."""
STEPS = 64
FALL = 0.984496437005408405986988829697
"""exp(-1/STEPS)."""
LASTING = (own.state, own.taints, own.asked, policies.reasons, box_policy.alone)
"""What a node's own record says."""
NOTHING = Resources()


def uncontended(fleet: Fleet, load: Workload, node: Node, scale: int) -> int:
    """Return how little an instance takes from others, of so many points."""
    return int((1.0 - min(pressure(fleet, load, node), 1.0)) * scale)


def pressure(fleet: Fleet, load: Workload, node: Node) -> float:
    """Return how many others are expected to find no place for an instance on a node."""
    then = fleet.before or fleet
    wanted = [one for one in fleet.workloads.values() if one.mode != "global" and one.replicas]
    typical = {
        name: sum(getattr(one.resources, field) * one.replicas for one in wanted)
        / max(1, sum(one.replicas for one in wanted))
        for name, field in AMOUNTS.items()
    }
    classes: dict[tuple[str, ...], int] = {}
    for one in wanted:
        places = tuple(box.id for box in fleet.nodes if _may_be(fleet, one, box))
        more = max(0, one.replicas - len(then.of(one.name)))
        classes[places] = classes.get(places, 0) + one.replicas + more
    weight = 0
    for places, count in classes.items():
        if node.id in places:
            room = sum(room_of(then, then.node(name), typical, NOTHING) for name in places)
            weight += int(decay(room / THETA) * ONE) * count
    free = room_of(fleet, node, typical, NOTHING)
    lost = free - room_of(fleet, node, typical, load.resources)
    return weight / ONE * (1.0 / decay(lost / THETA) - 1.0)


def _may_be(fleet: Fleet, load: Workload, node: Node) -> bool:
    """Say whether a workload may be on a node, room or not, whatever time it is."""
    return not any(True for look in LASTING for _ in look(fleet, load, node))


def room_of(fleet: Fleet, node: Node, typical: dict[str, float], taken: Resources) -> float:
    """Return for how many typical instances a node has room, beside what is taken."""
    rooms = [
        (left_of(fleet, node, name) - getattr(taken, AMOUNTS[name])) / each
        for name, each in typical.items()
        if each > 0
    ]
    return max(min(rooms), 0.0) if rooms else 0.0


def decay(x: float) -> float:
    """Return exp(-x) to four digits: a straight line between steps."""
    scaled = min(max(x, 0.0), 40.0) * STEPS
    whole = int(scaled)
    rest = scaled - whole
    return _power(whole) * (1.0 - rest) + _power(whole + 1) * rest


def _power(steps: int) -> float:
    found = 1.0
    for _ in range(steps):
        found *= FALL
    return found
