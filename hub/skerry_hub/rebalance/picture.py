"""A fleet as a problem of items and bins: what may move, where to, and what that counts. Pure.

It holds nothing of the fleet that changes.

The objective is a sum of losses, the smaller the better. `balance`: each node counts the square of
its used share (`evenness`). `pack`: each node in use counts 1. `cost`: money an hour. In the first
two a place that a workload likes less than its best one counts, too, as much as the engine's
scores weigh it against room; so does, in `balance`, an instance of a workload that crowds a node.

What needs say of a node is asked once, as the fleet is now; only amounts, devices, ports and
numbers in a domain are followed while things move. Each move is checked by the engine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from skerry_hub.balance.problem import NOWHERE, Bin, Ints, Item, Limit, Problem
from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Assignment
from skerry_hub.placement.cost import MICRO
from skerry_hub.placement.selection import chosen
from skerry_hub.placement.world import World
from skerry_hub.rebalance.evenness import UNIT, Evenness, steps_for
from skerry_hub.rebalance.movable import Movable, sort_out
from skerry_hub.rebalance.places import Places
from skerry_hub.rebalance.records import Objective
from skerry_hub.rebalance.room import ANY_NUMBER, NUMBER, Room
from skerry_hub.work import Work

SHARED = 2
"""Amounts of which nodes have a used share: processors and memory."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a problem is made of, not checked yet: that takes time, and needs no fleet."""

    items: Sequence[Item]
    bins: Sequence[Bin]
    limits: Sequence[Limit]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """The parts of a problem, whose items are `moving` and whose bins are `nodes`, by index.

    They are None where there is nothing to move, or nowhere. `base` is what counts whatever
    moves, `unit` how many points are one to people. `totals` and `kept` [B, 2] are processors and
    memory, and what of them stays reserved; `occupied` [B] how many instances stay.
    """

    objective: Objective
    parts: Parts | None
    moving: tuple[Assignment, ...]
    nodes: tuple[str, ...]
    evenness: Evenness | None
    base: int
    unit: int
    totals: Ints
    kept: Ints
    occupied: Ints
    pinned: Mapping[str, int]

    @property
    def problem(self) -> Problem | None:
        """Return the problem, checked; made anew each time."""
        if self.parts is None:
            return None
        parts = self.parts
        return Problem(items=parts.items, bins=parts.bins, limits=parts.limits)


def picture_of(work: Work, objective: Objective | None, move_cost_percent: float) -> Picture:
    """Return what may be moved in a fleet, and what that counts.

    Without an objective it is the one that fits the hub's strategy.
    """
    wanted: Objective = objective or ("pack" if work.strategy == "pack" else "balance")
    world, columns = work.world, work.columns
    rows = np.sort(columns.rows())
    rows = rows[columns.online(rows) & ~columns.diverged(rows)]
    sorted_ = sort_out(work)
    position = np.full(columns.size, NOWHERE)
    position[rows] = np.arange(len(rows))
    moving, at = _located(columns, position, sorted_.movable)
    steps = steps_for(len(rows)) if wanted == "balance" else 1
    loads = list({one.workload.name: one.workload for one in moving}.values())
    room = Room(columns, rows, loads, {one.assignment.id for one in moving}, steps)
    demands = {one.workload.name: room.demand(one.workload) for one in moving}
    taken = np.zeros((len(rows), room.dimensions), np.int64)
    if moving:
        np.add.at(taken, at, np.stack([demands[one.workload.name] for one in moving]))
    totals = room.totals()
    kept = room.instances - taken[:, NUMBER] // steps
    most = room.most_instances()
    capacity = room.capacity(taken, most if wanted == "balance" else ANY_NUMBER)
    parts = None
    if moving:
        places = Places(world, wanted, rows, moving, at)
        shares = {name: _share(demand, totals, most * steps) for name, demand in demands.items()}
        opening = np.where(kept > 0, 0, _opening(world, wanted, rows))
        parts = Parts(
            items=places.items(demands, shares, move_cost_percent),
            bins=[
                Bin(id=facts.id, capacity=capacity[bin_], open_cost=int(opening[bin_]))
                for bin_, facts in enumerate(columns.each(rows))
            ],
            limits=places.limits(sorted_.pinned),
        )
    reserved = (totals - room.free() - taken[:, :NUMBER])[:, :SHARED]
    return Picture(
        objective=wanted,
        parts=parts,
        moving=tuple(one.assignment for one in moving),
        nodes=tuple(facts.id for facts in columns.each(rows)),
        evenness=_evenness(capacity, totals, steps, most) if wanted == "balance" else None,
        base=int((kept > 0).sum()) * UNIT if wanted == "pack" else 0,
        unit=MICRO if wanted == "cost" else UNIT,
        totals=totals[:, :SHARED],
        kept=reserved,
        occupied=kept,
        pinned=sorted_.why,
    )


def _located(
    columns: Columns, position: Ints, movable: Sequence[Movable]
) -> tuple[list[Movable], Ints]:
    """Return what may move with the bins where it is; their nodes are all online."""
    found, at = [], []
    for one in movable:
        row = columns.row(one.assignment.node)
        if row is not None and position[row] != NOWHERE:
            found.append(one)
            at.append(int(position[row]))
    return found, np.array(at, np.int64)


def _share(demand: Ints, totals: Ints, number: int) -> float:
    """Return the largest share that an instance takes of a node of middle size."""
    known = totals[:, :SHARED]
    middle = [float(np.median(part[part > 0])) if (part > 0).any() else 0.0 for part in known.T]
    shares = [amount / of for amount, of in zip(demand[:SHARED], middle, strict=True) if of]
    largest: float = max([*shares, float(demand[NUMBER]) / number])
    return min(1.0, largest)


def _evenness(capacity: Ints, totals: Ints, steps: int, most: int) -> Evenness:
    step = np.zeros_like(capacity)
    step[:, :SHARED] = totals[:, :SHARED] // steps
    step[:, NUMBER] = most
    return Evenness(steps, step, capacity)


def _opening(world: World, objective: Objective, rows: Rows) -> Counts:
    """Return what each node counts that runs anything."""
    found = np.zeros(len(rows), np.int64)
    if objective == "pack":
        found[:] = UNIT
    if objective == "cost":
        for prices in world.rules.prices:
            found[chosen(world.columns, prices.nodes, rows)] = round(prices.node_hour * MICRO)
    return found
