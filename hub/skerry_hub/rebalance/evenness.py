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
from collections.abc import Sequence

import numpy as np

from skerry_hub.balance.problem import Bin, Ints, Item, Problem

UNIT = 4_000_000
"""What a node counts that is wholly used; each number of steps divides it twice."""
FINE, COARSE = 16, 8
MOST_FINE = 200
"""Nodes that are looked at in fine steps."""


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

    def least(self, used: Ints) -> int:
        """Return what no placement of the same items on these nodes can be below.

        As if everything could be cut and put anywhere: of each dimension as much as is free now may
        be free in whatever steps are worth most for their size. The best of the dimensions counts.
        """
        total = len(used) * UNIT
        worth = np.array([self.worth(number) for number in range(self.steps)], np.int64)
        best = total
        first = self.used(np.zeros_like(used))
        for dimension in range(used.shape[1]):
            sizes = self.step[:, dimension]
            if not (sizes > 0).all():
                continue
            free = int(np.maximum(self.capacity - used, 0)[:, dimension].sum())
            best = min(best, _filled(sizes, first, worth, free))
        return total - best


def _filled(sizes: Ints, first: Ints, worth: Ints, free: int) -> int:
    """Return what steps are worth at most that are not larger together than what is free."""
    steps = len(worth)
    open_ = np.arange(steps)[None, :] >= first[:, None]
    size = np.broadcast_to(sizes[:, None], open_.shape)[open_]
    value = np.broadcast_to(worth[None, :], open_.shape)[open_]
    order = np.argsort(-(value / size), kind="stable")
    total = np.cumsum(size[order].astype(np.float64))
    whole = int(np.searchsorted(total, free, side="right"))
    found = int(value[order][:whole].sum())
    if whole < len(order):
        # The step that is cut counts whole: rounded to the safe side.
        found += int(value[order][whole])
    return found


def steps_for(nodes: int) -> int:
    """Return how finely nodes are looked at: each step is an item to the solver."""
    return FINE if nodes <= MOST_FINE else COARSE


def with_fillers(problem: Problem, fillers: Sequence[Item]) -> Problem:
    """Return a problem with the steps that may be free, after its own items."""
    bins: Sequence[Bin] = problem.bins
    return Problem(items=[*problem.items, *fillers], bins=bins, limits=problem.limits)
