"""A more even placement of a fleet of any size, by single moves; the fullest give first. Pure.

What is solved exactly starts from it. Used shares are not in steps here: many small moves count.
"""

from __future__ import annotations

import numpy as np

from skerry_hub.balance.groups import Floats
from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import Assignment, Ints, Item, Problem, score_at
from skerry_hub.rebalance.evenness import UNIT, Evenness

WINDOW = 64
"""The emptiest nodes that are looked at for one item."""
FRESH = 32
"""Moves after which the order of nodes is made anew."""


def level(evenness: Evenness, problem: Problem, most_items: int) -> Assignment:
    """Return an assignment after one pass over at most so many items, never a worse one."""
    return _Levelling(evenness, problem).run(most_items)


def shares_of(evenness: Evenness, used: Ints, bins: Ints | None = None) -> Floats:
    """Return the used share of some nodes, of all without `bins`."""
    at = slice(None) if bins is None else bins
    step, capacity = evenness.step[at], evenness.capacity[at]
    left = np.where(step > 0, (capacity - used) / np.maximum(step, 1), evenness.steps)
    found: Floats = np.clip(1 - left.min(axis=1) / evenness.steps, 0, 1)
    return found


class _Levelling:
    def __init__(self, evenness: Evenness, problem: Problem) -> None:
        self.evenness, self.problem = evenness, problem
        self.places = list(problem.present)
        self.load = Load(problem, self.places)
        self.shares = shares_of(evenness, self.load.used)
        self.moves = 0
        self._emptiest: dict[int, tuple[int, Ints]] = {}

    def run(self, most_items: int) -> Assignment:
        current = np.array(self.places, np.int64)
        order = np.argsort(-self.shares[current], kind="stable")[:most_items]
        for item in order.tolist():
            self._move(item)
        return tuple(self.places)

    def _move(self, item: int) -> None:
        given, source = self.problem.items[item], self.places[item]
        here = np.array([source], np.int64)
        leaving = self._counts(self.load.used[here], here)
        left = self._counts(self.load.used[here] - given.demand, here)
        bins = self._window(given)
        bins = bins[(bins != source) & (self.shares[bins] < self.shares[source])]
        bins = bins[self.load.fits(item, bins, source)] if len(bins) else bins
        if not len(bins):
            return
        coming = self._counts(self.load.used[bins] + given.demand, bins) - self._counts(
            self.load.used[bins], bins
        )
        scores = given.scores[np.searchsorted(given.bins, bins)] - score_at(given, source)
        gains = float((leaving - left)[0]) - coming + scores - given.move_cost
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            return
        target = int(bins[best])
        self.load.take(item, source)
        self.load.put(item, target)
        self.places[item] = target
        self.moves += 1
        both = np.array([source, target], np.int64)
        self.shares[both] = shares_of(self.evenness, self.load.used[both], both)

    def _counts(self, used: Ints, bins: Ints) -> Floats:
        """Return what nodes count that are used so much."""
        return UNIT * shares_of(self.evenness, used, bins) ** 2

    def _window(self, given: Item) -> Ints:
        """Return the emptiest of an item's bins, as they were a few moves ago."""
        made, found = self._emptiest.get(id(given.bins), (-FRESH, given.bins))
        if self.moves - made >= FRESH:
            found = given.bins
            if len(found) > 2 * WINDOW:
                nearest = np.argpartition(self.shares[found], 2 * WINDOW)[: 2 * WINDOW]
                found = found[np.sort(nearest)]
            self._emptiest[id(given.bins)] = self.moves, found
        if len(found) <= WINDOW:
            return found
        return found[np.sort(np.argpartition(self.shares[found], WINDOW)[:WINDOW])]
