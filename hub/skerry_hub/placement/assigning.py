"""An instance on a node that takes it: what it reserves there, and which devices it gets. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Assignment, Workload
from skerry_hub.placement.device_choice import (
    NO_COSTS,
    bus_devices,
    cdi_names,
    choose,
    holds,
    mappings,
)


def assign(
    columns: Columns,
    workload: Workload,
    revision: str,
    instance: str,
    row: int,
    prefer: Collection[str] = (),
    costs: Mapping[str, Sequence[int]] = NO_COSTS,
) -> Assignment | None:
    """Return an instance on this node, None where its devices do not suffice.

    `revision` is the workload's, which takes time to work out; devices in `prefer` come first, and
    shares come from the devices with the least of `costs`, by kind and device.
    """
    wanted = workload.resources
    node = columns.facts(row).id
    if not wanted.devices:
        return Assignment(
            id=instance,
            workload=workload.name,
            revision=revision,
            node=node,
            resources=wanted,
            priority=workload.placement.priority,
        )
    states = {one.kind: columns.state(one.kind, row) for one in wanted.devices}
    single = workload.placement.numa == "single"
    chosen = choose(states, wanted.devices, single_numa=single, prefer=prefer, costs=costs)
    if chosen is None:
        return None
    return Assignment(
        id=instance,
        workload=workload.name,
        revision=revision,
        node=node,
        resources=wanted,
        devices=mappings(chosen),
        bus_devices=bus_devices(chosen),
        cdi_devices=cdi_names(chosen),
        held=holds(chosen),
        priority=workload.placement.priority,
    )
