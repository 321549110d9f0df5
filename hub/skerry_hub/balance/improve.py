"""Better by single moves, and by pushing one item aside: never worse, always within room. Pure.

Gives the exact search a start, and is all that there is when its time is out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skerry_hub.balance.groups import Groups
from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import NOWHERE, Assignment, Ints

PASSES = 8
WISHES = 8
"""Bins into which an item tries to push its way, the best first."""
OTHERS = 16
"""Items of a bin that may be pushed aside, the last comers first."""


def improve(groups: Groups, given: Sequence[int], trials: int = 10_000) -> Assignment:
    """Return an assignment that is worth at least as much as the one given.

    Each pass gives every item the place where it gains most, those first that have most to gain;
    where none is free, another item is pushed to its next best place if both together gain. It
    ends when a pass moves nothing; after so many `trials` nothing is pushed any more. Equal gains
    go to where the item is, then to the first bin.
    """
    search = _Search(groups, given, trials)
    order = search.order()
    for _ in range(PASSES):
        moved = False
        for item in order:
            moved |= search.move(item)
        if not moved:
            break
    return tuple(search.places)


class _Search:
    def __init__(self, groups: Groups, given: Sequence[int], trials: int) -> None:
        self.groups = groups
        self.places = list(given)
        self.trials = trials
        self._load = Load(groups.problem, given)
        self._group = np.zeros(len(self.places), np.int64)
        for number, members in enumerate(groups.members):
            self._group[members] = number
        self._inside: dict[int, list[int]] = {}
        for item, place in enumerate(self.places):
            self._inside.setdefault(place, []).append(item)

    def order(self) -> list[int]:
        """Return the items, first those that miss most of their best place's score."""
        missed = []
        for item, place in enumerate(self.places):
            columns = self._columns(item)
            scores = self.groups.score[columns]
            here = 0
            if place != NOWHERE:
                here = int(scores[np.searchsorted(self.groups.place[columns], place)])
            best = int(scores[self.groups.most[columns] > 0].max(initial=0))
            missed.append(best - here)
        return sorted(range(len(missed)), key=lambda item: (-missed[item], item))

    def move(self, item: int) -> bool:
        """Move an item to where it gains most; say whether it moved."""
        was = self.places[item]
        bins = self.groups.place[self._columns(item)]
        self._put(item, NOWHERE)
        worth = self._worth(item)
        least = 0 if was == NOWHERE else int(worth[np.searchsorted(bins, was)])
        gains = np.flatnonzero((worth > least) & (self.groups.most[self._columns(item)] > 0))
        free = gains[self._load.fits(item, bins[gains])]
        if len(free):
            self._put(item, int(bins[free[np.argmax(worth[free])]]))
            return True
        if least < 0 and self.groups.problem.items[item].current == NOWHERE:
            return True
        wishes = gains[np.argsort(-worth[gains], kind="stable")[:WISHES]]
        for wish in wishes.tolist():
            if self._push(item, int(bins[wish]), least):
                return True
        self._put(item, was)
        return False

    def _push(self, item: int, place: int, least: int) -> bool:
        """Put an item, which is nowhere now, where another one is, if both together gain."""
        for other in self._inside.get(place, [])[: -OTHERS - 1 : -1]:
            if self.trials <= 0:
                return False
            self.trials -= 1
            self._put(other, NOWHERE)
            if self._load.fits_one(item, place):
                bins = self.groups.place[self._columns(other)]
                lost = int(self._worth(other)[np.searchsorted(bins, place)])
                mine = self.groups.place[self._columns(item)]
                gained = int(self._worth(item)[np.searchsorted(mine, place)]) - least
                self._put(item, place)
                if self._settle(other, lost - gained):
                    return True
                self._put(item, NOWHERE)
            self._put(other, place)
        return False

    def _settle(self, item: int, least: int) -> bool:
        """Put an item where it is worth most, if that is more than `least`."""
        columns = self._columns(item)
        bins, worth = self.groups.place[columns], self._worth(item)
        gains = np.flatnonzero((worth > least) & (self.groups.most[columns] > 0))
        gains = gains[self._load.fits(item, bins[gains])]
        if not len(gains):
            # Nowhere is worth 0, and only for those that have no place to keep.
            return least < 0 and self.groups.problem.items[item].current == NOWHERE
        self._put(item, int(bins[gains[np.argmax(worth[gains])]]))
        return True

    def _worth(self, item: int) -> Ints:
        """Return what each place of an item, which is nowhere now, would add."""
        groups, columns = self.groups, self._columns(item)
        bins = groups.place[columns]
        worth = groups.score[columns].copy()
        current = groups.problem.items[item].current
        if current != NOWHERE:
            worth[bins != current] -= groups.move_cost[self._group[item]]
        worth -= groups.open_cost[bins] * (self._load.inside[bins] == 0)
        above = groups.parent[bins]
        closed = (above != NOWHERE) & (self._load.inside[above] == 0)
        worth -= np.where(closed, groups.open_cost[above], 0)
        return worth

    def _columns(self, item: int) -> slice:
        group = int(self._group[item])
        return slice(int(self.groups.start[group]), int(self.groups.start[group + 1]))

    def _put(self, item: int, place: int) -> None:
        """Change where an item is, NOWHERE included."""
        was = self.places[item]
        if was != NOWHERE:
            self._load.take(item, was)
        if place != NOWHERE:
            self._load.put(item, place)
        self._inside[was].remove(item)
        self._inside.setdefault(place, []).append(item)
        self.places[item] = place
