"""SCORES: what makes a node better, the visible table. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.model import Workload
from skerry_hub.placement.cost import cheap_of
from skerry_hub.placement.data import close_of
from skerry_hub.placement.nearness import near_of
from skerry_hub.placement.packing import packing_of, packs
from skerry_hub.placement.points import SCALE, Points
from skerry_hub.placement.taints import few_taints_of
from skerry_hub.placement.world import World


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """Prefer nodes whose runtime's socket was found: the others may turn out to have none."""

    is_used_up: ClassVar[bool] = False
    name: str = "runtime"
    weight: int = 160

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        return columns.runtime_answers(rows) * np.int64(SCALE)


@dataclasses.dataclass(frozen=True, slots=True)
class Devices:
    """Leave nodes with idle accelerators to workloads that ask for some."""

    is_used_up: ClassVar[bool] = True
    name: str = "devices"
    weight: int = 15

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        return ~columns.accelerators_idle(rows) * np.int64(SCALE)


@dataclasses.dataclass(frozen=True, slots=True)
class Balance:
    """Prefer nodes with most room left: the smaller of the shares of processors and memory."""

    is_used_up: ClassVar[bool] = True
    cpu_milli: int
    memory_bytes: int
    name: str = "balance"
    weight: int = 10

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        cpu = _room(columns, Resource.CPU, self.cpu_milli, rows)
        return np.minimum(cpu, _room(columns, Resource.MEMORY, self.memory_bytes, rows))


def _room(columns: Columns, resource: Resource, amount: int, rows: Rows) -> Counts:
    """Return which part of an amount would be left, in parts of SCALE."""
    left = np.maximum(columns.free(resource, rows) - min(amount, AMOUNT_LIMIT), 0)
    # Quotients and products of doubles are the same on every machine.
    part = left / np.maximum(columns.total(resource, rows), 1)
    return (part * SCALE).astype(np.int64)


@dataclasses.dataclass(frozen=True, slots=True)
class Quiet:
    """Prefer nodes with few instances: workloads that reserve nothing spread too."""

    is_used_up: ClassVar[bool] = True
    name: str = "quiet"
    weight: int = 5

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        found: Counts = SCALE // (1 + columns.instances(rows))
        return found


def _devices(world: World, workload: Workload) -> list[Points]:
    if workload.resources.devices or packs(world, workload):
        return []
    return [Devices()]


def _room_or_none(world: World, workload: Workload) -> list[Points]:
    wanted = workload.resources
    if packs(world, workload):
        return packing_of(world, workload)
    return [Balance(wanted.cpu_milli, wanted.memory_bytes), Quiet()]


SCORES: tuple[tuple[str, Callable[[World, Workload], Sequence[Points]]], ...] = (
    ("runtime", lambda _world, _: [Runtime()]),
    ("taints", lambda world, workload: few_taints_of(world.columns, workload)),
    ("devices", _devices),
    ("room", _room_or_none),
    ("latency", near_of),
    ("cost", cheap_of),
    ("data", close_of),
)
"""What makes a node better, and for each what a workload wants of that sort."""


def points_of(world: World, workload: Workload) -> tuple[Points, ...]:
    """Return every score of one workload."""
    return tuple(one for _, ask in SCORES for one in ask(world, workload))


@dataclasses.dataclass(frozen=True, slots=True)
class OwnSpread:
    """Prefer nodes with few instances of the workload itself; kept apart from the other scores.

    Its weight is such that a node with none of the workload yet comes before any with more room.
    """

    name: str = "spread"
    weight: int = 80

    def of(self, own: int) -> int:
        """Return the points of a node with so many of the workload's instances."""
        return SCALE // (1 + own)


def own_spread_of(world: World, workload: Workload) -> OwnSpread:
    """Return how much a workload's instances keep apart by themselves."""
    # Who packs wants them close; they are kept apart by an antiAffinity where that matters.
    return OwnSpread(weight=0) if packs(world, workload) else OwnSpread()
