"""What a workload asks of a node, whatever its name: workloads of one shape share a board. Pure."""

from __future__ import annotations

from collections.abc import Hashable

from skerry_hub.model import Workload
from skerry_hub.placement.cost import Costs
from skerry_hub.placement.demand import NO_DEMAND
from skerry_hub.placement.device_paths import device_paths_of
from skerry_hub.placement.expected import expected_of
from skerry_hub.placement.fragmentation import fragmentation_of, kinds_of
from skerry_hub.placement.governance import offences, policies_of
from skerry_hub.placement.maintenance import maintenance_of
from skerry_hub.placement.nearness import origins_of
from skerry_hub.placement.node_policy import asked_of_policies, has_limits_as_kept, limits_told
from skerry_hub.placement.packing import packs
from skerry_hub.placement.reservations import unreserved_of
from skerry_hub.placement.rules import NO_RULES
from skerry_hub.placement.runtime_limits import asked_of_runtimes
from skerry_hub.placement.taints import are_preferences_told
from skerry_hub.placement.topology import topologies_of
from skerry_hub.placement.world import World
from skerry_hub.terms import ANYWHERE, Cost
from skerry_wire import codec

MOST_ELSEWHERE = 1024
"""Most answers about all nodes that are kept."""
_ELSEWHERE = ("elsewhere",)


def shape_of(world: World, workload: Workload) -> Hashable | None:
    """Return what tells shapes apart; None where a board would not hold for long.

    That is so where what is asked for depends on where other workloads run just now.
    """
    asked = workload.placement
    if any(one.to == "workload" for one in asked.latency) or asked.traffic:
        return None
    if world.contention is not None and packs(world, workload):
        return None
    limits = limits_told(world)
    if limits is not None and not has_limits_as_kept(world, workload):
        return None
    return (
        workload.mode == "global",
        workload.resources,
        workload.constraints,
        workload.expressions,
        workload.tolerations,
        are_preferences_told(world.columns),
        tuple(device_paths_of(workload)),
        asked_of_policies(world.columns, workload),
        asked_of_runtimes(world.columns, workload),
        limits,
        # Compared by content: a mapping has no hash.
        None if asked is ANYWHERE or asked == ANYWHERE else codec.pack(asked),
        topologies_of(world, workload),
        world.network if asked.latency else None,
        world.strategy,
        _packed(world) if packs(world, workload) else None,
        _rules(world, workload),
        _elsewhere(world, workload),
    )


def _packed(world: World) -> Hashable:
    """Return what those who pack look at beside the node itself."""
    expected = expected_of(world)
    return world.demand, None if expected is None else expected.epoch


def _rules(world: World, workload: Workload) -> Hashable:
    """Return what of the hub's documents is about a workload, and when."""
    rules = world.rules
    if rules is NO_RULES:
        return None
    return (
        rules.version,
        tuple(
            (policy.name, tuple(offences(policy, workload)))
            for policy in policies_of(world, workload)
        ),
        tuple(maintenance_of(world)),
        tuple(unreserved_of(world, workload)),
    )


def _elsewhere(world: World, workload: Workload) -> Hashable:
    """Return what of all nodes counts for each: labels and devices, not what is reserved of them.

    Worked out once for as long as no node comes, goes or changes.
    """
    asked, columns = workload.placement, world.columns
    demand = world.demand if packs(world, workload) else NO_DEMAND
    priced = asked.cost != Cost()
    if not (asked.latency or priced or demand.devices):
        return None
    now = columns.comings, columns.epoch, len(columns.told_anew)
    since, kept = columns.boards.get(_ELSEWHERE, (None, {}))
    if since != now or len(kept) >= MOST_ELSEWHERE:
        kept = {}
        columns.boards[_ELSEWHERE] = now, kept
    found: list[Hashable] = []
    for term in asked.latency:
        if term.to != "endpoint":
            key: Hashable = term.to, term.name
            if key not in kept:
                kept[key] = tuple(sorted(origins_of(world, workload, term)))
            found.append(kept[key])
    if priced:
        key = world.rules.version, workload.resources, asked.data, bool(asked.cost.weight)
        if key not in kept:
            costs = Costs(world, workload)
            kept[key] = costs.elsewhere, costs.span(columns) if asked.cost.weight else None
        found.append(kept[key])
    found += [fragmentation_of(columns, demand, kind) for kind in kinds_of(demand)]
    return tuple(found)
