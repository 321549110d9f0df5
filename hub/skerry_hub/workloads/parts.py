"""Several services of a file as the containers of one workload: `x-part-of`. Pure.

The first container is that of the service which the others are parts of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from skerry_hub.model import Resources, Workload
from skerry_wire.workload import Container

MAX_CONTAINERS = 32


def joined(main: Workload, parts: Sequence[Workload], *, shared_network: bool) -> Workload:
    """Return the workload that has the containers of all, and reserves what they do together."""
    if not parts:
        return main
    every = (main, *parts)
    return dataclasses.replace(
        main,
        containers=tuple(one for each in every for one in each.containers),
        resources=_sum([one.resources for one in every]),
        lifecycle=dataclasses.replace(main.lifecycle, shared_network=shared_network),
    )


def _sum(asked: Sequence[Resources]) -> Resources:
    return Resources(
        cpu_milli=sum(one.cpu_milli for one in asked),
        memory_bytes=sum(one.memory_bytes for one in asked),
        storage_bytes=sum(one.storage_bytes for one in asked),
        devices=tuple(device for one in asked for device in one.devices),
        ports=tuple(dict.fromkeys(port for one in asked for port in one.ports)),
    )


def wrong_order(containers: Sequence[Container]) -> Iterator[tuple[int, str, str]]:
    """Yield what cannot be in the order of start: the container's index, whom it names, and why."""
    by_name = {one.name: one for one in containers}
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
            elif _reaches(after.container, one.name, by_name):
                yield index, after.container, f"waits, in turn, for {one.name}"


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
