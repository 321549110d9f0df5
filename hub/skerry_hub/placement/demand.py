"""What is asked of the fleet, as far as it is known: amounts, devices, and how often. Pure.

To pack well is to leave room for what will be asked for next; the best guess is what was asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from skerry_hub.model import Resources, Workload
from skerry_hub.terms import DeviceRequest

MOST_SHAPES = 96
"""The most frequent ones stand for all: more change nothing that could be measured."""
MIB = 2**20


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceDemand:
    """Instances that want so much, and devices by one request; `count` of them."""

    cpu_milli: int
    memory_mib: int
    request: DeviceRequest
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """What is asked for, the most frequent first. Equal ones are the same to whoever keeps them."""

    devices: tuple[DeviceDemand, ...] = ()


NO_DEMAND = Demand()


def demand_of(asked: Iterable[tuple[Resources, int]]) -> Demand:
    """Return what resources, each so many times, are as a demand."""
    counts: dict[tuple[int, int, DeviceRequest], int] = {}
    for wanted, times in asked:
        memory_mib = -(-wanted.memory_bytes // MIB)
        for request in wanted.devices:
            key = wanted.cpu_milli, memory_mib, request
            counts[key] = counts.get(key, 0) + times
    shapes = _heaviest(counts)
    found = [
        DeviceDemand(cpu_milli, memory_mib, request, count)
        for (cpu_milli, memory_mib, request), count in counts.items()
        if (cpu_milli, memory_mib, request.count, request.share_milli) in shapes
    ]
    return Demand(tuple(sorted(found, key=_order)))


def _order(one: DeviceDemand) -> tuple[int, int, int, str]:
    """Return where a demand stands, whatever was asked first."""
    return -one.count, one.cpu_milli, one.memory_mib, str(one.request)


def _heaviest(
    counts: dict[tuple[int, int, DeviceRequest], int],
) -> set[tuple[int, int, int, int]]:
    """Return the amounts that are asked for most, whichever devices they are asked of."""
    weights: dict[tuple[int, int, int, int], int] = {}
    for (cpu_milli, memory_mib, request), count in counts.items():
        shape = cpu_milli, memory_mib, request.count, request.share_milli
        weights[shape] = weights.get(shape, 0) + count
    ordered = sorted(weights, key=lambda shape: (-weights[shape], shape))
    return set(ordered[:MOST_SHAPES])


def demand_of_workloads(workloads: Iterable[Workload]) -> Demand:
    """Return what the workloads that are wanted would ask for again."""
    return demand_of((one.resources, max(1, one.replicas)) for one in workloads)
