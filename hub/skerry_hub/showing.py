"""Records into views: what people and other systems are shown. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

from skerry_hub.fleet.apply import trouble_in
from skerry_hub.fleet.columns import Columns, totals_of
from skerry_hub.fleet.signs import NO_SAMPLE
from skerry_hub.jobs import need_not_run
from skerry_hub.known_as import known_as
from skerry_hub.leases import Place, latest_end
from skerry_hub.loss import Judgement, tolerance_of, why_it_stays
from skerry_hub.model import Assignment, Liveness, Node
from skerry_hub.placement.turns import waiting_in
from skerry_hub.rollout.images import image_of
from skerry_hub.rollout.showing import rollout_view, surge_of
from skerry_hub.state import Kept, Known
from skerry_hub.unseen import as_known
from skerry_hub.views import (
    InstanceView,
    NodeView,
    OrderView,
    ResourcesView,
    WorkloadView,
)
from skerry_wire.lifecycle import fingerprint_of
from skerry_wire.messages import Health, InstanceState, InstanceStatus

State = Literal["running", "progressing", "degraded", "unplaced", "scheduled", "completed"]

_FAILED = (InstanceState.FAILED, InstanceState.EXITED, InstanceState.UNKNOWN)


def node_view(known: Known, columns: Columns, node: Node, by: Judgement) -> NodeView:
    """Return what is shown of a node."""
    capability, report = node.capability, node.report
    hardware = capability.hardware if capability is not None else None
    system = hardware.system if hardware is not None else None
    tolerance = tolerance_of(known, columns, node, by)
    revocation = by.revocations.get(node.id)
    is_unreachable = node.liveness is Liveness.UNREACHABLE
    return NodeView(
        id=node.id,
        hostname=node.hostname,
        incarnation=node.incarnation,
        liveness=node.liveness,
        last_seen=max(node.last_seen, columns.last_seen(node.id)),
        registered_at=node.registered_at,
        version=node.presence.version if node.presence is not None else None,
        arch=system.arch if system is not None else None,
        os=system.os_name if system is not None else None,
        kernel=system.kernel if system is not None else None,
        capability=capability.revision if capability is not None else None,
        labels=node.all_labels,
        taints=node.taints,
        accelerators=hardware.accelerators if hardware is not None else (),
        runtimes=tuple(
            " ".join(filter(None, (one.name, one.version)))
            for one in (hardware.runtimes if hardware is not None else ())
        ),
        resources=_resources(known, columns, node),
        order=OrderView(
            issued=node.generation,
            accepted=report.accepted if report is not None else 0,
            reached=report.generation if report is not None else 0,
            refusal=_refusal(node),
        ),
        problems=report.problems if report is not None else (),
        diverged=node.diverged,
        sealing_key=_fingerprint(node.sealing_key),
        other_sealing_key=_fingerprint(node.other_sealing_key),
        usual_gap_s=columns.usual_gap_s(node.id, by.patience, by.now),
        lost_after_s=tolerance.lost_after_s if tolerance is not None else None,
        lost_after_reason=tolerance.reason if tolerance is not None else None,
        revoked_at=revocation.at if revocation is not None else None,
        revoked_by=(revocation.by or None) if revocation is not None else None,
        lost_at=tolerance.lost_at if tolerance is not None and is_unreachable else None,
        instances=instances_on(known, node),
    )


def _fingerprint(key: bytes | None) -> str | None:
    return None if key is None else fingerprint_of(key)


def _refusal(node: Node) -> str | None:
    refusal = node.report.refusal if node.report is not None else None
    if refusal is None:
        return None
    number = f" {refusal.generation}" if refusal.generation else ""
    return f"order{number} refused ({refusal.code}): {refusal.reason}"


def _resources(known: Known, columns: Columns, node: Node) -> ResourcesView:
    # Of the records: in the columns somebody may be trying something just now.
    capacity, reserved = columns.capacity(node.id), totals_of(known.on_node(node.id))
    sample = columns.sample(node.id) or NO_SAMPLE
    return ResourcesView(
        cpu_milli=capacity.cpu_milli,
        cpu_reserved_milli=reserved.cpu_milli or 0,
        memory_bytes=capacity.memory_bytes,
        memory_reserved_bytes=reserved.memory_bytes or 0,
        memory_available_bytes=sample.memory_available_bytes,
        storage_bytes=capacity.storage_bytes,
        storage_reserved_bytes=reserved.storage_bytes or 0,
        storage_available_bytes=sample.storage_available_bytes,
        cpu_percent=sample.cpu_percent,
        load_1m=sample.load_1m,
        temperature_c=sample.temperature_c,
        battery_percent=sample.battery_percent,
        on_battery=sample.on_battery,
        power_w=sample.power_w,
        filesystems_available_bytes=sample.filesystems_available_bytes,
        measured_at=sample.seen_at or None,
    )


def instances_on(known: Known, node: Node) -> tuple[InstanceView, ...]:
    """Return what was placed on a node, and what it still runs besides."""
    told = _told(known, node)
    placed = [
        _instance(known, node, one, told.pop(one.id, None))
        for one in sorted(known.on_node(node.id), key=instance_order)
    ]
    return (*placed, *(_left(known, node, status) for status in told.values()))


def instances_of(known: Known, kept: Kept) -> tuple[InstanceView, ...]:
    """Return every instance of a workload."""
    views: list[InstanceView] = []
    told: dict[str, dict[str, InstanceStatus]] = {}
    for one in sorted(known.of_workload(kept.workload.name), key=instance_order):
        node = known.nodes.get(one.node)
        if node is None:
            views += _of_forgotten(known, one)
            continue
        if node.id not in told:
            told[node.id] = _told(known, node)
        views.append(_instance(known, node, one, told[node.id].get(one.id)))
    return tuple(views)


def every_instance(known: Known, only: Node | None = None) -> Iterator[InstanceView]:
    """Yield what is on each node, or one, and the finished jobs whose nodes were forgotten."""
    if only is not None:
        yield from instances_on(known, only)
        return
    for there in list(known.nodes.values()):
        yield from instances_on(known, there)
    for node in sorted(known.by_node.keys() - known.nodes.keys()):
        for one in known.on_node(node):
            yield from _of_forgotten(known, one)


def _of_forgotten(known: Known, one: Assignment) -> Iterator[InstanceView]:
    if one.finished is not None:
        yield _as_told(known, one, one.finished.status, one.node, "its node was forgotten")


def instance_order(one: Assignment) -> tuple[str, int, str]:
    """Sort instances by workload and number: 2 before 10."""
    _, _, tail = one.id.rpartition("-")
    return one.workload, int(tail) if tail.isdecimal() else 0, one.id


def _told(known: Known, node: Node) -> dict[str, InstanceStatus]:
    reported = node.report.instances if node.report else ()
    return {status.id: as_known(known, node, status) for status in reported}


def _instance(
    known: Known, node: Node, one: Assignment, status: InstanceStatus | None
) -> InstanceView:
    kept = known.workloads.get(one.workload)
    former = known.updates.former(one)
    waiting = known.vacating.get(one.id)
    place = waiting.elsewhere(node.id) if waiting is not None else None
    if status is None and one.finished is not None:
        status = one.finished.status
    if status is None:
        to_come, image = one, image_of(known, one.workload, one.revision)
        if former is not None:
            to_come, image = former[0], former[1].containers[0].image
        return InstanceView(
            id=one.id,
            workload=one.workload,
            revision=to_come.revision,
            node=node.id,
            hostname=node.hostname,
            state=InstanceState.PENDING,
            reason=_why_elsewhere(known, place) if place else _why_pending(node, kept),
            image=image,
            current=False,
            waits_until=latest_end(place) if place else None,
        )
    stays = why_it_stays(node, kept.workload) if kept is not None and not one.finished else None
    view = _as_told(known, one, status, node.hostname, stays or _why_not_taken(node, one, status))
    if former is not None and former[0].revision == one.revision:
        return dataclasses.replace(view, current=False)  # it waits for a place
    return view


def _why_not_taken(node: Node, one: Assignment, status: InstanceStatus) -> str | None:
    """Return why a node does nothing for an instance that is not as it is wanted."""
    is_well = status.state is InstanceState.RUNNING and status.revision == one.revision
    if is_well or need_not_run(status.state, status.job):
        return None
    return trouble_in(node.capability) or _refused(node)


def _refused(node: Node) -> str | None:
    refusal = node.report.refusal if node.report is not None else None
    return None if refusal is None else f"the node refused its order: {refusal.reason}"


def _as_told(
    known: Known, one: Assignment, status: InstanceStatus, hostname: str, reason: str | None
) -> InstanceView:
    return InstanceView(
        id=one.id,
        workload=one.workload,
        revision=status.revision,
        node=one.node,
        hostname=hostname,
        state=status.state,
        reason="; ".join(filter(None, (status.reason, _why_not_updated(status), reason))) or None,
        health=status.health,
        image=image_of(known, one.workload, status.revision),
        started_at=status.started_at,
        exit_code=status.exit_code,
        restarts=status.restarts,
        current=status.revision == one.revision,
        job=status.job,
    )


def _why_not_updated(status: InstanceStatus) -> str | None:
    """Return why an instance that runs has not begun its update, where anything is wrong."""
    update = status.update
    if update is None or update.state != "waiting" or not update.reason:
        return None
    return f"its update waits: {update.reason}"


def _why_elsewhere(known: Known, place: Place) -> str:
    there = known.nodes.get(place.node)
    host = there.known_as if there is not None else place.node
    if place.lease_s is None:
        return f"waits until {host} says that it has ended there: it had no lease yet"
    return f"waits for its lease of {place.lease_s:g} s on {host} to end, or for {host} to end it"


def _why_pending(node: Node, kept: Kept | None) -> str | None:
    if node.diverged is not None:
        return "the node is held: it has more than this hub ordered"
    refused = _refused(node)
    if refused is not None:
        return refused
    if node.liveness == "online":
        return None
    stays = why_it_stays(node, kept.workload) if kept is not None else None
    return stays or f"the node is {node.liveness}"


def _left(known: Known, node: Node, status: InstanceStatus) -> InstanceView:
    """Return what a node runs that is not wanted there, or no more."""
    goes = "not wanted here; it goes with the node's next order"
    if node.liveness is Liveness.LOST:
        goes = "; ".join(filter(None, (status.reason, "not wanted here any more")))
    else:
        goes = status.reason or goes
    return InstanceView(
        id=status.id,
        workload=status.workload,
        revision=status.revision,
        node=node.id,
        hostname=node.hostname,
        state=status.state,
        reason=goes,
        health=status.health,
        image=image_of(known, status.workload, status.revision),
        started_at=status.started_at,
        exit_code=status.exit_code,
        restarts=status.restarts,
        current=False,
    )


def workload_view(known: Known, kept: Kept) -> WorkloadView:
    """Return what is shown of a workload."""
    workload = kept.workload
    instances = instances_of(known, kept)
    rollout = rollout_view(known, kept)
    wanted = workload.replicas - surge_of(known, workload.name)
    if workload.mode == "global":
        # Those that found no room when it was last decided about, as explain counts them.
        waiting = len(waiting_in(workload, known.of_workload(workload.name)))
        wanted = len(instances) + max(0, known.unplaced.get(workload.name, 0) - waiting)
    running = [one for one in instances if one.state is InstanceState.RUNNING]
    current = [one for one in instances if _is_current(one)]
    state, reason = _state(wanted, instances, len(current))
    if state == "running" and current and not running:
        scheduled = any(one.job is not None and one.job.next_at is not None for one in current)
        state = "scheduled" if scheduled else "completed"
    if rollout is not None and rollout.state != "done" and state in ("running", "progressing"):
        first = known.updates.rollouts[workload.name].is_first and rollout.state == "progressing"
        told = f"its rollout is {rollout.state}: {rollout.reason}"
        # Why an instance does not come up says more than that its workload is at work.
        state, reason = "progressing", (first and reason) or told
    return WorkloadView(
        name=workload.name,
        project=workload.project,
        revision=workload.revision,
        mode=workload.mode,
        images=tuple(container.image for container in workload.containers),
        wanted=wanted,
        placed=len(instances),
        running=len(running),
        current=len(current),
        ready=sum(map(_is_ready, instances)),
        state=state,
        reason=reason,
        created_at=kept.created_at,
        updated_at=kept.updated_at,
        instances=instances,
        rollout=rollout,
    )


def _state(
    wanted: int, instances: tuple[InstanceView, ...], current: int
) -> tuple[State, str | None]:
    failed = [one for one in instances if _ails(one)]
    if failed:
        first = failed[0]
        return (
            "degraded",
            f"{first.id} on {known_as(first.hostname, first.node)}: {_why_ailing(first)}",
        )
    if len(instances) < wanted:
        missing = wanted - len(instances)
        return "unplaced", f"{missing} of {wanted} replicas found no node: see skerry explain"
    starting = [one for one in instances if one.health is Health.STARTING]
    if current < wanted or starting:
        waits = next((one for one in instances if not _is_current(one) or one in starting), None)
        return "progressing", _why_waiting(waits)
    return "running", None


def _why_waiting(one: InstanceView | None) -> str | None:
    if one is None:
        return None
    state = str(one.state)
    if one.state is InstanceState.RUNNING:
        state = "its health check is starting" if one.current else "still runs another revision"
    return f"{one.id} on {known_as(one.hostname, one.node)}: {one.reason or state}"


def _is_current(one: InstanceView) -> bool:
    """Say whether it runs as it is wanted, or is a job that need not run now."""
    return one.current and (one.state is InstanceState.RUNNING or need_not_run(one.state, one.job))


def _is_ready(one: InstanceView) -> bool:
    """Say whether it does its work, at whatever revision, or is a job that need not run now."""
    if need_not_run(one.state, one.job):
        return True
    return one.state is InstanceState.RUNNING and one.health in (Health.NONE, Health.HEALTHY)


def _why_ailing(one: InstanceView) -> str:
    if one.reason:
        return one.reason
    if one.state is InstanceState.RUNNING:
        return "its health check fails"
    return f"exit code {one.exit_code}" if one.exit_code is not None else str(one.state)


def _ails(one: InstanceView) -> bool:
    if need_not_run(one.state, one.job):
        return False
    return one.state in _FAILED or one.health is Health.UNHEALTHY


def workload_of_subject(known: Known, node: Node | None, subject: str) -> str:
    """Return the workload that an event's subject is an instance of, "" where it is none."""
    assignment = known.assignments.get(subject)
    if assignment is not None:
        return assignment.workload
    statuses: Iterable[InstanceStatus] = node.report.instances if node and node.report else ()
    return next((status.workload for status in statuses if status.id == subject), "")
