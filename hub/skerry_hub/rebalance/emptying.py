"""Fewer nodes in use in a fleet of any size: one after the other is emptied into others. Pure.

A node is emptied where that is worth more than the moves of all that is on it; the exact search of
a large fleet sees only a part of its nodes at a time, this one sees all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import NOWHERE, Assignment, Ints, Problem, score_at

MOST_ITEMS = 64
"""On a node that is emptied."""


def empty(problem: Problem, given: Sequence[int], most_looks: int) -> Assignment:
    """Return an assignment with fewer nodes in use, never worth less than the one given.

    `most_looks` limits how many places are looked at.
    """
    return _Emptying(problem, given, most_looks).run()


def least_open(problem: Problem) -> int:
    """Return what nodes in use, and moves, cost at least, however everything is placed.

    Of each dimension, and of each limit whose domains are single nodes, so many nodes are needed as
    the largest ones hold all of it. Every node is in use at the end and costs that, or everything
    that it has now is moved: the so many are those of which that differs least, or the other way.
    """
    opening = np.array([one.open_cost for one in problem.bins], np.int64)
    capacity = np.stack([one.capacity for one in problem.bins])
    total = np.zeros(capacity.shape[1], np.int64)
    for item in problem.items:
        if item.current != NOWHERE:
            total += item.demand
    needed = 0
    used = Load(problem, problem.present).used
    for dimension in range(capacity.shape[1]):
        # What is overcommitted at present may stay so.
        most = np.maximum(capacity[:, dimension], used[:, dimension])
        needed = max(needed, _needed(most, opening, int(total[dimension])))
    for limit in problem.limits:
        inside = limit.domains != NOWHERE
        if not inside.all() or len(np.unique(limit.domains)) < len(problem.bins):
            continue
        there = [problem.items[item].current for item in limit.items.tolist()]
        now = np.bincount(limit.domains[there], minlength=len(limit.most))
        most = np.maximum(limit.most, now)[limit.domains]
        needed = max(needed, _needed(most, opening, len(there)))
    moves = np.zeros(len(problem.bins), np.int64)
    for item in problem.items:
        if item.current != NOWHERE:
            moves[item.current] += item.move_cost
    dear = opening > 0
    more = np.sort(opening[dear] - moves[dear])
    return (
        int(moves[dear].sum()) + int(more[:needed].sum()) + int(np.minimum(more[needed:], 0).sum())
    )


def _needed(capacity: Ints, opening: Ints, total: int) -> int:
    """Return how many nodes that cost something are needed, when those that do not are full."""
    left = total - int(capacity[opening == 0].sum())
    if left <= 0:
        return 0
    largest = np.cumsum(np.sort(capacity[opening > 0])[::-1])
    return int(np.searchsorted(largest, left)) + 1


class _Emptying:
    def __init__(self, problem: Problem, given: Sequence[int], most_looks: int) -> None:
        self.problem = problem
        self.places = list(given)
        self.load = Load(problem, given)
        self.looks = most_looks
        self.opening = np.array([one.open_cost for one in problem.bins], np.int64)
        self.size = np.maximum(np.stack([one.capacity for one in problem.bins]), 1)
        self.inside: dict[int, list[int]] = {}
        for item, place in enumerate(self.places):
            self.inside.setdefault(place, []).append(item)
        self.in_use = self.load.inside > 0
        self.in_use[self.opening == 0] = True

    def run(self) -> Assignment:
        least = {bin_: len(items) for bin_, items in self.inside.items() if self.opening[bin_] > 0}
        for bin_ in sorted(least, key=lambda one: (least[one], one)):
            if self.looks <= 0:
                break
            if len(self.inside[bin_]) <= MOST_ITEMS:
                self._try(bin_)
        return tuple(self.places)

    def _try(self, bin_: int) -> None:
        """Empty a node if all together gain by it."""
        items = list(self.inside[bin_])
        gained = int(self.opening[bin_])
        self.in_use[bin_] = False
        moved: list[tuple[int, int]] = []
        for item in sorted(items, key=lambda one: (-self._size(one, bin_), one)):
            target, gain = self._best(item, bin_)
            gained += gain
            if target == NOWHERE or gained <= 0:
                break
            self._put(item, bin_, target)
            moved.append((item, target))
        if len(moved) == len(items):
            return
        for item, target in moved:
            self._put(item, target, bin_)
        self.in_use[bin_] = True

    def _size(self, item: int, bin_: int) -> float:
        return float((self.problem.items[item].demand / self.size[bin_]).max())

    def _best(self, item: int, source: int) -> tuple[int, int]:
        """Return where an item fits with least lost, of equal ones the fullest; and the gain."""
        given = self.problem.items[item]
        at = np.flatnonzero(self.in_use[given.bins])
        self.looks -= len(at)
        at = at[self.load.fits(item, given.bins[at], source)]
        if not len(at):
            return NOWHERE, 0
        bins = given.bins[at]
        gains = given.scores[at] - score_at(given, source)
        gains = gains - given.move_cost * (bins != given.current).astype(np.int64)
        gains = gains + given.move_cost * int(source != given.current)
        fullest = (self.load.used[bins] / self.size[bins]).max(axis=1)
        best = int(np.lexsort((bins, -fullest, -gains))[0])
        return int(bins[best]), int(gains[best])

    def _put(self, item: int, source: int, target: int) -> None:
        self.load.take(item, source)
        self.load.put(item, target)
        self.places[item] = target
        self.inside[source].remove(item)
        self.inside.setdefault(target, []).append(item)
