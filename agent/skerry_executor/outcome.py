"""Puts into an Outcome how an order stands: what is there, what is being done, what failed. Pure.

A failure of one instance stands at that instance; only what no instance of the order can say is
a problem of the box.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from skerry_executor.actual import Actual, Phase
from skerry_executor.halt import Halts
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.start_order import awaits
from skerry_executor.status import Loopings, standings, unwanted_status
from skerry_executor.switching import Aim
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import PullStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import Health, InstanceState, InstanceStatus, Order
from skerry_wire.workload import Instance

MAX_PROBLEMS = 16
DEFAULT_RETRY_S = 5.0
BLIND_RETRY_S = 10.0
OWN_RETRY_S = 30.0
"""By then it is tried again, however often it failed, where that costs nobody but the box."""
AWAIT_LOOK_S = 1.0
AWAIT_MOST_S = 300.0
"""So long after a start it is looked often whether what starts after it may, and what its checks
say; then as after a failure, or as at rest."""

RESTARTING_LOOK_S = 5.0
"""So soon is looked again at what its runtime is about to start, and tells nobody of it."""

CHECK_LOOK_S = 30.0
"""So soon at the earliest is looked for health checks at rest: at all that are due by then."""

_RETRY_S = {
    Failure.PORT_IN_USE: 5.0,
    Failure.PULL: 15.0,
    Failure.DAMAGED: 15.0,
    Failure.DISK_FULL: 30.0,
    Failure.ABSENT: 30.0,
}


@frozen(kw_only=True)
class Doing:
    """What is being done about an instance now."""

    state: InstanceState
    reason: str | None = None
    pull: PullStatus | None = None


Doings = Mapping[str, Doing]
"""By instance."""
Failures = Mapping[str, RuntimeFailure]
"""By instance, what went wrong in this run."""


@frozen(kw_only=True)
class Seen:
    """What a run knows by now. `wall_s` is the box's clock."""

    actual: tuple[Actual, ...] = ()
    doing: Doings = dataclasses.field(default_factory=dict)
    failures: Failures = dataclasses.field(default_factory=dict)
    halts: Halts = dataclasses.field(default_factory=dict)
    aims: Mapping[str, Aim] = dataclasses.field(default_factory=dict)
    looping: Loopings = dataclasses.field(default_factory=dict)
    wall_s: float | None = None


def outcome_of(order: Order, digest: str, runtime: str, seen: Seen) -> Outcome:
    """Return how the order stands."""
    there, doing, failures = seen.actual, seen.doing, seen.failures
    aims = seen.aims
    desired = [aims[one.id].instance if one.id in aims else one for one in order.instances]
    found = standings(desired, there, runtime, seen.halts, seen.wall_s, seen.looping)
    ids = {instance.id for instance in order.instances}
    left = unwanted_status(ids, there, runtime)
    problems = [
        f"{instance} cannot be removed: {failure.reason}"
        for instance, failure in failures.items()
        if instance not in ids
    ]
    updating = any(found.update is not None for found in aims.values())
    reached = all(one.reached for one in found) and not (failures or left or updating)
    waits = [_retry_s(failure) for failure in failures.values()]
    full = any(failure.kind is Failure.DISK_FULL for failure in failures.values())
    looks = [one.look_after_s for one in aims.values() if one.look_after_s is not None]
    loops = [one.look_s for one in seen.looping.values()]
    looks += [*loops, *(f.wait_s for f in failures.values() if f.wait_s is not None)]
    if any(one.phase is Phase.RESTARTING and one.ended_pid is not None for one in there):
        looks.append(RESTARTING_LOOK_S)
    coming = [_comes_up_look_s(one, there, seen.wall_s) for one in desired]
    looks += [look_s for look_s in coming if look_s is not None]
    dues = [one.check_in_s for one in there if one.check_in_s is not None]
    looks += [max(CHECK_LOOK_S, min(dues))] if dues else []
    statuses = [*(one.status for one in found), *left]
    return Outcome(
        accepted=order.generation,
        digest=digest,
        reached=reached,
        problems=tuple(problem[:1024] for problem in problems[:MAX_PROBLEMS]),
        instances=tuple(_told(status, doing, failures, aims.get(status.id)) for status in statuses),
        retry_after_s=None if reached else min([*waits, *loops], default=DEFAULT_RETRY_S),
        retry_most_s=OWN_RETRY_S if full else None,
        look_after_s=min(looks, default=None),
    )


def _retry_s(failure: RuntimeFailure) -> float:
    if failure.wait_s is not None:
        return failure.wait_s
    return _RETRY_S.get(failure.kind, DEFAULT_RETRY_S)


def _comes_up_look_s(
    instance: Instance, there: Sequence[Actual], wall_s: float | None
) -> float | None:
    """Return when to look again at an instance that began a while ago; None where it is settled.

    Its containers start one after another, or their checks have not said anything yet.
    """
    by_name = {one.container: one for one in there if one.instance == instance.id}
    starts = [one.started_at for one in by_name.values() if one.started_at is not None]
    if wall_s is None or not starts or abs(wall_s - max(starts)) >= AWAIT_MOST_S:
        return None
    if awaits(instance, by_name):
        return AWAIT_LOOK_S
    waits = [
        AWAIT_LOOK_S if one.health is Health.NONE else max(AWAIT_LOOK_S, check.interval_s)
        for container in instance.containers
        if (check := container.health) is not None
        and (one := by_name.get(container.name)) is not None
        and one.phase is Phase.RUNNING
        and one.health in (Health.NONE, Health.STARTING)
    ]
    return min(waits, default=None)


def _told(
    status: InstanceStatus, doing: Doings, failures: Failures, aim: Aim | None
) -> InstanceStatus:
    """Return the status with how its update goes, what is being done, and what went wrong.

    Where what was before still runs, what went wrong is the update's, from the first moment on: one
    that changed places within each run would be two reports of each.
    """
    update = None if aim is None else aim.update
    if update is None:
        return _overlaid(status, doing, failures)
    failure = failures.get(status.id)
    runs_before = status.state is InstanceState.RUNNING and status.revision != update.revision
    if failure is not None and update.state == "waiting" and runs_before:
        update = dataclasses.replace(update, reason=failure.reason[:1024])
        status = dataclasses.replace(status, reason=None)  # that it has not been started yet
    else:
        status = _overlaid(status, doing, failures)
    return dataclasses.replace(status, update=update)


def _overlaid(status: InstanceStatus, doing: Doings, failures: Failures) -> InstanceStatus:
    """Return the status with what is being done about the instance, or what went wrong."""
    failure = failures.get(status.id)
    if failure is not None:
        runs = status.state in (InstanceState.RUNNING, InstanceState.STOPPING)
        state = status.state if runs else InstanceState.FAILED
        return dataclasses.replace(status, state=state, reason=failure.reason[:1024])
    now = doing.get(status.id)
    if now is None:
        return status
    return dataclasses.replace(status, state=now.state, reason=now.reason, pull=now.pull)


def blind_outcome(order: Order, digest: str, failure: RuntimeFailure) -> Outcome:
    """Return what can be said when the runtime cannot even be asked."""
    reason = failure.reason[:1024]
    return Outcome(
        accepted=order.generation,
        digest=digest,
        problems=(reason,),
        instances=tuple(
            InstanceStatus(
                id=instance.id,
                workload=instance.workload,
                revision=instance.revision,
                state=InstanceState.UNKNOWN,
                reason=reason[:200],
            )
            for instance in order.instances
        ),
        retry_after_s=_RETRY_S.get(failure.kind, BLIND_RETRY_S),
        retry_most_s=OWN_RETRY_S,
        unseen=reason,
    )
