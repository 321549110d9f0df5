"""Where each workload's instances may go, and what each place counts. Pure.

A **loss** is what a place counts; the problem's scores are losses with their sign turned.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from skerry_hub.balance.problem import MAX_SCORE, NOWHERE, Ints, Item, Limit
from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.ports import Port
from skerry_hub.model import Assignment, Workload
from skerry_hub.placement.board import board_of, layout_of, total
from skerry_hub.placement.constraints import Enough, FreePorts, all_pass
from skerry_hub.placement.contention import Uncontended
from skerry_hub.placement.cost import Costs
from skerry_hub.placement.device_needs import DeviceNeeds
from skerry_hub.placement.packing import Fit, Unfragmented, packs
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.scores import Balance, Quiet
from skerry_hub.placement.topology import terms_of, topologies_of
from skerry_hub.placement.world import World
from skerry_hub.rebalance.device_room import could_hold
from skerry_hub.rebalance.evenness import UNIT
from skerry_hub.rebalance.movable import Movable, is_one_each
from skerry_hub.rebalance.records import Objective
from skerry_hub.terms import NODE

FOLLOWED = (Enough, FreePorts, DeviceNeeds)
"""Needs of which the problem knows how much is used while things move."""
ROOM = (Balance, Quiet, Fit, Unfragmented, Uncontended)
"""Scores that moves themselves change: the objective has its own for them."""
ROOM_WEIGHT = 10
"""The engine's weight of a node's free share: what other scores are weighed against."""
CROWDED = 40
"""The engine's points for a node with none of a workload over one that has one."""


class Places:
    """The places of all that may move. `at` are the bins where they are, `rows` the bins' rows."""

    def __init__(
        self, world: World, objective: Objective, rows: Rows, moving: Sequence[Movable], at: Ints
    ) -> None:
        self.world, self.objective, self.rows = world, objective, rows
        self._priced = _without_opening(world)
        self.moving, self.at = moving, at
        self._domains: dict[str, tuple[Ints, int]] = {}
        self._of: dict[str, list[int]] = {}
        for index, one in enumerate(moving):
            self._of.setdefault(one.workload.name, []).append(index)

    # --- items --------------------------------------------------------------------------------

    def items(
        self, demands: Mapping[str, Ints], shares: Mapping[str, float], percent: float
    ) -> list[Item]:
        """Return the items, by workload what one takes, and which part of a node that is."""
        found: dict[int, Item] = {}
        for name, indices in self._of.items():
            workload = self.moving[indices[0]].workload
            passes, losses = self._places(workload, shares[name])
            crowding = self._crowding(workload, indices, passes)
            extra = math.ceil(CROWDED / ROOM_WEIGHT * 2 * shares[name] * UNIT)
            masks = self._masks(workload, indices, passes)
            costs = self._move_costs(shares[name], losses, percent)
            shared: dict[tuple[int, int], tuple[Ints, Ints]] = {}
            for index, mask in zip(indices, masks, strict=True):
                here, crowds = int(self.at[index]), index in crowding
                key = id(mask), here if crowds or not mask[here] else NOWHERE
                if key not in shared:
                    shared[key] = _scored(mask, here, losses, extra if crowds else 0)
                bins, scores = shared[key]
                found[index] = Item(
                    id=self.moving[index].assignment.id,
                    demand=demands[name],
                    bins=bins,
                    scores=scores,
                    current=here,
                    move_cost=int(costs[here]),
                )
        return [found[index] for index in range(len(found))]

    def _places(self, workload: Workload, share: float) -> tuple[Mask, Ints]:
        """Return which bins a workload may be in, and what each counts."""
        board = board_of(self.world, workload)
        columns = self.world.columns
        needs = [one for one in board.requirements if not isinstance(one, FOLLOWED)]
        passes = all_pass(needs, columns, self.rows) & could_hold(workload, columns, self.rows)
        if self.objective == "cost":
            return passes, Costs(self._priced, workload).of(columns, self.rows)
        likes = [one for one in board.points if not isinstance(one, ROOM)]
        points = total(likes, columns, self.rows)
        best = int(points[passes].max(initial=0))
        # In parts of what a whole node's room counts for the engine.
        missed = np.maximum(best - points, 0) / (SCALE * ROOM_WEIGHT)
        losses = np.minimum(np.ceil(missed * (2 * share * UNIT)), MAX_SCORE // 4)
        return passes, losses.astype(np.int64)

    def _masks(self, workload: Workload, indices: Sequence[int], passes: Mask) -> list[Mask]:
        """Return where each instance may go; those in the same domains share a mask."""
        wide = {name for name in topologies_of(self.world, workload) if name != NODE}
        wide |= set(self.moving[indices[0]].within)
        known: dict[tuple[int, ...], Mask] = {}
        found = []
        for index in indices:
            here = int(self.at[index])
            key = tuple(int(self.domains(topology)[0][here]) for topology in sorted(wide))
            if key not in known:
                known[key] = self._mask(self.moving[index], here, passes)
            found.append(known[key])
        return found

    def _mask(self, one: Movable, here: int, passes: Mask) -> Mask:
        """Return where an instance may go: within its domains."""
        allowed = passes.copy()
        for topology in one.within:
            domains, _ = self.domains(topology)
            allowed &= domains == domains[here]
        for topology in self._broken(one):
            domains, _ = self.domains(topology)
            allowed &= domains != domains[here]
        return allowed

    def _broken(self, one: Movable) -> Iterator[str]:
        """Give the topologies in whose domain an instance could not come again from elsewhere.

        Its terms do not hold there now, which is no reason to move it, but one not to move within.
        """
        workload, columns = one.workload, self.world.columns
        if all(name == NODE for name in topologies_of(self.world, workload)):
            return
        board = board_of(self.world, workload)
        terms = [
            term
            for term in terms_of(self.world, workload, board.layout, board.passes_once)
            if not term.weight and term.domains.topology != NODE
        ]
        for other in columns.instances_of(workload.name).values():
            row = columns.row(other.node)
            if other.id != one.assignment.id and row is not None:
                for term in terms:
                    term.add(int(term.domains.of_row[row]))
        row = columns.row(one.assignment.node)
        for term in terms:
            if row is not None and any(term.refusals(int(term.domains.of_row[row]))):
                yield term.domains.topology

    def _move_costs(self, share: float, losses: Ints, percent: float) -> Ints:
        """Return what a move away from each bin costs."""
        if self.objective == "cost":
            whole = losses.astype(np.float64)
        else:
            whole = np.full(len(losses), share * UNIT * (2 if self.objective == "balance" else 1))
        found: Ints = np.minimum(np.ceil(whole * percent / 100), MAX_SCORE).astype(np.int64)
        return found

    def _crowding(self, workload: Workload, indices: Sequence[int], passes: Mask) -> set[int]:
        """Return the instances that are more than a node's part of their workload: the last."""
        if self.objective != "balance" or packs(self.world, workload):
            return set()
        most, there = self._part(workload, passes), collections.Counter[int]()
        found = set()
        for index in indices:
            there[int(self.at[index])] += 1
            if there[int(self.at[index])] > most:
                found.add(index)
        return found

    @staticmethod
    def _part(workload: Workload, passes: Mask) -> int:
        """Return how many instances a node has where they are spread evenly."""
        return max(1, -(-workload.replicas // max(1, int(passes.sum()))))

    # --- limits -------------------------------------------------------------------------------

    def limits(self, pinned: Sequence[Assignment]) -> list[Limit]:
        """Return how many of which may be in a domain; `pinned` are the instances that stay."""
        stay: dict[str, list[int]] = {}
        taken: dict[Port, list[int]] = {}
        for one in pinned:
            here = self._bin(one)
            if here == NOWHERE:
                continue
            stay.setdefault(one.workload, []).append(here)
            for text in one.resources.ports:
                taken.setdefault(_number(text), []).append(here)
        return [*self._numbers(stay), *self._ports(taken)]

    def _numbers(self, stay: Mapping[str, Sequence[int]]) -> Iterator[Limit]:
        for name, indices in self._of.items():
            workload = self.moving[indices[0]].workload
            most: dict[str, int] = {}
            for one in workload.placement.at_most:
                most[one.topology] = min(one.count, most.get(one.topology, one.count))
            most |= dict.fromkeys(is_one_each(workload), 1)
            if not packs(self.world, workload):
                passes, _ = self._places(workload, 0.0)
                part = self._part(workload, passes)
                most[NODE] = min(part, most.get(NODE, part))
            for topology, count in sorted(most.items()):
                yield self._limit(indices, topology, count, stay.get(name, ()))

    def _ports(self, taken: Mapping[Port, Sequence[int]]) -> Iterator[Limit]:
        """Give for each port that it has one instance a node, whatever the address."""
        listening: dict[Port, list[int]] = {}
        for index, one in enumerate(self.moving):
            for number in {_number(text) for text in one.workload.resources.ports}:
                listening.setdefault(number, []).append(index)
        for number, indices in sorted(listening.items(), key=lambda item: str(item[0])):
            yield self._limit(indices, NODE, 1, taken.get(number, ()))

    def _limit(
        self, indices: Sequence[int], topology: str, count: int, stay: Sequence[int]
    ) -> Limit:
        domains, number = self.domains(topology)
        most = np.full(number, count, np.int64)
        there = domains[np.array(stay, np.int64)]
        np.subtract.at(most, there[there != NOWHERE], 1)
        return Limit(items=np.array(indices, np.int64), domains=domains, most=np.maximum(most, 0))

    # --- domains ------------------------------------------------------------------------------

    def domains(self, topology: str) -> tuple[Ints, int]:
        """Return each bin's domain, NOWHERE for none, and how many domains there are."""
        found = self._domains.get(topology)
        if found is None and topology == NODE:
            found = np.arange(len(self.rows), dtype=np.int64), len(self.rows)
        if found is None:
            domains = layout_of(self.world.columns, (topology,)).domains[topology]
            numbers = domains.of_row.take(self.rows).astype(np.int64)
            found = np.where(numbers < len(domains), numbers, NOWHERE), len(domains)
        self._domains[topology] = found
        return found

    def _bin(self, one: Assignment) -> int:
        row = self.world.columns.row(one.node)
        at = int(np.searchsorted(self.rows, row)) if row is not None else len(self.rows)
        return at if at < len(self.rows) and self.rows[at] == row else NOWHERE


def _scored(mask: Mask, here: int, losses: Ints, extra: int) -> tuple[Ints, Ints]:
    """Return an instance's bins, the one where it is with them, and what each is worth.

    `extra` is what its own place counts more.
    """
    allowed = mask.copy()
    allowed[here] = True
    bins = np.flatnonzero(allowed).astype(np.int64)
    scores = -losses[bins]
    scores[bins == here] -= extra
    return bins, scores


def _without_opening(world: World) -> World:
    """Return a world whose prices say nothing of the node itself: that is counted once a node."""
    plain = tuple(dataclasses.replace(one, node_hour=0.0) for one in world.rules.prices)
    return dataclasses.replace(world, rules=dataclasses.replace(world.rules, prices=plain))


def _number(text: str) -> Port:
    """Return a port without its address: whoever has it on any counts."""
    return dataclasses.replace(Port.parse(text), address="")
