"""How evenly nodes are used, as a sum that the exact solver can take. Pure.

A node of which the share u is used counts u squared: the sum over all nodes is smallest where what
is used is spread evenly. Of the shares of processors, memory and number of instances the largest
is the node's. Shares are in K steps, rounded up, so that the sum is exact in whole numbers.

To the solver a free step is an item of its own, a **filler**: it has room in its node only while
the step is free, and is worth what the node counts less for it. The first free step is worth most,
so the solver fills them in the right order by itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from skerry_hub.balance.groups import Floats
from skerry_hub.balance.problem import Bin, Ints, Item, Problem

UNIT = 4_000_000
"""What a node counts that is wholly used; each number of steps divides it twice."""
FINE, COARSE = 16, 8
MOST_FINE = 200
"""Nodes that are looked at in fine steps."""
PRICES = 32
"""That are tried for the bound of a large fleet, and as many again around the best."""
ROUNDING = 1e-6
"""Of the bound: far more than what sums of float64 can be wrong by."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Evenness:
    """The steps of each node: `step` [B, R] is what one takes, of dimensions that count.

    `capacity` [B, R] is what there is for all that may move, as in the problem's bins.
    """

    steps: int
    step: Ints
    capacity: Ints

    def used(self, used: Ints, bins: Ints | None = None) -> Ints:
        """Return how many steps are used of some nodes, where `used` [B, R] is what items take."""
        at = slice(None) if bins is None else bins
        step, left = self.step[at], np.maximum(self.capacity[at] - used, 0)
        free = np.where(step > 0, left // np.maximum(step, 1), self.steps)
        found: Ints = self.steps - np.minimum(free.min(axis=1), self.steps)
        return found

    def loss(self, used: Ints, bins: Ints | None = None) -> int:
        """Return what some nodes count, of all without `bins`."""
        return int((self.used(used, bins) ** 2).sum()) * UNIT // self.steps**2

    def worth(self, number: int) -> int:
        """Return by how much less a node counts when so many steps are used, and not one more."""
        return (2 * number + 1) * UNIT // self.steps**2

    def fillers(self, bins: Sequence[int]) -> list[Item]:
        """Return an item for each step of some bins that can be free; indices are positions."""
        found = []
        empty = np.zeros_like(self.capacity)
        least = self.used(empty)
        for position, one in enumerate(bins):
            place = np.array([position], np.int64)
            found += [
                Item(
                    id=f"free {one}.{number}",
                    demand=self.step[one],
                    bins=place,
                    scores=np.array([self.worth(number)], np.int64),
                )
                for number in range(int(least[one]), self.steps)
            ]
        return found

    def least(self, used: Ints, rates: Floats) -> int:
        """Return what no placement of the same items can be below, the cost of its moves counted.

        `rates` [B, R] say what it costs at least to move one of an amount away from a node. As if
        everything could be cut and put anywhere: of each dimension by itself, the best of which
        counts. What leaves comes elsewhere, at a price for each amount; any price makes a bound
        (weak duality), and some are tried.
        """
        best = 0.0
        for dimension in range(used.shape[1]):
            if not len(used) or not (self.step[:, dimension] > 0).all():
                continue
            found = _Amount(self, used[:, dimension], rates[:, dimension], dimension)
            best = max(best, found.least())
        return math.floor(best * (1 - ROUNDING))


class _Amount:
    """One dimension of all nodes: what each counts when it holds so much, by used steps."""

    def __init__(self, evenness: Evenness, used: Ints, rates: Floats, dimension: int) -> None:
        numbers = np.arange(evenness.steps + 1)
        step = evenness.step[:, dimension, None].astype(np.float64)
        capacity = evenness.capacity[:, dimension, None].astype(np.float64)
        # The most that a node holds in so many used steps.
        self.held = capacity - (evenness.steps - numbers) * step
        self.held[:, -1] = np.maximum(self.held[:, -1], used)
        away = np.maximum(used[:, None] - self.held, 0)
        leaving = np.where(away > 0, rates[:, None], 0.0) * away
        self.counts = numbers**2 * (UNIT / evenness.steps**2) + leaving
        # What stays takes more than that: so few steps there cannot be.
        self.counts[self.held < 0] = np.inf
        self.total = float(used.sum())
        self.slopes = (2 * numbers[:-1] + 1) * (UNIT / evenness.steps**2) / step

    def least(self) -> float:
        prices = np.quantile(self.slopes, np.linspace(0, 1, PRICES))
        found = [self._bound(price) for price in prices]
        top = int(np.argmax(found))
        around = prices[max(0, top - 1)], prices[min(PRICES - 1, top + 1)]
        finer = (self._bound(price) for price in np.linspace(*around, PRICES))
        return max(0.0, found[top], *finer)

    def _bound(self, price: float) -> float:
        cheapest = (self.counts - price * self.held).min(axis=1)
        return float(cheapest.sum()) + price * self.total


def steps_for(nodes: int) -> int:
    """Return how finely nodes are looked at: each step is an item to the solver."""
    return FINE if nodes <= MOST_FINE else COARSE


def with_fillers(problem: Problem, fillers: Sequence[Item]) -> Problem:
    """Return a problem with the steps that may be free, after its own items."""
    bins: Sequence[Bin] = problem.bins
    return Problem(items=[*problem.items, *fillers], bins=bins, limits=problem.limits)
