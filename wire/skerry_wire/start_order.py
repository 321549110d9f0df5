"""What cannot be in the order of start of an instance's containers: one rule for all who judge.

The hub judges by it what is applied, the executor what it is ordered. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from skerry_wire.workload import Container


def wrong_order(containers: Sequence[Container]) -> Iterator[tuple[int, str, str]]:
    """Yield what would never be through: the container's index, whom it names, and why."""
    by_name = {one.name: one for one in containers}
    circling = {one.name: one for one in left_over(containers)}
    for index, one in enumerate(containers):
        for after in one.after:
            other = by_name.get(after.container)
            if other is None:
                yield index, after.container, "is not a container of the same workload"
            elif other is one:
                yield index, after.container, "is the container itself"
            elif after.condition == "healthy" and other.health is None:
                yield index, after.container, "has no health check that could say so"
            elif after.condition == "completed" and other.restart == "always":
                yield index, after.container, "never completes: it needs restart: no"
            elif one.name in circling and _reaches(after.container, one.name, circling):
                yield index, after.container, f"waits, in turn, for {one.name}"


def left_over(containers: Sequence[Container]) -> list[Container]:
    """Return the containers that no start comes to: in a circle, or behind one."""
    done: set[str] = set()
    left = list(containers)
    while free := [one for one in left if may_follow(one, done)]:
        done |= {one.name for one in free}
        left = [one for one in left if one.name not in done]
    return left


def may_follow(container: Container, done: Collection[str]) -> bool:
    """Say whether a container may start once others have, by name."""
    return all(after.container in done for after in container.after)


def _reaches(start: str, goal: str, by_name: Mapping[str, Container]) -> bool:
    """Say whether a container waits for another one, by however many steps."""
    seen: set[str] = set()
    left = [start]
    while left:
        name = left.pop()
        if name == goal:
            return True
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        left += (after.container for after in by_name[name].after)
    return False
