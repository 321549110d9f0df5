"""How an instance stands, in the words of a report: what is desired and what is there, in. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from skerry_executor.actual import Actual, Phase
from skerry_executor.backoff import Looping
from skerry_executor.halt import NO_HALTS, Halt, Halts
from skerry_executor.order import shortened
from skerry_executor.reconcile import match
from skerry_executor.start_order import should_start, unmet, waiting
from skerry_wire.frozen import frozen
from skerry_wire.messages import Health, InstanceState, InstanceStatus
from skerry_wire.workload import Container, Instance

Loopings = Mapping[str, Looping]
"""By id, the containers that keep ending."""
NO_LOOPINGS: Loopings = {}

SHORT_ID = 12
MAX_REASON = 400
LOOP_RESTARTS = 3
LOOP_S = 60.0
"""What was restarted so often, and the last time so short ago, is not running: it fails."""

# The worst container speaks for its instance.
_SEVERITY = (
    InstanceState.FAILED,
    InstanceState.UNKNOWN,
    InstanceState.PENDING,
    InstanceState.RUNNING,
    InstanceState.EXITED,
)
_HEALTH_SEVERITY = (Health.UNHEALTHY, Health.UNKNOWN, Health.STARTING, Health.HEALTHY, Health.NONE)


@frozen(kw_only=True)
class Standing:
    """An instance's status, and whether its part of the order is carried out."""

    status: InstanceStatus
    reached: bool


def standings(
    desired: Sequence[Instance],
    actual: Iterable[Actual],
    runtime: str,
    halts: Halts = NO_HALTS,
    wall_s: float | None = None,
    looping: Loopings = NO_LOOPINGS,
) -> tuple[Standing, ...]:
    """Return how each desired instance stands, in the order's order.

    `wall_s` is the box's clock, by which the runtime says when a container was started; without
    it nothing is said to be restarted again and again.
    """
    matches = match(desired, actual)
    done = []
    for instance in desired:
        keys = [(instance.id, container.name) for container in instance.containers]
        own = [matches.kept.get(key) for key in keys]
        old = [one for key in keys for one in matches.replaced.get(key, ())]
        halt = halts.get(instance.id)
        if halt is not None:
            done.append(_halted(instance, [*filter(None, own), *old], runtime, halt))
        elif old and not any(own):
            done.append(_older(instance, old, runtime))
        else:
            done.append(_current(instance, own, runtime, wall_s, looping))
    return tuple(done)


def _current(
    instance: Instance,
    own: Sequence[Actual | None],
    runtime: str,
    wall_s: float | None,
    looping: Loopings,
) -> Standing:
    by_name = {one.container: one for one in own if one is not None}
    parts = [
        _part(waiting(instance, container), by_name, wall_s, looping)
        for container in instance.containers
    ]
    parts.sort(key=lambda part: (_SEVERITY.index(part[0]), part[1] is None))
    state, reason, _ = parts[0] if parts else (InstanceState.RUNNING, None, True)
    pairs = zip(instance.containers, own, strict=True)
    there = [_not_checked_yet(container, one) for container, one in pairs if one is not None]
    status = _status(instance, instance.revision, state, reason, there, runtime)
    loops = [looping[one.id] for one in there if one.id in looping]
    if loops:
        # Each try would be another time and another code: news of which nobody learns anything.
        codes = [one.exit_code for one in loops if one.exit_code is not None]
        code = max(codes, key=abs, default=status.exit_code)
        status = dataclasses.replace(status, started_at=None, exit_code=code)
    return Standing(status=status, reached=all(reached for _, _, reached in parts))


def _not_checked_yet(container: Container, one: Actual) -> Actual:
    """Return a container that runs as starting where its check has not been done yet."""
    check = container.health
    if check is None or check.command == ("NONE",):
        return one
    runs = one.phase is Phase.RUNNING and one.health is Health.NONE
    return dataclasses.replace(one, health=Health.STARTING) if runs else one


def _halted(instance: Instance, there: Sequence[Actual], runtime: str, halt: Halt) -> Standing:
    """Return the status of an instance of which nothing may run: it is being stopped, or is."""
    runs = any(one.phase in (Phase.RUNNING, Phase.RESTARTING, Phase.PAUSED) for one in there)
    state = InstanceState.STOPPING if runs else halt.state
    # What stands as the order wants it is of the order's revision, whatever containers are left.
    is_new = not there or (halt.reached and not runs)
    revision = instance.revision if is_new else there[0].revision
    status = _status(instance, revision, state, halt.reason, there, runtime)
    code = halt.exit_code if halt.exit_code is not None else status.exit_code
    return Standing(
        status=dataclasses.replace(status, exit_code=code), reached=halt.reached and not runs
    )


def _older(instance: Instance, old: Sequence[Actual], runtime: str) -> Standing:
    """Return the status of an instance that still runs what an earlier order said."""
    running = any(one.phase is Phase.RUNNING for one in old)
    state = InstanceState.RUNNING if running else InstanceState.PENDING
    damaged = next((one for one in old if one.phase is Phase.DAMAGED), None)
    reason = f"revision {instance.revision} has not been started yet"
    if damaged is not None:
        reason = f"{damaged.container} is damaged and has to be made anew: {damaged.error}"
    status = _status(instance, old[0].revision, state, reason, old, runtime)
    return Standing(status=status, reached=False)


def _status(
    instance: Instance,
    revision: str,
    state: InstanceState,
    reason: str | None,
    there: Sequence[Actual],
    runtime: str,
) -> InstanceStatus:
    # The newest of what runs: a container that was started anew shows, a preparation does not.
    running = [one for one in there if one.phase is Phase.RUNNING] or there
    started = [one.started_at for one in running if one.started_at is not None]
    codes = [one.exit_code for one in there if one.exit_code is not None]
    return InstanceStatus(
        id=instance.id,
        workload=instance.workload,
        revision=revision,
        state=state,
        reason=None if reason is None else shortened(reason, MAX_REASON),
        runtime=runtime,
        container_ids=tuple(one.id[:SHORT_ID] for one in there),
        health=min((one.health for one in there), key=_HEALTH_SEVERITY.index, default=Health.NONE),
        started_at=max(started, default=None),
        exit_code=max(codes, key=abs, default=None),
        restarts=sum(one.restarts for one in there),
    )


def is_looping(actual: Actual, wall_s: float | None) -> bool:
    """Say whether the runtime restarts a container again and again."""
    if wall_s is None or actual.started_at is None or actual.restarts < LOOP_RESTARTS:
        return False
    # A clock that was set back tells nothing.
    return 0 <= wall_s - actual.started_at < LOOP_S


def _part(
    container: Container,
    there: Mapping[str, Actual],
    wall_s: float | None,
    looping: Loopings,
) -> tuple[InstanceState, str | None, bool]:
    """Return a container's state, why it does not run, and whether that is what it shall be."""
    name = container.name
    actual = there.get(name)
    if actual is None:
        return InstanceState.PENDING, f"{name} has not been created yet", False
    loop = looping.get(actual.id)
    if loop is not None:
        return InstanceState.FAILED, loop.reason, False
    match actual.phase:
        case Phase.RUNNING if is_looping(actual, wall_s):
            reason = f"{name} was restarted {actual.restarts} times, the last time a moment ago"
            return InstanceState.FAILED, reason, False
        case Phase.RUNNING:
            why = f"{name} is {actual.health_words}" if actual.health_reason else None
            return InstanceState.RUNNING, why, True
        case Phase.CREATED:
            waits = unmet(container, there) or f"{name} has not been started yet"
            return InstanceState.PENDING, actual.error or waits, False
        case Phase.RESTARTING:
            times = f", after {actual.restarts} restarts" if actual.restarts else ""
            reason = f"{name} ended with {actual.exit_code}{times}; the runtime starts it again"
            return InstanceState.FAILED, reason, False
        case Phase.EXITED:
            return _ended(container, actual)
        case Phase.PAUSED:
            return InstanceState.UNKNOWN, f"{name} was paused on the box", False
        case _:
            return InstanceState.UNKNOWN, actual.error or f"{name} is {actual.phase}", False


def _ended(container: Container, actual: Actual) -> tuple[InstanceState, str | None, bool]:
    reason = f"{container.name} ended with {actual.exit_code}"
    if actual.error:
        reason = f"{reason}: {actual.error}"
    if should_start(container, actual):
        return InstanceState.FAILED, reason, False
    if container.restart == "on-failure" and actual.exit_code != 0:
        return InstanceState.FAILED, f"{reason}, after {actual.restarts} restarts", True
    return InstanceState.EXITED, None if actual.exit_code == 0 else reason, True


def unwanted_status(
    desired: Collection[str], actual: Iterable[Actual], runtime: str
) -> tuple[InstanceStatus, ...]:
    """Return the statuses of instances that are still there and no longer ordered."""
    found: dict[str, InstanceStatus] = {}
    for one in actual:
        if one.instance in desired:
            continue
        before = found.get(one.instance)
        ids = before.container_ids if before is not None else ()
        found[one.instance] = InstanceStatus(
            id=one.instance,
            workload=one.workload[:63],
            revision=one.revision,
            state=InstanceState.STOPPING,
            runtime=runtime,
            container_ids=(*ids, one.id[:SHORT_ID])[:32],
        )
    return tuple(found.values())


def unseen_statuses(desired: Sequence[Instance], reason: str) -> tuple[InstanceStatus, ...]:
    """Return the statuses of what is wanted while the runtime cannot be asked, and why."""
    return tuple(
        InstanceStatus(
            id=instance.id,
            workload=instance.workload,
            revision=instance.revision,
            state=InstanceState.UNKNOWN,
            reason=reason[:200],
        )
        for instance in desired
    )
