"""In which order the containers of an instance start, and what each waits for. Pure.

They end in the reverse order. A box that starts by itself, without the executor, has its runtime's
supervisor start all at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from skerry_executor.actual import Actual, Phase
from skerry_wire.lifecycle import After
from skerry_wire.messages import Health
from skerry_wire.workload import Container, Instance


def fault(instance: Instance) -> str | None:
    """Return why no start order of an instance would ever be through, by name."""
    by_name = {container.name: container for container in instance.containers}
    for container in instance.containers:
        for after in container.after:
            other = by_name.get(after.container)
            if other is None:
                return f"{container.name} starts after {after.container}, which is not there"
            if after.condition == "completed" and other.restart == "always":
                return (
                    f"{container.name} starts after {other.name} is completed, "
                    "which restarts always"
                )
    left = _left_over(instance.containers)
    if left:
        return f"{', '.join(one.name for one in left)} start after one another in a circle"
    return None


def sequence(containers: Sequence[Container]) -> tuple[Container, ...]:
    """Return the containers so that each follows what it starts after; else as they were given."""
    done: dict[str, Container] = {}
    left = list(containers)
    while left:
        # What stands in a circle is refused before; here it must only not hang.
        following = next((one for one in left if _may_follow(one, done)), left[0])
        done[following.name] = following
        left.remove(following)
    return tuple(done.values())


def _may_follow(container: Container, done: Collection[str]) -> bool:
    return all(after.container in done for after in container.after)


def _left_over(containers: Sequence[Container]) -> list[Container]:
    done: set[str] = set()
    left = list(containers)
    while free := [one for one in left if _may_follow(one, done)]:
        done |= {one.name for one in free}
        left = [one for one in left if one.name not in done]
    return left


def awaits(instance: Instance, there: Mapping[str, Actual]) -> bool:
    """Say whether a container that was made waits for others of its instance to come so far."""
    return any(
        (one := there.get(container.name)) is not None
        and one.phase is Phase.CREATED
        and unmet(container, there) is not None
        for container in instance.containers
        if container.after
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
            return None if other.health is Health.HEALTHY else f"to be healthy: {other.health}"
        case _:
            if other is None or other.phase is not Phase.EXITED or starting:
                return "to be completed"
            if other.exit_code != 0:
                return f"to be completed, which ended with {other.exit_code}"
            return None
