"""What a workload asks of a node, whatever its name: workloads of one shape share a board. Pure."""

from __future__ import annotations

from collections.abc import Hashable

from skerry_hub.model import Workload
from skerry_hub.placement.device_paths import device_paths_of
from skerry_hub.placement.governance import offences, policies_of
from skerry_hub.placement.maintenance import maintenance_of
from skerry_hub.placement.packing import packs
from skerry_hub.placement.reservations import unreserved_of
from skerry_hub.placement.rules import NO_RULES
from skerry_hub.placement.topology import topologies_of
from skerry_hub.placement.world import World
from skerry_hub.terms import ANYWHERE
from skerry_wire import codec


def shape_of(world: World, workload: Workload) -> Hashable | None:
    """Return what tells shapes apart; None where a board would not hold for long.

    That is so where what is asked for depends on where other workloads run just now.
    """
    asked = workload.placement
    if any(one.to == "workload" for one in asked.latency) or asked.traffic:
        return None
    if world.contention is not None and packs(world, workload):
        return None
    return (
        workload.mode == "global",
        workload.resources,
        workload.constraints,
        workload.expressions,
        workload.tolerations,
        tuple(device_paths_of(workload)),
        # Compared by content: a mapping has no hash.
        None if asked is ANYWHERE or asked == ANYWHERE else codec.pack(asked),
        topologies_of(world, workload),
        world.network if asked.latency else None,
        world.strategy,
        world.demand if packs(world, workload) else None,
        _rules(world, workload),
    )


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
        tuple(one.name for one in maintenance_of(world)),
        tuple((one.name, one.users) for one in unreserved_of(world, workload)),
    )
