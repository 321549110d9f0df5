"""From the present placement to another one, in steps that overcommit nothing. Pure.

A step moves an item as an agent can: it runs at its target before it ends at its source, so that
both are taken meanwhile. The steps of a **wave** are done at the same time; the next wave begins
when all of them are done. Where items wait for each other's room, one of them goes to a third bin
for a while (a **detour**), if that makes way; otherwise it has to stop before it can start.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from skerry_hub.balance.load import Load, holds
from skerry_hub.balance.ordering import linked, order_of
from skerry_hub.balance.problem import NOWHERE, Problem, ProblemError, score_at, value

DETOURS_TRIED = 64
"""Items that are tried for a detour when everything is stuck, those of least cost first."""
BINS_TRIED = 8
"""Bins that are tried for a detour of one item, the best first."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An item goes from a bin to a bin.

    With `needs_stop` it does so in two steps: one without a target, in which it ends, and a later
    one without a source, in which it starts. A new item has one step without a source.
    """

    item: int
    source: int
    target: int
    needs_stop: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Waves in order. `extra_cost`: what the detours cost beside the moves that were wanted.

    `left`: the items that are not at their targets after the last one.
    """

    waves: tuple[tuple[Step, ...], ...]
    detours: int = 0
    stops: int = 0
    extra_cost: int = 0
    left: tuple[int, ...] = ()


def safe_steps(
    problem: Problem,
    target: Sequence[int],
    most_at_once: int,
    *,
    may_stop: bool = True,
    gains: Sequence[float] = (),
) -> Steps:
    """Return steps after which everything is at its target; those that gain most come first.

    `gains` says how much each item's move gains; without, it is the difference of its scores.
    Without `may_stop` no item stops: `left` are those whose moves would need that. Then no order of
    the moves that wait for each other is found that does without, as far as orders are tried.

    Raises ProblemError when the target overcommits something, an item may not be there, or what is
    overcommitted at present is in its way.
    """
    if most_at_once < 1:
        raise ProblemError(f"most_at_once {most_at_once} is not at least 1")
    value(problem, target)
    if not holds(problem, target):
        raise ProblemError("the target overcommits a bin or a limit")
    way = _Way(problem, target, most_at_once, gains)
    way.go(may_stop=may_stop)
    if way.pending or way.stopped or way.detoured:
        way = _otherwise(way, may_stop=may_stop)
    return Steps(
        waves=tuple(way.waves),
        detours=len(way.detoured),
        stops=len(way.stopped),
        extra_cost=sum(problem.items[item].move_cost for item in way.detoured),
        left=tuple(sorted(way.pending)),
    )


def _otherwise(way: _Way, *, may_stop: bool) -> _Way:
    """Return a way with fewer items that are left, stop or make a detour, the given one without."""
    astray = {*way.pending, *way.stopped, *way.detoured}
    moving = [
        item for item, place in enumerate(way.target) if place != way.problem.items[item].current
    ]
    order = order_of(way.problem, way.target, linked(way.problem, way.target, moving, astray))
    if order is None:
        return way
    other = _Way(way.problem, way.target, way.most_at_once, way.gains)
    other.follow(order)
    other.go(may_stop=may_stop)
    return min(way, other, key=_Way.wanting)


class _Way:
    """Where everything is by now, and what has still to go where."""

    def __init__(
        self,
        problem: Problem,
        target: Sequence[int],
        most_at_once: int,
        gains: Sequence[float] = (),
    ) -> None:
        self.problem = problem
        self.target = target
        self.gains = gains
        self.most_at_once = most_at_once
        self.at = list(problem.present)
        self.load = Load(problem, self.at)
        self.waves: list[tuple[Step, ...]] = []
        self.detoured: set[int] = set()
        self.stopped: set[int] = set()
        moving = [item for item, place in enumerate(target) if place != self.at[item]]
        # Ordered, and each is out at once when it is done: there may be very many.
        self.pending = dict.fromkeys(sorted(moving, key=lambda item: (-self._gain(item), item)))

    def go(self, *, may_stop: bool) -> None:
        """Add waves until everything is at its target, or what is left would have to stop."""
        while self.pending:
            if self.wave() or self.detour():
                continue
            if not may_stop:
                return
            self.stop()

    def follow(self, order: Sequence[int]) -> None:
        """Move items in an order that is known to be possible; those together that can be."""
        steps: list[Step] = []
        for item in order:
            source, target = self.at[item], self.target[item]
            if len(steps) == self.most_at_once or not self.load.fits_one(item, target, source):
                self._done(steps)
                steps = []
            self.load.put(item, target)
            steps.append(Step(item=item, source=source, target=target))
        self._done(steps)

    def wanting(self) -> tuple[int, int, int]:
        """Return how many items are left, stop and make a detour."""
        return len(self.pending), len(self.stopped), len(self.detoured)

    def wave(self) -> bool:
        """Add a wave of all that fits now; say whether anything does."""
        steps: list[Step] = []
        # Those that were stopped are down until they start.
        down = [item for item in self.pending if item in self.stopped] if self.stopped else []
        others = (item for item in self.pending if item not in self.stopped)
        for item in itertools.chain(down, others):
            if len(steps) == self.most_at_once:
                break
            source, target = self.at[item], self.target[item]
            if not self.load.fits_one(item, target, source):
                continue
            self.load.put(item, target)
            steps.append(
                Step(item=item, source=source, target=target, needs_stop=item in self.stopped)
            )
        self._done(steps)
        return bool(steps)

    def detour(self) -> bool:
        """Move one item out of another's way for a while; say whether there is such a one."""
        candidates = [
            item
            for item in self.pending
            if self.at[item] != NOWHERE and item not in self.detoured and self._waiting(item)
        ]
        candidates.sort(key=lambda item: (self.problem.items[item].move_cost, item))
        for item in candidates[:DETOURS_TRIED]:
            for spare in self._spares(item):
                if self._makes_way(item, spare):
                    self.load.put(item, spare)
                    self.detoured.add(item)
                    self._done([Step(item=item, source=self.at[item], target=spare)])
                    return True
        return False

    def stop(self) -> None:
        """End one item before it starts elsewhere: one that makes way, or the one of least cost."""
        candidates = [item for item in self.pending if self.at[item] != NOWHERE]
        if not candidates:
            stuck = self.problem.items[next(iter(self.pending))].id
            raise ProblemError(f"item {stuck}: what is overcommitted at present is in its way")
        candidates.sort(key=lambda item: (self.problem.items[item].move_cost, item))
        clearing = (item for item in candidates if self._makes_way(item, NOWHERE))
        item = next(clearing, candidates[0])
        self.stopped.add(item)
        self._done([Step(item=item, source=self.at[item], target=NOWHERE, needs_stop=True)])

    def _done(self, steps: Sequence[Step]) -> None:
        """Leave the sources: the targets are taken already."""
        if not steps:
            return
        for step in steps:
            if step.source != NOWHERE:
                self.load.take(step.item, step.source)
            self.at[step.item] = step.target
            if step.target == self.target[step.item]:
                del self.pending[step.item]
        self.waves.append(tuple(steps))

    def _spares(self, item: int) -> list[int]:
        """Return the best bins that an item could go to now, other than its target."""
        bins, scores = self.problem.items[item].bins, self.problem.items[item].scores
        free = np.flatnonzero(self.load.fits(item, bins, self.at[item]))
        free = free[np.argsort(-scores[free], kind="stable")][: BINS_TRIED + 2]
        here = self.at[item], self.target[item]
        return [place for place in bins[free].tolist() if place not in here][:BINS_TRIED]

    def _makes_way(self, item: int, spare: int) -> bool:
        """Return whether something else could move at once, were the item at a spare bin."""
        source = self.at[item]
        self.load.take(item, source)
        if spare != NOWHERE:
            self.load.put(item, spare)
        found = any(
            self.load.fits_one(other, self.target[other], self.at[other])
            for other in self._waiting(item)
        )
        if spare != NOWHERE:
            self.load.take(item, spare)
        self.load.put(item, source)
        return found

    def _waiting(self, item: int) -> list[int]:
        """Return the pending items that may wait for what an item has: its node, or a limit."""
        node = self._node(self.at[item])
        limits = set(self.load.limits[item])
        return [
            other
            for other in self.pending
            if other != item
            and (
                self._node(self.target[other]) == node
                or not limits.isdisjoint(self.load.limits[other])
            )
        ]

    def _node(self, place: int) -> int:
        parent = self.problem.bins[place].parent
        return place if parent == NOWHERE else parent

    def _gain(self, item: int) -> float:
        if self.gains:
            return self.gains[item]
        given = self.problem.items[item]
        before = 0 if given.current == NOWHERE else score_at(given, given.current)
        return score_at(given, self.target[item]) - before
