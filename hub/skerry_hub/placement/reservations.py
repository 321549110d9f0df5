"""Room on nodes that only some workloads may use. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.documents import Reservation
from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Workload
from skerry_hub.placement.amounts import down, up
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.selection import chosen, is_chosen
from skerry_hub.placement.world import World
from skerry_hub.policies import selects


@dataclasses.dataclass(frozen=True, slots=True)
class Unreserved:
    """Enough of an amount beside what is reserved for others and they do not use yet.

    `users` are the workloads that it is reserved for.
    """

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    reservation: Reservation
    resource: Resource
    kept: int
    wanted: int
    users: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return what people call it."""
        return f"reservation {self.reservation.name}"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        about = chosen(columns, self.reservation.nodes, rows)
        if not about.any():
            return np.ones(len(rows), dtype=np.bool_)
        left = columns.free(self.resource, rows) - self._unused(columns, rows)
        return ~about | (left >= self.wanted)

    def _unused(self, columns: Columns, rows: Rows) -> Counts:
        """Return how much of what is kept nobody uses yet, on each row."""
        used = np.zeros(columns.size, dtype=np.int64)
        for name in self.users:
            for one in columns.instances_of(name).values():
                row = columns.row(one.node)
                if row is not None:
                    used[row] += _amount(one.resources, self.resource)
        return np.maximum(self.kept - used.take(rows), 0)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what is kept."""
        if not is_chosen(columns, self.reservation.nodes, row):
            return
        unused = int(self._unused(columns, np.array([row], dtype=np.intp))[0])
        left = columns.free_on(self.resource, row) - unused
        if left < self.wanted:
            kept = f"{self.resource.name.lower()} {up(self.resource, unused)} kept for others"
            free = down(self.resource, max(left, 0))
            text = f"{kept}: {free} left < {up(self.resource, self.wanted)}"
            yield Refusal(text, is_shortage=True)


def unreserved_of(world: World, workload: Workload) -> list[Unreserved]:
    """Return what the reservations for others leave of what a workload wants."""
    found = []
    for one in world.rules.reservations:
        if not one.start <= world.now < (one.end or float("inf")):
            continue
        if selects(one.selector, workload):
            continue
        users = tuple(
            sorted(other.name for other in world.workloads.values() if selects(one.selector, other))
        )
        for resource in Resource:
            kept, wanted = _amount(one, resource), _amount(workload.resources, resource)
            if kept and wanted:
                found.append(Unreserved(one, resource, kept, wanted, users))
    return found


def _amount(of: object, resource: Resource) -> int:
    names = {Resource.CPU: "cpu_milli", Resource.MEMORY: "memory_bytes"}
    return int(getattr(of, names.get(resource, "storage_bytes")))
