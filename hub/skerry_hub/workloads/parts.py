"""Several services of a file as the containers of one workload: `x-part-of`. Pure.

The first container is that of the service which the others are parts of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from skerry_hub.model import Resources, Workload

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
