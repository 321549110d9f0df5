"""Room on nodes that only some workloads may use. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from skerry_hub.documents import Reservation
from skerry_hub.fleet.arrays import Counts, Mask, Rows, Shares
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Workload
from skerry_hub.placement.amounts import FIELDS, down, up
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.selection import chosen, is_chosen
from skerry_hub.placement.world import World
from skerry_hub.policies import selects

FEW = 8
"""Of so few rows, what is on them is looked through; of more, what the users have."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """What a reservation keeps of an amount, for the workloads that may use it, by name."""

    reservation: Reservation
    amount: int
    users: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Unreserved:
    """Enough of an amount beside all that is reserved for others and they do not use yet."""

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    resource: Resource
    kept: tuple[Kept, ...]
    wanted: int

    @property
    def name(self) -> str:
        """Return what people call it."""
        return f"reservation {', '.join(one.reservation.name for one in self.kept)}"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        about, unused = self._unused(columns, rows)
        return ~about | (columns.free(self.resource, rows) - unused >= self.wanted)

    def lack(self, columns: Columns, rows: Rows) -> Shares:
        """Return what part of what is wanted is missing, 0 to 1."""
        about, unused = self._unused(columns, rows)
        missing = (self.wanted - columns.free(self.resource, rows) + unused) / self.wanted
        return np.where(about, np.clip(missing, 0.0, 1.0), 0.0)

    def left(self, columns: Columns, row: int) -> int:
        """Return how much one row has beside what is kept for others."""
        _, unused = self._unused(columns, np.array([row], dtype=np.intp))
        return columns.free_on(self.resource, row) - int(unused[0])

    def _unused(self, columns: Columns, rows: Rows) -> tuple[Mask, Counts]:
        """Return on which rows something is reserved, and how much of that nobody uses yet.

        What fills one reservation does not fill the next one, though it may use both.
        """
        about = np.zeros(len(rows), dtype=np.bool_)
        unused = np.zeros(len(rows), dtype=np.int64)
        used = {}
        for kept in self.kept:
            here = chosen(columns, kept.reservation.nodes, rows)
            missing = here * np.int64(kept.amount)
            if here.any():
                for name in kept.users:
                    if name not in used:
                        used[name] = self._used(columns, name, rows)
                    filling = np.minimum(used[name], missing)
                    missing, used[name] = missing - filling, used[name] - filling
            about |= here
            unused += missing
        return about, unused

    def _used(self, columns: Columns, workload: str, rows: Rows) -> Counts:
        """Return how much of the amount a workload has on each row."""
        if len(rows) <= FEW:
            there = [
                sum(
                    _amount(one.resources, self.resource)
                    for one in columns.assigned(columns.facts(row).id)
                    if one.workload == workload
                )
                for row in rows.tolist()
            ]
            return np.array(there, dtype=np.int64)
        used = np.zeros(columns.size, dtype=np.int64)
        for one in columns.instances_of(workload).values():
            row = columns.row(one.node)
            if row is not None:
                used[row] += _amount(one.resources, self.resource)
        return used.take(rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what is kept."""
        about, kept = self._unused(columns, np.array([row], dtype=np.intp))
        unused = int(kept[0])
        left = columns.free_on(self.resource, row) - unused
        if about[0] and left < self.wanted:
            text = f"{self.resource.name.lower()} {up(self.resource, unused)} kept for others"
            free = down(self.resource, max(left, 0))
            yield Refusal(
                f"{text}: {free} left < {up(self.resource, self.wanted)}",
                share=min(1.0, (self.wanted - left) / self.wanted),
                is_shortage=True,
            )


def unreserved_of(world: World, workload: Workload) -> list[Unreserved]:
    """Return what the reservations for others leave of what a workload wants."""
    for_others = [
        (one, _users(world, one))
        for one in world.rules.reservations
        if is_on(one, world.now) and not selects(one.selector, workload)
    ]
    found = []
    for resource in Resource:
        kept = tuple(
            Kept(one, amount, users)
            for one, users in for_others
            if (amount := _amount(one, resource))
        )
        wanted = _amount(workload.resources, resource)
        if kept and wanted:
            found.append(Unreserved(resource, kept, wanted))
    return found


def unused_on(world: World, row: int) -> list[tuple[Reservation, Mapping[Resource, int]]]:
    """Return the reservations in force on one row, by name, and what of each nobody uses yet."""
    columns = world.columns
    here = [
        (one, _users(world, one))
        for one in world.rules.reservations
        if is_on(one, world.now) and is_chosen(columns, one.nodes, row)
    ]
    found: list[tuple[Reservation, Mapping[Resource, int]]] = []
    before = dict.fromkeys(Resource, 0)
    for count, (reservation, _) in enumerate(here, 1):
        # They are filled one after the other: each adds what the earlier ones leave unused of it.
        together = {
            resource: columns.free_on(resource, row)
            - Unreserved(
                resource,
                tuple(Kept(one, _amount(one, resource), of) for one, of in here[:count]),
                1,
            ).left(columns, row)
            for resource in Resource
        }
        found.append((reservation, {one: together[one] - before[one] for one in Resource}))
        before = together
    return found


def is_on(reservation: Reservation, now: float) -> bool:
    """Say whether room is reserved now."""
    if now < reservation.start:
        return False
    return reservation.end is None or now < reservation.end


def _users(world: World, reservation: Reservation) -> tuple[str, ...]:
    """Return the workloads that may use what is reserved."""
    names = (one.name for one in world.workloads.values() if selects(reservation.selector, one))
    return tuple(sorted(names))


def _amount(of: object, resource: Resource) -> int:
    return int(getattr(of, FIELDS[resource]))
