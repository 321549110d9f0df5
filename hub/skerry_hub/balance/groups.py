"""Equal items as one, and every place that each group may have, in flat columns. Pure.

Items with the same demand, places, scores, cost of a move and limits are one group whichever bin
they are in: who of them stays is decided by number, since all that stay are worth the same. So the
size of what is solved depends on the kinds of items, not on how many there are.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import NOWHERE, Assignment, Ints, Problem

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """A problem in columns. A **column** is a group and a bin that it may be in.

    By group [G]: `members` (items), `size`, `placed` (how many have a place), `demand` [G, R],
    `move_cost`; its columns are `start[g]:start[g + 1]`. By column [E]: `group`, `place`, `score`,
    `now` (members that are there), `most` (members that fit there alone, at least `now`).
    `capacity` [B, R] and `limit_most` [L][D] are raised to what is there at present, by `over` and
    `limit_over`: as long as more than without is there, nothing comes. For each limit,
    `limit_columns` are its columns and `limit_domains` their domains.
    """

    problem: Problem
    members: Sequence[Ints]
    size: Ints
    placed: Ints
    demand: Ints
    move_cost: Ints
    start: Ints
    group: Ints
    place: Ints
    score: Ints
    now: Ints
    most: Ints
    capacity: Ints
    over: Ints
    takes: Ints
    parent: Ints
    open_cost: Ints
    limit_most: Sequence[Ints]
    limit_over: Sequence[Ints]
    limit_columns: Sequence[Ints]
    limit_domains: Sequence[Ints]

    @property
    def constant(self) -> int:
        """The cost of moving everything: a member that stays gains its `move_cost` back."""
        return -int((self.move_cost * self.placed).sum())

    def count(self, assignment: Sequence[int]) -> Ints:
        """Return how many members of its group are in each column's bin."""
        found = np.zeros(len(self.group), np.int64)
        where = np.array(assignment, np.int64)
        for group, members in enumerate(self.members):
            places = where[members]
            begin, end = self.start[group], self.start[group + 1]
            at = np.searchsorted(self.place[begin:end], places[places != NOWHERE])
            np.add.at(found, begin + at, 1)
        return found

    def assign(self, count: Ints) -> Assignment:
        """Return an assignment with so many members in each column: who can stay, stays."""
        current = np.array(self.problem.present, np.int64)
        found = np.full(len(current), NOWHERE, np.int64)
        for group, members in enumerate(self.members):
            begin, end = self.start[group], self.start[group + 1]
            left = dict(zip(self.place[begin:end].tolist(), count[begin:end].tolist(), strict=True))
            moving = []
            for item in members.tolist():
                if left.get(int(current[item]), 0) > 0:
                    found[item] = current[item]
                    left[int(current[item])] -= 1
                else:
                    moving.append(item)
            # Those that have a place come first: only they have to keep one.
            moving.sort(key=lambda item: (current[item] == NOWHERE, item))
            free = [place for place, number in left.items() for _ in range(number)]
            for item, place in self._matched(moving, free):
                found[item] = place
        return tuple(found.tolist())

    def _matched(self, moving: Sequence[int], free: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Give each of some equal items, in their order, one of some free places.

        Who can stay within its domains does: two that only change domains with each other would
        wait for each other where these are full.
        """
        current = self.problem.present
        items, places = list(moving), list(free)
        for domains in self._near(moving[0]) if moving else ():
            there: dict[tuple[int, ...], list[int]] = {}
            for place in places:
                there.setdefault(tuple(int(one[place]) for one in domains), []).append(place)
            for queue in there.values():
                queue.reverse()
            left = []
            for item in items:
                at = current[item]
                here = None if at == NOWHERE else tuple(int(one[at]) for one in domains)
                queue = there.get(here, []) if here is not None else []
                if queue:
                    yield item, queue.pop()
                else:
                    left.append(item)
            remaining = collections.Counter(itertools.chain(*there.values()))
            items, places = left, [place for place in places if _taken(remaining, place)]
        yield from zip(items, places, strict=False)

    def _near(self, item: int) -> list[list[Ints]]:
        """Return which domains an item would stay in: of all its limits together, then of each."""
        wide = [
            limit.domains
            for limit in self.problem.limits
            if item in limit.items and len(np.unique(limit.domains)) < len(limit.domains)
        ]
        return [wide, *([one] for one in wide)] if len(wide) > 1 else [wide] if wide else []


def _taken(remaining: collections.Counter[int], place: int) -> bool:
    """Take one of a place from those that remain; say whether there was one."""
    if remaining[place] <= 0:
        return False
    remaining[place] -= 1
    return True


def canonical(problem: Problem, assignment: Sequence[int]) -> Assignment:
    """Return an assignment that is worth as much at least, in which as few as may be move.

    Equal items are told apart by where they are: who can stay stays, or else goes a short way.
    """
    groups = gather(problem)
    return groups.assign(groups.count(assignment))


def gather(problem: Problem) -> Groups:
    """Return a problem's groups and columns, in the order of their first items."""
    load = Load(problem, problem.present)
    members = _members(problem, load)
    firsts = [problem.items[group[0]] for group in members]
    start = np.cumsum([0, *(len(one.bins) for one in firsts)])
    group = np.repeat(np.arange(len(firsts)), np.diff(start))
    empty = np.zeros(0, np.int64)
    place = np.concatenate([empty, *(one.bins for one in firsts)])
    dimensions = load.capacity.shape[1]
    demand = np.stack([one.demand for one in firsts]) if firsts else empty.reshape(0, dimensions)
    groups = Groups(
        problem=problem,
        members=members,
        size=np.array([len(one) for one in members], np.int64),
        placed=np.array(
            [sum(problem.items[i].current != NOWHERE for i in one) for one in members], np.int64
        ),
        demand=demand,
        move_cost=np.array([one.move_cost for one in firsts], np.int64),
        start=start,
        group=group,
        place=place,
        score=np.concatenate([empty, *(one.scores for one in firsts)]),
        now=np.zeros(len(group), np.int64),
        most=np.zeros(len(group), np.int64),
        capacity=np.maximum(load.capacity, load.used),
        over=np.maximum(load.used - load.capacity, 0),
        takes=load.takes,
        parent=load.parent,
        open_cost=np.array([one.open_cost for one in problem.bins], np.int64),
        limit_most=[
            np.maximum(limit.most, now)
            for limit, now in zip(problem.limits, load.counts, strict=True)
        ],
        limit_over=[
            np.maximum(now - limit.most, 0)
            for limit, now in zip(problem.limits, load.counts, strict=True)
        ],
        limit_columns=[empty] * len(problem.limits),
        limit_domains=[empty] * len(problem.limits),
    )
    now = groups.count(problem.present)
    columns = _limit_columns(groups, load)
    return dataclasses.replace(
        groups,
        now=now,
        most=np.maximum(_most(groups, load, columns, now), now),
        limit_columns=columns,
        limit_domains=[
            limit.domains[place[at]] for limit, at in zip(problem.limits, columns, strict=True)
        ],
    )


def _members(problem: Problem, load: Load) -> list[Ints]:
    contents: dict[int, bytes] = {}

    def content(array: Ints) -> bytes:
        # Equal items share arrays: each is read once.
        return contents.setdefault(id(array), array.tobytes())

    found: dict[tuple[object, ...], list[int]] = {}
    for index, item in enumerate(problem.items):
        key = (
            item.demand.tobytes(),
            content(item.bins),
            content(item.scores),
            item.move_cost,
            tuple(load.limits[index]),
        )
        found.setdefault(key, []).append(index)
    return [np.array(one, np.int64) for one in found.values()]


def _limit_columns(groups: Groups, load: Load) -> list[Ints]:
    by_limit: list[list[Ints]] = [[] for _ in groups.problem.limits]
    for group, members in enumerate(groups.members):
        columns = np.arange(groups.start[group], groups.start[group + 1])
        for number in load.limits[members[0]]:
            inside = groups.problem.limits[number].domains[groups.place[columns]] != NOWHERE
            by_limit[number].append(columns[inside])
    return [np.concatenate([np.zeros(0, np.int64), *one]) for one in by_limit]


def _most(groups: Groups, load: Load, limit_columns: Sequence[Ints], now: Ints) -> Ints:
    """Return how many members fit into each column's bin, were nothing else there."""
    most = groups.size[groups.group].copy()
    parent = load.parent[groups.place]
    inner = parent != NOWHERE
    for dimension in range(load.capacity.shape[1]):
        demand = groups.demand[groups.group, dimension]
        capacity = load.capacity[:, dimension]
        asks = demand > 0
        fitting = capacity[groups.place] // np.maximum(demand, 1)
        np.minimum(most, fitting, out=most, where=asks)
        # A part that is in use at present has taken its share already.
        takes = load.takes[groups.place, dimension] * (load.number[groups.place] == 0)
        above = (capacity[parent] - takes) // np.maximum(demand, 1)
        np.minimum(most, np.maximum(above, 0), out=most, where=inner & asks)
        most[inner & (takes > capacity[parent])] = 0
    for limit, columns in zip(groups.problem.limits, limit_columns, strict=True):
        domains = limit.domains[groups.place[columns]]
        # Who is in a domain may go about in it, however many are there.
        key = groups.group[columns] * len(limit.most) + domains
        there = np.bincount(key, now[columns], int(key.max(initial=-1)) + 1).astype(np.int64)
        fitting = np.maximum(limit.most[domains], there[key])
        most[columns] = np.minimum(most[columns], fitting)
    return most
