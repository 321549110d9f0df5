"""How good a node is for one more instance, in whole numbers."""

from tests.hub.placement.slow import cost, data, latency, packing
from tests.hub.placement.slow.devices import devices, free_of
from tests.hub.placement.slow.fleet import Fleet, domain
from tests.hub.placement.slow.own import is_borne, runtimes
from tests.hub.placement.slow.terms import counts, others, weight_of

from skerry_hub.model import Node, Workload
from skerry_hub.terms import Affinity, Spread

SCALE = 100_000_000
ACCELERATORS = {"gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu"}


def total(fleet: Fleet, load: Workload, node: Node) -> int:
    """Return how good a node is for one more instance; a whole number."""
    points = _by_itself(fleet, load, node)
    asked = load.placement
    for term in asked.affinity:
        points += (term.weight or 0) * _liked(fleet, load, node, term)
    for spread in asked.spread:
        points += (spread.weight or 0) * _sparse(fleet, load, node, spread)
    for near in asked.latency:
        points += (near.weight or 0) * latency.nearness(fleet, load, node, near, SCALE)
    for need in asked.data:
        points += (need.weight or 0) * data.closeness(fleet, node, need.dataset, SCALE)
    if asked.cost.weight:
        points += asked.cost.weight * cost.cheapness(fleet, load, node, SCALE)
    return points


def _by_itself(fleet: Fleet, load: Workload, node: Node) -> int:
    """Return the points of what nobody has to ask for."""
    there = fleet.on(node)
    answers = any(one.usable and one.name in ("docker", "podman") for one in runtimes(node))
    points = 160 * SCALE * answers
    disliked = [one for one in node.taints if one.effect == "PreferNoSchedule"]
    points += 48 * (SCALE // 3 ** sum(not is_borne(one, load) for one in disliked))
    if packing.packs(fleet, load):
        return points + packing.points(fleet, load, node, SCALE)
    left = packing.parts_left(fleet, load, node)
    points += 10 * min(int(one * SCALE) for one in left)
    points += 5 * (SCALE // (1 + len(there)))
    points += 80 * (SCALE // (1 + sum(one.workload == load.name for one in there)))
    if not load.resources.devices:
        points += 15 * SCALE * (not _has_idle(fleet, node))
    return points


def _has_idle(fleet: Fleet, node: Node) -> bool:
    free = free_of(fleet, node)
    return any(one.kind in ACCELERATORS and free[one.id] for one in devices(node))


def _liked(fleet: Fleet, load: Workload, node: Node, term: Affinity) -> int:
    where = domain(node, term.topology)
    there = 0 if where is None else counts(fleet, term.topology, others(fleet, load, term))[where]
    if term.anti:
        return SCALE // (1 + there)
    return SCALE if there else 0


def _sparse(fleet: Fleet, load: Workload, node: Node, term: Spread) -> int:
    where = domain(node, term.topology)
    if where is None:
        return 0
    weight = weight_of(term, where)
    return SCALE * weight // (weight + counts(fleet, term.topology, [load.name])[where])
