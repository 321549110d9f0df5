"""Taking over what a held node runs: its order becomes what is wanted. Pure.

A content that the hub did not want is a revision like any other: it stands in the history (cause
`adopt`), and a rollout brings it to the instances elsewhere, in the place of one that went on.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection

from skerry_hub import approvals
from skerry_hub.desired import check_held, fill
from skerry_hub.devices import ACCELERATORS, ON_BUS, devices_of
from skerry_hub.fleet.device_states import device_id
from skerry_hub.model import Assignment, Hold, Node, Workload
from skerry_hub.orders import Issued, content_of, workload_of
from skerry_hub.rollout.beginning import begin, keep, made_of, surge_of
from skerry_hub.rollout.records import Member
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work, put_node
from skerry_wire.errors import WireError
from skerry_wire.messages import Order
from skerry_wire.workload import BusDevice, Instance


def adopt(work: Work, node: Node, order: Order, digest: str, envelope: bytes) -> Node:
    """End a node's hold: what it was ordered, and runs, is what is wanted.

    The order must be the node's newest, and verified: its instances become assignments, their
    origins workloads. What the hub thought to be elsewhere and the node runs is taken to be here.
    """
    check_held(node)
    if order.node != node.id or order.incarnation != node.incarnation:
        raise RefusedError(409, Problem(reason=f"{node.known_as} holds an order for another node"))
    work.draft.because("adopt")
    thought = work.draft.on_node(node.id)
    for one in thought:
        work.columns.release(one)
        work.draft.assignments.remove(one.id)
    for data in {data for one in order.instances for data in one.approvals}:
        with contextlib.suppress(WireError):
            approvals.keep(work.draft, data, work.now)
    changed = {name for one in order.instances if (name := _adopt_instance(work, node, one))}
    _adopt_counts(work, order)
    for one in thought:
        if work.draft.assignments.get(one.id) is None and work.draft.updates.members.get(one.id):
            work.draft.updates.members.remove(one.id)
    work.draft.orders.put(
        node.id,
        Issued(
            node=node.id,
            incarnation=order.incarnation,
            generation=order.generation,
            content=content_of(order.instances),
            envelope=envelope,
        ),
    )
    node = dataclasses.replace(node, diverged=None, generation=order.generation, digest=digest)
    put_node(work, node)
    # Instances elsewhere follow the content that was adopted.
    fill(work, changed)
    return node


def _adopt_instance(work: Work, node: Node, instance: Instance) -> str | None:
    """Take one instance over; return its workload's name where the content is new to this hub."""
    draft, workload = work.draft, workload_of(instance)
    before = draft.assignments.get(instance.id)
    if before is not None:
        work.columns.release(before)
        draft.assignments.remove(before.id)
        draft.touched.add(before.node)
    kept = draft.workloads.get(workload.name)
    is_newest = kept is not None and made_of(kept.workload) == made_of(workload)
    number = 0 if is_newest else _on_its_way(work, workload)
    is_new = not is_newest and not number
    if is_new:
        _take_content(work, workload)
    assignment = _assignment_of(node, instance, workload)
    newest = draft.workloads.get(workload.name)
    held = assignment
    if number and newest is not None:
        # It is where the rollout has not come yet: it waits there for its turn.
        held = dataclasses.replace(
            assignment, revision=newest.workload.revision, resources=newest.workload.resources
        )
    draft.assignments.put(held.id, held)
    work.columns.reserve(held)
    _count(work, assignment, number=number, is_new=is_new)
    return workload.name if is_new else None


def _on_its_way(work: Work, workload: Workload) -> int:
    """Return the number of the revision with this content that a rollout takes instances from."""
    updates = work.draft.updates
    rollout = updates.rollouts.get(workload.name)
    if rollout is None or rollout.state == "done":
        return 0
    numbers = {one.number for one in updates.members_of(workload.name).values()} | {rollout.stable}
    for number in sorted(numbers - {0}, reverse=True):
        content = updates.contents.get((workload.name, number))
        if content is not None and made_of(content) == made_of(workload):
            return number
    return 0


def _take_content(work: Work, workload: Workload) -> None:
    """Want a content from now on, and begin its rollout where there are instances elsewhere."""
    kept = work.draft.workloads.get(workload.name)
    replicas = 0
    if kept is not None:
        replicas = kept.workload.replicas - surge_of(work, workload.name)
    workload = dataclasses.replace(workload, replicas=replicas)
    begin(work, keep(work, workload, cause="adopt"))


def _count(work: Work, one: Assignment, *, number: int, is_new: bool) -> None:
    """Let the workload's rollout know of an instance: it has its content, or waits for it."""
    updates = work.draft.updates
    rollout, member = updates.rollouts.get(one.workload), updates.members.get(one.id)
    if rollout is None or rollout.state == "done":
        if member is not None:
            updates.members.remove(one.id)
        return
    if is_new:
        after = dataclasses.replace(rollout, total=rollout.total + 1, already=rollout.already + 1)
        updates.rollouts.put(one.workload, after)
        return
    waits = Member(
        id=one.id,
        workload=one.workload,
        state="waiting" if number else "updating",
        former=one if number else None,
        number=number,
        since=work.now,
        begun_at=0.0 if number else work.now,
    )
    if member is not None:
        # Whether the new content is healthy here, its next report tells.
        updates.members.put(one.id, waits)
    elif number:
        updates.members.put(one.id, waits)
        already = max(0, rollout.already - 1)
        updates.rollouts.put(one.workload, dataclasses.replace(rollout, already=already))


def _assignment_of(node: Node, instance: Instance, workload: Workload) -> Assignment:
    own = {device for container in workload.containers for device in container.devices}
    given = tuple(
        device
        for container in instance.containers
        for device in container.devices
        if device not in own
    )
    on_bus = tuple(
        dict.fromkeys(one for container in instance.containers for one in container.bus_devices)
    )
    asked = {name for container in workload.containers for name in container.cdi_devices}
    named = dict.fromkeys(
        name for one in instance.containers for name in one.cdi_devices if name not in asked
    )
    return Assignment(
        id=instance.id,
        workload=workload.name,
        revision=instance.revision,
        node=node.id,
        resources=workload.resources,
        devices=given,
        bus_devices=on_bus,
        cdi_devices=tuple(named),
        held=_devices_behind(node, {device.host for device in given}, on_bus, named),
    )


def _devices_behind(
    node: Node, paths: Collection[str], on_bus: Collection[BusDevice], names: Collection[str]
) -> tuple[Hold, ...]:
    if node.capability is None or not (paths or on_bus or names):
        return ()
    kinds = frozenset((*ACCELERATORS, *ON_BUS))
    return tuple(
        Hold(device=device_id(one))
        for one in devices_of(node.capability.hardware, kinds)
        if one.on_bus in on_bus
        or one.cdi in names
        or (one.kind in ACCELERATORS and not set(paths).isdisjoint(one.paths))
    )


def _adopt_counts(work: Work, order: Order) -> None:
    """Let no adopted instance be one too many."""
    for name in sorted({instance.workload for instance in order.instances}):
        kept = work.draft.workloads.get(name)
        held = len(work.draft.of_workload(name))
        if kept is not None and kept.workload.mode != "global" and kept.workload.replicas < held:
            workload = dataclasses.replace(kept.workload, replicas=held)
            work.draft.workloads.put(name, dataclasses.replace(kept, workload=workload))
