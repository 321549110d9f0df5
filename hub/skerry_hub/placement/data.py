"""Datasets that workloads read: where they lie, and how long they take to be elsewhere. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.documents import Dataset
from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import LABEL, Field, field
from skerry_hub.model import Workload
from skerry_hub.placement.limits import data_name
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.world import World
from skerry_hub.terms import NODE, DataNeed

HALF_S = 60
"""Data that is so long on its way fulfils half of a wish to be near it."""


def is_there(dataset: Dataset, columns: Columns, rows: Rows) -> Mask:
    """Say on which rows a dataset lies."""
    found = np.zeros(len(rows), dtype=np.bool_)
    for topology, domains in dataset.places.items():
        for place in _fields(topology):
            found |= columns.told(place).one_of(domains, rows)
    return found


def _fields(topology: str) -> tuple[Field, ...]:
    """Return where a domain's name stands; a node is known by its id or its hostname."""
    if topology == NODE:
        return field("node.id"), field("node.hostname")
    return (field(f"{LABEL}{topology}"),)


def transfer_s(dataset: Dataset) -> float:
    """Return how long a dataset is on its way to where it does not lie."""
    return dataset.size_bytes * 8 / (dataset.bandwidth_mbit * 1e6)


@dataclasses.dataclass(frozen=True, slots=True)
class DataNear:
    """Where the dataset is, or where it can be soon enough."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    need: DataNeed
    dataset: Dataset | None

    @property
    def name(self) -> str:
        """Return what people call it."""
        return data_name(self.need.dataset)

    @property
    def _may_move(self) -> bool:
        if self.dataset is None or self.need.local:
            return False
        most = self.need.max_transfer_s
        return most is None or transfer_s(self.dataset) <= most

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        if self.dataset is None:
            return np.zeros(len(rows), dtype=np.bool_)
        if self._may_move:
            return np.ones(len(rows), dtype=np.bool_)
        return is_there(self.dataset, columns, rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give where it is not, or how long it would take."""
        if self.dataset is None:
            yield Refusal(f"there is no dataset {self.need.dataset}", is_unknown=True)
            return
        if self._may_move or is_there(self.dataset, columns, np.array([row]))[0]:
            return
        if self.need.local or self.need.max_transfer_s is None:
            yield Refusal(f"dataset {self.need.dataset} is not here")
            return
        took, most = transfer_s(self.dataset), self.need.max_transfer_s
        yield Refusal(
            f"dataset {self.need.dataset} would be {took:.0f} s on its way > {most:g} s",
            round(took - most, 3),
            share=(took - most) / max(took, 1e-3),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class DataClose:
    """Rather where the dataset is; elsewhere the less, the longer it is on its way."""

    is_used_up: ClassVar[bool] = False
    dataset: Dataset
    weight: int

    @property
    def name(self) -> str:
        """Return what people call it."""
        return f"data {self.dataset.name}"

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows."""
        elsewhere = SCALE * HALF_S // (HALF_S + round(transfer_s(self.dataset)))
        there = is_there(self.dataset, columns, rows)
        return np.where(there, np.int64(SCALE), np.int64(elsewhere))


def data_of(world: World, workload: Workload) -> list[DataNear]:
    """Return what a workload's datasets require of a node."""
    datasets = world.rules.datasets
    return [DataNear(need, datasets.get(need.dataset)) for need in workload.placement.data]


def close_of(world: World, workload: Workload) -> list[DataClose]:
    """Return a workload's wishes to be near its data."""
    found = []
    for need in workload.placement.data:
        dataset = world.rules.datasets.get(need.dataset)
        if dataset is not None and need.weight:
            found.append(DataClose(dataset, need.weight))
    return found
