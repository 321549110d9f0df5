"""Where least goes to waste: what the demand cannot use of a node's free devices, and fullness.

A sort of demand is what instances with one request for devices ask for. Of a node's free devices it
can use those that suit it: none where too few are whole enough, or an instance's processors or
memory are not free, and no more than 7/4 of what processors and memory are in proportion.
"""

import math
from collections import Counter
from collections.abc import Sequence

from tests.hub.placement.slow.contention import uncontended
from tests.hub.placement.slow.devices import Device, devices, fits, free_of
from tests.hub.placement.slow.fleet import Fleet
from tests.hub.placement.slow.own import left_of

from skerry_hub.model import Node, Workload
from skerry_hub.terms import DeviceRequest

MIB = 2**20
WEIGHTS = 2**20
"""What the weights of all sorts of one kind add up to, about."""
Sort = tuple[int, int, DeviceRequest]
"""Thousandths of processors, MiB, and the request."""


def packs(fleet: Fleet, load: Workload) -> bool:
    """Say whether a workload goes where least goes to waste."""
    return (load.placement.strategy or fleet.strategy) == "pack"


def points(fleet: Fleet, load: Workload, node: Node, scale: int) -> int:
    """Return how little goes to waste, and how little is taken from those who have few places.

    6400 for those, 100 for each kind of device that is asked for, and how full the node is.
    """
    kinds = {one.kind for load in fleet.asked for one in load.resources.devices}
    full = 1.0 - sum(parts_left(fleet, load, node)) / 2
    spared = 6400 * uncontended(fleet, load, node, scale)
    if not kinds:
        return spared + int(full * scale)
    wasted = sum(_unfragmented(fleet, load, node, kind, scale) for kind in kinds)
    # Fullness decides only between what is equal otherwise.
    return spared + 100 * wasted + int(full * 99)


def parts_left(fleet: Fleet, load: Workload, node: Node) -> tuple[float, float]:
    """Return which part of its processors and of its memory a node would have left.

    As doubles, as the engine has it: they are the same on every machine, but a division of whole
    numbers may give another point.
    """
    wanted = load.resources
    cpu = max(0, left_of(fleet, node, "cpu") - wanted.cpu_milli)
    memory = max(0, left_of(fleet, node, "memory") - wanted.memory_bytes)
    bare = Fleet((node,))
    return (
        cpu / max(left_of(bare, node, "cpu"), 1),
        memory / max(left_of(bare, node, "memory"), 1),
    )


def _unfragmented(fleet: Fleet, load: Workload, node: Node, kind: str, scale: int) -> int:
    """Return half of all points where nothing is lost or won, and in whole units less or more."""
    width = max(len(_of_kind(one, kind)) for one in fleet.nodes)
    most = max(1, width * 1000 * 4 * WEIGHTS)
    cost = added(fleet, load, node, kind)
    # A share is of the fullest device that has it.
    free = free_of(fleet, node)
    least = cost[min(cost, key=lambda name: free.get(name, 0))] if cost else 0
    return min(max(scale // 2 - least // math.ceil(2 * most / scale), 0), scale)


def added(fleet: Fleet, load: Workload, node: Node, kind: str) -> dict[str, int]:
    """Return what an instance would add to what cannot be used, by the device of its one share.

    Whole devices, and several at once, are taken as they are listed. Without a share of one device
    there is one answer, under no name.
    """
    there, free = _of_kind(node, kind), free_of(fleet, node)
    if not there:
        return {}
    wanted = load.resources
    cpu, memory = (max(0, left_of(fleet, node, name)) for name in ("cpu", "memory"))
    weights = _weights(fleet, kind)
    before = _unusable(there, free, cpu, memory // MIB, weights)
    requests = [one for one in wanted.devices if one.kind == kind]
    single = [one for one in requests if one.share_milli < 1000 and one.count == 1][:1]
    after = dict(free)
    for request in sorted(requests, key=lambda one: one.share_milli < 1000 and one.count == 1):
        if request not in single:
            _take(after, request, there)
    left = max(0, cpu - wanted.cpu_milli), max(0, memory - wanted.memory_bytes) // MIB
    if not single:
        return {"": _unusable(there, after, *left, weights) - before}
    found = {}
    for device in there:
        if fits(single[0], device) and after[device.id] >= single[0].share_milli:
            tried = after | {device.id: after[device.id] - single[0].share_milli}
            found[device.id] = _unusable(there, tried, *left, weights) - before
    return found


def _take(free: dict[str, int], request: DeviceRequest, there: Sequence[Device]) -> None:
    suiting = [one.id for one in there if fits(request, one)]
    for name in [one for one in suiting if free[one] >= request.share_milli][: request.count]:
        free[name] -= request.share_milli


def _unusable(
    there: Sequence[Device],
    free: dict[str, int],
    cpu: int,
    memory_mib: int,
    weights: dict[Sort, int],
) -> int:
    """Return the weighted quarters of thousandths that the demand cannot use."""
    everything = 4 * sum(free[one.id] for one in there)
    found = 0
    for sort, weight in weights.items():
        needs_cpu, needs_mib, request = sort
        suiting = [
            free[one.id]
            for one in there
            if fits(request, one) and free[one.id] >= request.share_milli
        ]
        usable = 4 * sum(suiting) if len(suiting) >= request.count else 0
        for left, needed in ((cpu, needs_cpu), (memory_mib, needs_mib)):
            if needed > left:
                usable = 0
            elif needed:
                usable = min(usable, 7 * left * request.count * request.share_milli // needed)
        found += weight * (everything - usable)
    return found


def _weights(fleet: Fleet, kind: str) -> dict[Sort, int]:
    """Return how much each sort counts: how often it comes, and more where few devices suit it."""
    asked: Counter[Sort] = Counter()
    for load in fleet.asked:
        memory_mib = math.ceil(load.resources.memory_bytes / MIB)
        for request in load.resources.devices:
            if request.kind == kind:
                asked[load.resources.cpu_milli, memory_mib, request] += max(1, load.replicas)
    there = [device for node in fleet.nodes for device in _of_kind(node, kind)]
    weights = {}
    for sort, count in asked.items():
        suiting = sum(fits(sort[2], device) for device in there)
        weights[sort] = math.isqrt(count**2 * 4096 * len(there) // max(1, suiting))
    together = max(1, sum(weights.values()))
    return {sort: max(1, weight * WEIGHTS // together) for sort, weight in weights.items()}


def _of_kind(node: Node, kind: str) -> list[Device]:
    return [one for one in devices(node) if one.kind == kind]
