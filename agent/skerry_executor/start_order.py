"""In which order the containers of an instance start, and what each waits for. Pure.

They end in the reverse order. Where they share a network, one of them owns it, and it is there only
while that one runs: it is one that lasts, and it starts before all that join it. A box that starts
by itself, without the executor, has its runtime's supervisor start all at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from skerry_executor.actual import Actual, Phase
from skerry_wire.lifecycle import After
from skerry_wire.messages import Health
from skerry_wire.start_order import may_follow, wrong_order
from skerry_wire.workload import Container, Instance


def fault(instance: Instance) -> str | None:
    """Return why no start order of an instance would ever be through, by name."""
    for index, other, reason in wrong_order(instance.containers):
        return f"{instance.containers[index].name} starts after {other}, which {reason}"
    return None


def sequence(containers: Sequence[Container]) -> tuple[Container, ...]:
    """Return the containers so that each follows what it starts after; else as they were given."""
    done: dict[str, Container] = {}
    left = list(containers)
    while left:
        # What stands in a circle is refused before; here it must only not hang.
        following = next((one for one in left if may_follow(one, done)), left[0])
        done[following.name] = following
        left.remove(following)
    return tuple(done.values())


def in_order(instance: Instance) -> tuple[Container, ...]:
    """Return an instance's containers in the order of their starts.

    Each follows what it starts after, and the owner of a network that it joins.
    """
    owner = network_owner(instance)
    if owner is None:
        return sequence(instance.containers)
    before = _before(owner, instance.containers)
    return sequence(
        sorted(
            instance.containers,
            key=lambda one: 0 if one.name in before else 1 if one is owner else 2,
        )
    )


_LASTS = ("always", "on-failure", "no")


def network_owner(instance: Instance) -> Container | None:
    """Return the container whose network the others join; None where they share none.

    The one that lasts longest, by its restart policy; of these the first that may start. What
    others wait to be completed never owns a network that they join.
    """
    if not instance.shared_network:
        return None
    ordered = sequence(instance.containers)
    awaited = {
        after.container
        for container in ordered
        for after in container.after
        if after.condition == "completed"
    }
    lasting = [one for one in ordered if one.name not in awaited] or ordered
    return min(lasting, key=lambda one: (_LASTS.index(one.restart), len(_before(one, ordered))))


def joined_by(instance: Instance, container: Container) -> Container | None:
    """Return the owner of the network that a container joins; None where it has one of its own.

    What is to come so far before the owner starts, as preparations do, cannot join it.
    """
    owner = network_owner(instance)
    if owner is None or container.name == owner.name:
        return None
    return None if container.name in _before(owner, instance.containers) else owner


def waiting(instance: Instance, container: Container) -> Container:
    """Return the container so that it starts after the owner of its network too."""
    owner = joined_by(instance, container)
    if owner is None or any(after.container == owner.name for after in container.after):
        return container
    after = (After(container=owner.name), *container.after)
    return dataclasses.replace(container, after=after)


def _before(container: Container, others: Sequence[Container]) -> set[str]:
    """Return what a container starts after, and what that starts after, by name."""
    by_name = {one.name: one for one in others}
    found: set[str] = set()
    left = [after.container for after in container.after]
    while left:
        name = left.pop()
        if name not in found and name in by_name:
            found.add(name)
            left += [after.container for after in by_name[name].after]
    return found


def awaits(instance: Instance, there: Mapping[str, Actual]) -> bool:
    """Say whether a container that was made waits for others of its instance to come so far."""
    return any(
        (one := there.get(container.name)) is not None
        and one.phase is Phase.CREATED
        and unmet(waiting(instance, container), there) is not None
        for container in instance.containers
    )


def unmet(
    container: Container, there: Mapping[str, Actual], starting: Collection[str] = ()
) -> str | None:
    """Return what a container still waits for before it may start; None when for nothing.

    `there` are the instance's containers by name, `starting` those that start before it now.
    """
    for after in container.after:
        why = _unmet(after, there.get(after.container), after.container in starting)
        if why is not None:
            return f"{container.name} waits for {after.container} {why}"
    return None


def _unmet(after: After, other: Actual | None, starting: bool) -> str | None:
    running = other is not None and other.phase is Phase.RUNNING
    match after.condition:
        case "started":
            over = other is not None and other.phase in (Phase.EXITED, Phase.RESTARTING)
            return None if starting or running or over else "to be started"
        case "healthy":
            if other is None or not running or starting:
                return "to be healthy"
            if other.health is Health.NONE:
                return "to be healthy, which has no health check"
            return (
                None if other.health is Health.HEALTHY else f"to be healthy: {other.health_words}"
            )
        case _:
            if other is None or other.phase is not Phase.EXITED or starting:
                return "to be completed"
            if other.exit_code != 0:
                return f"to be completed, which ended with {other.exit_code}"
            return None


def should_start(container: Container, actual: Actual) -> bool:
    """Say whether a container that does not run shall be started, by its own restart policy."""
    if actual.phase is Phase.CREATED:
        return True
    if actual.phase is not Phase.EXITED:
        return False
    if container.restart == "always":
        return True
    if container.restart == "no" or actual.exit_code == 0:
        return False
    return container.restart_retries == 0 or actual.restarts < container.restart_retries


def has_lost(
    joined: Actual, instance: Instance, there: Mapping[str, Actual], starting: Collection[str]
) -> bool:
    """Say whether the owner of the network that a container has is over, and never runs again."""
    return any(
        joined.joins(one)
        and one.phase is Phase.EXITED
        and container.name not in starting
        and not should_start(container, one)
        for container in instance.containers
        if (one := there.get(container.name)) is not None
    )


def ending_order(those: Iterable[Actual]) -> list[Actual]:
    """Return containers in the order in which they end.

    What started last ends first: nobody remembers what started after what.
    """
    latest_first = sorted(those, key=lambda one: (one.instance, -(one.started_at or 0.0)))
    return sorted(latest_first, key=lambda one: (one.instance, *holding(one)))


def holding(one: Actual) -> tuple[bool, bool]:
    """Return the key by which who has the network of another ends before that one.

    No runtime removes a container whose network another has, though that was never started. Of a
    damaged one it is not known whether it joined.
    """
    return one.joined is None, one.phase is not Phase.DAMAGED
