"""What is in force now, for one node or one workload, as it is shown. Pure.

It is what placement would say at this moment; it changes with the fleet, and by time alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Assignment, Workload
from skerry_hub.placement.maintenance import maintenance_of
from skerry_hub.placement.reservations import unused_on
from skerry_hub.placement.selection import is_chosen
from skerry_hub.placement.standing import unmet_of
from skerry_hub.placement.turns import waiting_in
from skerry_hub.placement.world import World
from skerry_hub.views import MaintenanceView, ReservationView, UnmetView

LOOKED_AT = 20
"""Instances of a workload: each takes up to 15 ms in a fleet of 100,000 nodes."""


def in_force_on(
    world: World, node: str
) -> tuple[tuple[ReservationView, ...], tuple[MaintenanceView, ...]]:
    """Return the reservations, and the times of maintenance, that hold for a node now."""
    row = world.columns.row(node)
    return ((), ()) if row is None else (_reservations(world, row), _maintenance(world, row))


def _reservations(world: World, row: int) -> tuple[ReservationView, ...]:
    return tuple(
        ReservationView(
            name=one.name,
            until=one.end,
            cpu_milli=one.cpu_milli,
            cpu_unused_milli=unused[Resource.CPU],
            memory_bytes=one.memory_bytes,
            memory_unused_bytes=unused[Resource.MEMORY],
            storage_bytes=one.storage_bytes,
            storage_unused_bytes=unused[Resource.STORAGE],
        )
        for one, unused in unused_on(world, row)
    )


def _maintenance(world: World, row: int) -> tuple[MaintenanceView, ...]:
    return tuple(
        MaintenanceView(name=one.window.name, until=one.until, reason=one.window.reason)
        for one in maintenance_of(world)
        if is_chosen(world.columns, one.window.nodes, row)
    )


def unmet(world: World, workload: Workload, current: Sequence[Assignment]) -> tuple[UnmetView, ...]:
    """Return those of the first instances whose node no longer meets what is asked for."""
    found = []
    former = {one.id for one in waiting_in(workload, current)}
    for one in current[:LOOKED_AT]:
        if reasons := unmet_of(world, workload, current, one):
            row = world.columns.row(one.node)
            hostname = one.node if row is None else world.columns.facts(row).hostname
            found.append(
                UnmetView(
                    instance=one.id,
                    node=one.node,
                    hostname=hostname,
                    reasons=reasons,
                    keeps_former=one.id in former,
                )
            )
    return tuple(found)
