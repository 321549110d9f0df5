"""What bins hold, in exact numbers: who fits where, put and take. Pure.

The one judge of room: whatever a solver says is checked here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from skerry_hub.balance.problem import NOWHERE, Ints, Problem

Bools = npt.NDArray[np.bool_]


class Load:
    """The amounts and numbers in every bin and domain; changed by `put` and `take` alone."""

    def __init__(self, problem: Problem, assignment: Sequence[int] = ()) -> None:
        self.problem = problem
        dimensions = problem.bins[0].capacity.shape[0]
        none = np.zeros(dimensions, np.int64)
        self.capacity: Ints = np.stack([one.capacity for one in problem.bins])
        self.takes: Ints = np.stack(
            [none if one.takes is None else one.takes for one in problem.bins]
        )
        self.parent: Ints = np.array([one.parent for one in problem.bins], np.int64)
        self.limits: list[list[int]] = [[] for _ in problem.items]
        """Of each item."""
        for number, limit in enumerate(problem.limits):
            for item in limit.items.tolist():
                self.limits[item].append(number)
        self._fill(np.array(assignment, np.int64))

    def _fill(self, places: Ints) -> None:
        """Put everything at once: what `put` does one by one."""
        problem, bins = self.problem, len(self.parent)
        placed = np.flatnonzero(places != NOWHERE)
        where = places[placed]
        self.used: Ints = np.zeros_like(self.capacity)
        if len(placed):
            np.add.at(
                self.used, where, np.stack([problem.items[one].demand for one in placed.tolist()])
            )
        self.number: Ints = np.bincount(where, minlength=bins)
        """Items in each bin, not counting those in its parts."""
        self.inside: Ints = self.number.copy()
        """Items in each bin and its parts."""
        parts = np.flatnonzero(self.parent != NOWHERE)
        opened = parts[self.number[parts] > 0]
        np.add.at(self.used, self.parent[parts], self.used[parts])
        np.add.at(self.used, self.parent[opened], self.takes[opened])
        np.add.at(self.inside, self.parent[parts], self.number[parts])
        self.counts: list[Ints] = []
        """Of each limit, by domain."""
        for limit in problem.limits:
            there = places[limit.items] if len(places) else places
            domains = limit.domains[there[there != NOWHERE]]
            found = np.bincount(domains[domains != NOWHERE], minlength=len(limit.most))
            self.counts.append(found)

    def put(self, item: int, place: int, *, count: int = 1) -> None:
        """Put an item into a bin, whether it fits or not."""
        demand = self.problem.items[item].demand * count
        self.used[place] += demand
        parent = self.parent[place]
        if parent != NOWHERE:
            self.used[parent] += demand
            was = self.number[place]
            opened = int(was == 0) if count > 0 else -int(was == 1)
            self.used[parent] += self.takes[place] * opened
            self.inside[parent] += count
        self.number[place] += count
        self.inside[place] += count
        for number in self.limits[item]:
            domain = self.problem.limits[number].domains[place]
            if domain != NOWHERE:
                self.counts[number][domain] += count

    def take(self, item: int, place: int) -> None:
        """Take an item out of a bin."""
        self.put(item, place, count=-1)

    def fits(self, item: int, bins: Ints, source: int = NOWHERE) -> Bools:
        """Return for each of some bins whether an item fits there beside what is in it.

        An item that moves is still at `source`: it takes its amounts there, too, but a limit counts
        it once in a domain.
        """
        demand = self.problem.items[item].demand
        room: Bools = ((demand == 0) | (self.used[bins] + demand <= self.capacity[bins])).all(
            axis=1
        )
        parent = self.parent[bins]
        inner = parent != NOWHERE
        if inner.any():
            above = parent[inner]
            more = demand + self.takes[bins[inner]] * (self.number[bins[inner]] == 0)[:, None]
            fine = (more == 0) | (self.used[above] + more <= self.capacity[above])
            room[inner] &= fine.all(axis=1)
        for number in self.limits[item]:
            limit = self.problem.limits[number]
            domain = limit.domains[bins]
            full = (domain != NOWHERE) & (self.counts[number] >= limit.most)[domain]
            if source != NOWHERE:
                full &= domain != limit.domains[source]
            room &= ~full
        return room

    def fits_one(self, item: int, place: int, source: int = NOWHERE) -> bool:
        """Return whether an item fits into one bin."""
        return bool(self.fits(item, np.array([place], np.int64), source)[0])


def holds(problem: Problem, assignment: Sequence[int]) -> bool:
    """Return whether an assignment overcommits nothing that is not so at present.

    What is still over its capacity or limit has at most what it has now, and nothing that came:
    nothing could start there, in whatever order all moves.
    """
    now, then = Load(problem, problem.present), Load(problem, assignment)
    before, after = np.array(problem.present, np.int64), np.array(assignment, np.int64)
    moved = np.flatnonzero((after != before) & (after != NOWHERE))
    most = np.where(_coming(now, moved, after) > 0, then.capacity, now.used)
    if (then.used > np.maximum(then.capacity, most)).any():
        return False
    for limit, had, has in zip(problem.limits, now.counts, then.counts, strict=True):
        came = limit.items[np.isin(limit.items, moved)]
        domain = limit.domains[after[came]]
        was = np.where(before[came] == NOWHERE, NOWHERE, limit.domains[before[came]])
        allowed = np.maximum(limit.most, had)
        entered = domain[(domain != was) & (domain != NOWHERE)]
        allowed[entered] = limit.most[entered]
        if (has > allowed).any():
            return False
    return True


def _coming(now: Load, moved: Ints, places: Ints) -> Ints:
    """Return what the items that move ask of each bin, [B, R]; a part that is in use has its."""
    found = np.zeros_like(now.used)
    if not len(moved):
        return found
    demand = np.stack([now.problem.items[one].demand for one in moved.tolist()])
    where = places[moved]
    np.add.at(found, where, demand)
    inner = now.parent[where] != NOWHERE
    parts = where[inner]
    opened = now.takes[parts] * (now.number[parts] == 0)[:, None]
    np.add.at(found, now.parent[parts], demand[inner] + opened)
    return found
