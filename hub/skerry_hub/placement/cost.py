"""What an instance costs an hour on each node, by the hub's prices. Pure.

Money is counted in whole millionths, so that what adds up also goes back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from typing import ClassVar

import numpy as np

from skerry_hub.documents import Dataset, Prices
from skerry_hub.fleet.arrays import Counts, Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import LABEL, Single, field
from skerry_hub.model import Resources, Workload
from skerry_hub.placement.data import is_there
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.selection import chosen
from skerry_hub.placement.world import World

MICRO = 1_000_000
MOST = 2**53
"""A price beyond this is as good as this."""
FINEST = 2**36
"""So many parts of the way from the cheapest to the dearest: SCALE times that is in 64 bits."""
GIB = 2**30
GB = 10**9
DEAR = 4
"""What costs so many times the median is as dear as can be."""
MONTH_H = 720
"""Over so many hours the price of moving a dataset is spread."""
NO_PRICES = Prices(name="none")
ENVIRONMENT = field(f"{LABEL}environment")

Sources = tuple[tuple[int, str], ...]
"""By which prices, and in which environments, a dataset lies."""


class Costs:
    """What one instance of a workload costs on each node, for the fleet's prices."""

    def __init__(self, world: World, workload: Workload) -> None:
        self._tariffs: tuple[Prices, ...] = (NO_PRICES, *world.rules.prices)
        self._workload = workload
        self._world = world
        plain = [_hourly(one, workload.resources) for one in self._tariffs]
        self._plain: Counts = np.array(plain, dtype=np.int64)
        opening = [_micro(one.node_hour) for one in self._tariffs]
        self._opening: Counts = np.array(opening, dtype=np.int64)
        self._flows = tuple(_flows(world, workload))
        self._moves = tuple(self._sources(world.columns))

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return millionths an hour; a node on which nothing runs yet costs its own price too."""
        found = self._without_opening(columns, rows)
        if self._opening.any():
            idle = columns.instances(rows) == 0
            found = found + self.opening(columns, rows) * idle
        return np.minimum(found, MOST)

    def opening(self, columns: Columns, rows: Rows) -> Counts:
        """Return what each node costs by itself while anything runs on it."""
        return self._opening.take(self._tariff(columns, rows))

    def span(self, columns: Columns) -> tuple[int, int]:
        """Return the least and the most that counts, whatever runs where just now.

        What costs more than so many times the median is as dear as that: one dear node must not
        make all others look alike.
        """
        rows = columns.rows()
        if not len(rows):
            return 0, 0
        without = self._without_opening(columns, rows)
        most = without + self.opening(columns, rows)
        least, dearest = min(int(without.min()), MOST), min(int(most.max()), MOST)
        usual = int(np.sort(most)[len(most) // 2])
        return least, max(least, min(dearest, DEAR * max(usual, least + 1)))

    @property
    def elsewhere(self) -> Hashable:
        """What of other nodes counts for each: where the datasets come from."""
        return tuple(sources for _, sources in self._moves)

    def _without_opening(self, columns: Columns, rows: Rows) -> Counts:
        tariff = self._tariff(columns, rows)
        found = self._plain.take(tariff)
        if self._flows or self._moves:
            found = found + self._carriage(columns, rows, tariff)
        return found

    def _tariff(self, columns: Columns, rows: Rows) -> Rows:
        """Return by which prices each row is counted: the last that name it."""
        found = np.zeros(len(rows), dtype=np.intp)
        for number, prices in enumerate(self._tariffs[1:], 1):
            found[chosen(columns, prices.nodes, rows)] = number
        return found

    def _carriage(self, columns: Columns, rows: Rows, tariff: Rows) -> Counts:
        """Return what the workload's traffic, and its data, cost from and to each row."""
        pairs, which = _pairs(columns, rows, tariff)
        found: Counts = np.array(
            [self._between(self._tariffs[number], here) for number, here in pairs], dtype=np.int64
        ).take(which)
        for dataset, sources in self._moves:
            prices = [self._moving(dataset, sources, here) for _, here in pairs]
            moving: Counts = np.array(prices, dtype=np.int64).take(which)
            found = found + np.where(is_there(dataset, columns, rows), 0, moving)
        return found

    def _between(self, prices: Prices, here: str) -> int:
        return sum(
            _micro(_per_gb(prices, there) * gb) for there, gb in self._flows if there != here
        )

    def _moving(self, dataset: Dataset, sources: Sources, here: str) -> int:
        """Return the price of moving a dataset into an environment, by the hour of a month."""
        per_gb = [
            0.0 if there == here else _per_gb(self._tariffs[number], here)
            for number, there in sources
        ]
        return _micro(min(per_gb, default=0.0) * dataset.size_bytes / GB / MONTH_H)

    def _sources(self, columns: Columns) -> Iterator[tuple[Dataset, Sources]]:
        """Give the workload's datasets, each with the prices and environments where it lies."""
        for need in self._workload.placement.data:
            dataset = self._world.rules.datasets.get(need.dataset)
            if dataset is None:
                continue
            rows = columns.rows()
            rows = rows[is_there(dataset, columns, rows)]
            pairs, _ = _pairs(columns, rows, self._tariff(columns, rows))
            yield dataset, tuple(sorted(pairs))


def _pairs(columns: Columns, rows: Rows, tariff: Rows) -> tuple[list[tuple[int, str]], Rows]:
    """Return the prices and environments that rows have, each pair once, and which each row has."""
    if not len(rows):
        return [], rows
    told = columns.told(ENVIRONMENT)
    joined = np.stack([tariff, told.codes(rows)])
    pairs, which = np.unique(joined, axis=1, return_inverse=True)
    named = [(number, _word(told.values[code])) for number, code in pairs.T.tolist()]
    return named, which.reshape(-1)


def _word(values: tuple[Single, ...]) -> str:
    return str(values[0]) if values else ""


def _hourly(prices: Prices, wanted: Resources) -> int:
    """Return what the resources cost an hour, energy and carbon with them."""
    cpus = wanted.cpu_milli / 1000
    kwh = cpus * prices.watts_per_cpu / 1000
    devices = sum(
        prices.device_hour.get(one.kind, 0.0) * one.count * one.share_milli / 1000
        for one in wanted.devices
    )
    carbon = kwh * prices.carbon_g_per_kwh / 1000 * prices.carbon_per_kg
    return _micro(
        cpus * prices.cpu_hour
        + wanted.memory_bytes / GIB * prices.gib_hour
        + wanted.storage_bytes / GIB * prices.storage_gib_hour
        + devices
        + kwh * prices.kwh
        + carbon
    )


def _per_gb(prices: Prices, to: str) -> float:
    """Return the price of a GB into an environment: its own, else that into any other."""
    by_name = {one.to: one.per_gb for one in prices.egress}
    return by_name.get(to, by_name.get("", 0.0))


def _flows(world: World, workload: Workload) -> Iterator[tuple[str, float]]:
    """Give the environments that a workload sends to, and how many GB an hour."""
    for one in workload.placement.traffic:
        if one.environment:
            yield one.environment, one.gb_per_hour
            continue
        there = _environments(world, one.workload)
        for name, share in there.items():
            yield name, one.gb_per_hour * share


def _environments(world: World, workload: str) -> Mapping[str, float]:
    """Return in which environments a workload's instances are, as parts of all of them."""
    columns = world.columns
    found: dict[str, int] = {}
    for one in columns.instances_of(workload).values():
        row = columns.row(one.node)
        values = ENVIRONMENT.values(columns.facts(row)) if row is not None else ()
        name = _word(values)
        found[name] = found.get(name, 0) + 1
    total = sum(found.values())
    return {name: count / total for name, count in sorted(found.items())}


def _micro(money: float) -> int:
    return min(round(money * MICRO), MOST)


def money(micro: int) -> str:
    """Return millionths as people read money: `0.0425`."""
    return f"{micro / MICRO:.6f}".rstrip("0").rstrip(".")


@dataclasses.dataclass(frozen=True, slots=True)
class Affordable:
    """Not more than so much an hour."""

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    costs: Costs
    most: int
    name: str = "cost"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        passes: Mask = self.costs.of(columns, rows) <= self.most
        return passes

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return which part of the price is too much."""
        costs = self.costs.of(columns, rows)
        return np.maximum(costs - self.most, 0) / np.maximum(costs, 1)

    def cost_of(self, columns: Columns, row: int) -> int:
        """Return the price on one row, in millionths an hour."""
        return int(self.costs.of(columns, np.array([row]))[0])

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give the price."""
        cost = self.cost_of(columns, row)
        if cost > self.most:
            over = cost - self.most
            yield Refusal(
                f"costs {money(cost)} an hour > {money(self.most)}",
                round(over / MICRO, 6),
                share=over / cost,
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Cheap:
    """The cheaper the better, between the cheapest and what is dear here."""

    is_used_up: ClassVar[bool] = True
    costs: Costs
    least: int
    most: int
    weight: int
    name: str = "cost"

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        if self.most <= self.least:
            return np.full(len(rows), SCALE, dtype=np.int64)
        span = self.most - self.least
        saved = np.clip(self.most - self.costs.of(columns, rows), 0, span)
        # Divided first where prices are high: SCALE times them would leave 64 bits.
        unit = -(-span // FINEST)
        found: Counts = (saved // unit) * SCALE // max(1, span // unit)
        return found


def affordable_of(world: World, workload: Workload) -> list[Affordable]:
    """Return the limit on what a workload's instance costs."""
    most = workload.placement.cost.max_per_hour
    return [] if most is None else [Affordable(Costs(world, workload), _micro(most))]


def cheap_of(world: World, workload: Workload) -> list[Cheap]:
    """Return how much a workload wants to be cheap."""
    weight = workload.placement.cost.weight
    if not weight:
        return []
    costs = Costs(world, workload)
    return [Cheap(costs, *costs.span(world.columns), weight)]
