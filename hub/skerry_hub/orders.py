"""Assignments into the one order of a node. Pure: signing and publishing are done elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Assignment, Node, Workload
from skerry_hub.sealed_parts import bare
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.lifecycle import Lease, Switch
from skerry_wire.messages import Order
from skerry_wire.schema import Items, Sparse, Text
from skerry_wire.types import Generation, NodeId, Revision
from skerry_wire.workload import Container, Instance

MAX_ORIGIN_BYTES = 64 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The newest order of a node as it was signed. `content` is the digest of its instances."""

    node: NodeId
    incarnation: Annotated[str, Text(32)]
    generation: Generation
    content: Revision
    envelope: Annotated[bytes, Items(512 * 1024)]
    key_id: Annotated[str, Text(32), Sparse()] = ""
    """With which key it was signed; empty in what a hub of before the first change kept."""


Former = Callable[[Assignment], tuple[Assignment, Workload, int] | None]
"""What an instance has while a rollout has not come to it; None where it has the newest content."""
Origins = dict[tuple[str, int], bytes | None]
"""Workloads as orders carry them, by name and the number of a former revision, 0 for the newest."""


def _newest(_assignment: Assignment) -> None:
    return None


def instances(
    assignments: Iterable[Assignment],
    workloads: Mapping[str, Workload],
    origins: Origins | None = None,
    former: Former = _newest,
) -> tuple[Instance, ...]:
    """Return what a node shall run, in the order of the instances' ids.

    `origins` are those made already; the orders of many nodes share them. A workload's lease is
    that of its newest content, whichever an instance has.
    """
    origins = {} if origins is None else origins
    found = []
    for assignment in sorted(assignments, key=lambda one: one.id):
        newest = workloads.get(assignment.workload)
        if newest is None:
            continue
        placed, workload, number = former(assignment) or (assignment, newest, 0)
        key = workload.name, number
        if key not in origins:
            origins[key] = origin_of(workload)
        found.append(_instance(placed, workload, newest.lifecycle.lease_s, origins[key]))
    return tuple(found)


def _instance(
    assignment: Assignment, workload: Workload, lease_s: float | None, origin: bytes | None
) -> Instance:
    lifecycle = workload.lifecycle
    return Instance(
        id=assignment.id,
        workload=workload.name,
        revision=assignment.revision,
        containers=tuple(_with_devices(one, assignment) for one in workload.containers),
        job=lifecycle.job,
        lease=None if lease_s is None else Lease(duration_s=lease_s),
        switch=switch_of(lifecycle),
        shared_network=lifecycle.shared_network,
        origin=origin,
    )


def switch_of(lifecycle: Lifecycle) -> Switch | None:
    """Return how a box changes an instance to another revision, None where it just does."""
    update = lifecycle.update
    if update.strategy == "at-once" or lifecycle.job is not None:
        return None
    return Switch(settle_s=update.settle_s, deadline_s=update.deadline_s, rollback=True)


def _with_devices(container: Container, assignment: Assignment) -> Container:
    if not (assignment.devices or assignment.bus_devices or assignment.cdi_devices):
        return container
    return dataclasses.replace(
        container,
        devices=(*container.devices, *assignment.devices),
        bus_devices=assignment.bus_devices,
        cdi_devices=tuple(dict.fromkeys((*container.cdi_devices, *assignment.cdi_devices))),
    )


def origin_of(workload: Workload) -> bytes | None:
    """Return the workload as an order carries it: without its replicas, which vary by themselves.

    None where it is too large to travel along: such a workload cannot be adopted, only run.
    """
    data = codec.pack(dataclasses.replace(workload, replicas=0))
    return data if len(data) <= MAX_ORIGIN_BYTES else None


def workload_of(instance: Instance) -> Workload:
    """Return the workload that an instance of an order stems from, as well as it can be told."""
    if instance.origin is not None:
        try:
            return codec.decode(Workload, instance.origin, most=MAX_ORIGIN_BYTES)
        except WireError:
            pass  # of a hub that had other workloads: the containers still say what runs
    return Workload(
        name=instance.workload,
        project=instance.workload,
        containers=tuple(map(bare, instance.containers)),
    )


def content_of(wanted: tuple[Instance, ...]) -> str:
    """Return the digest that tells whether an order would say anything new."""
    return codec.revision_of([codec.to_plain(instance) for instance in wanted])


def next_order(node: Node, wanted: tuple[Instance, ...], now: float) -> Order:
    """Return the next order of a node's present incarnation.

    Its generation is above all that the hub issued and all that the node says it accepted.
    """
    accepted = node.report.accepted if node.report is not None else 0
    return Order(
        node=node.id,
        incarnation=node.incarnation,
        generation=max(node.generation, accepted) + 1,
        issued_at=now,
        instances=wanted,
    )
