"""Where least goes to waste: the scores of workloads that pack. Pure."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.model import Resources, Workload
from skerry_hub.placement.contention import Pressing, Uncontended
from skerry_hub.placement.demand import Demand
from skerry_hub.placement.expected import expected_of
from skerry_hub.placement.fragmentation import fragmentation_of, kinds_of
from skerry_hub.placement.points import SCALE, Points
from skerry_hub.placement.world import World

BELOW = 99
"""Fewer than the weight of one point of fragmentation."""


@dataclasses.dataclass(frozen=True, slots=True)
class Unfragmented:
    """Prefer where a placement leaves most free devices usable for what else is asked for."""

    is_used_up: ClassVar[bool] = True
    demand: Demand
    wanted: Resources
    kind: str
    weight: int = 100

    @property
    def name(self) -> str:
        """Return what people call it."""
        return f"unfragmented {self.kind}"

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows: half of them where nothing is lost or won."""
        found = fragmentation_of(columns, self.demand, self.kind)
        unit = max(1, -(-2 * found.most // SCALE))
        cost = found.increase(rows, self.wanted)
        return np.clip(SCALE // 2 - cost // unit, 0, SCALE)


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """Prefer nodes with least room left: the mean of the shares of processors and memory."""

    is_used_up: ClassVar[bool] = True
    wanted: Resources
    parts: int = SCALE
    """How finely it is told: with few parts it only decides between what is equal otherwise."""
    name: str = "fit"
    weight: int = 1

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        amounts = (
            (Resource.CPU, self.wanted.cpu_milli),
            (Resource.MEMORY, self.wanted.memory_bytes),
        )
        left = np.zeros(len(rows))
        for resource, amount in amounts:
            free = np.maximum(columns.free(resource, rows) - min(amount, AMOUNT_LIMIT), 0)
            left += free / np.maximum(columns.total(resource, rows), 1)
        # Sums and quotients of doubles are the same on every machine.
        return ((1.0 - left / len(amounts)) * self.parts).astype(np.int64)


def packs(world: World, workload: Workload) -> bool:
    """Say whether a workload goes where least goes to waste."""
    return (workload.placement.strategy or world.strategy) == "pack"


def contention_of(world: World) -> Pressing | None:
    """Return who else needs which nodes: of a stream of requests, or of what is wanted."""
    return world.contention or expected_of(world)


def packing_of(world: World, workload: Workload) -> list[Points]:
    """Return the scores of a workload that packs."""
    wanted = workload.resources
    found: list[Points] = []
    contention = contention_of(world)
    if contention is not None:
        found.append(Uncontended(contention, workload, world.now))
    kinds = kinds_of(world.demand)
    if kinds:
        found += (Unfragmented(world.demand, wanted, kind) for kind in kinds)
        return [*found, Fit(wanted, parts=BELOW)]
    return [*found, Fit(wanted)]
