"""Where everything is while moves are done, and what that counts, move by move. Pure."""

from __future__ import annotations

import numpy as np

from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import Ints, Problem, score_at
from skerry_hub.rebalance.picture import Picture
from skerry_hub.rebalance.search import loss


class Tracked:
    """The objective in points, followed exactly. `cost` is what the moves so far count for."""

    def __init__(self, picture: Picture, problem: Problem) -> None:
        self.places = list(problem.present)
        self.loss = loss(picture, problem, problem.present)
        self.cost = 0
        self.problem = problem
        self._evenness = picture.evenness
        self._load = Load(problem, self.places)

    def move(self, item: int, target: int) -> int:
        """Move an item, which costs; return by how much less everything counts."""
        if self.places[item] != target:
            self.cost += self.problem.items[item].move_cost
        return self.go(item, target)

    def go(self, item: int, target: int) -> int:
        """Have an item elsewhere at no cost; return by how much less everything counts."""
        source = self.places[item]
        if source == target:
            return 0
        bins = np.array([source, target], np.int64)
        given = self.problem.items[item]
        before = self._counted(bins)
        self._load.take(item, source)
        self._load.put(item, target)
        gain = before - self._counted(bins) + score_at(given, target) - score_at(given, source)
        self.places[item] = target
        self.loss -= gain
        return gain

    def _counted(self, bins: Ints) -> int:
        """Return what two nodes count for what is in them, whatever it is."""
        in_use = self._load.inside[bins] > 0
        found: int = sum(
            self.problem.bins[bin_].open_cost
            for bin_, used in zip(bins.tolist(), in_use.tolist(), strict=True)
            if used
        )
        if self._evenness is not None:
            found += self._evenness.loss(self._load.used[bins], bins)
        return found
