"""The chains of moves that are worth it: each as a whole, no more moves than asked for. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Container, Sequence

from skerry_hub.balance.chains import Waves, chains_of, packed
from skerry_hub.balance.steps import Step
from skerry_hub.rebalance.tracked import Tracked

MOST_LOOKS = 20_000
"""At what a chain gains beside those that were chosen; after them none is looked at twice."""
PASSES = 4
"""Over what was chosen, for chains that gain nothing beside the others."""


def chosen(
    tracked: Tracked,
    waves: Waves,
    most: int,
    most_at_once: int,
    refused: Container[int] = (),
) -> Waves:
    """Return the waves of those chains that gain more than they cost, together the most found.

    `tracked` is where everything is before them, and is so again. A chain with a step in `refused`,
    by number, is left out.
    """
    steps = [step for wave in waves for step in wave]
    problem = tracked.problem
    chains = [
        [steps[number] for number in chain]
        for chain in chains_of(problem, waves)
        if not any(number in refused for number in chain)
    ]
    choice = _Choice(tracked, chains)
    if sum(map(len, chains)) <= most:
        choice.add_all()
    else:
        choice.add_best(most)
    choice.prune()
    kept = {step for at in choice.inside for step in chains[at]}
    choice.clear()
    return packed(problem, [step for step in steps if step in kept], most_at_once)


def total_of(tracked: Tracked, waves: Waves) -> int:
    """Return the objective after moves with their cost, in points; `tracked` is as it was."""
    choice = _Choice(tracked, [[step for wave in waves for step in wave]])
    return tracked.loss - choice.gain(0)


class _Choice:
    """Some of the chains, and where everything is with them."""

    def __init__(self, tracked: Tracked, chains: Sequence[Sequence[Step]]) -> None:
        self.tracked, self.chains = tracked, chains
        self.inside: set[int] = set()
        costs = tracked.problem.items
        self._cost = [sum(costs[step.item].move_cost for step in chain) for chain in chains]

    def gain(self, at: int) -> int:
        """Return what a chain that is not inside would gain beside those that are."""
        gain = self._put(at)
        self._take(at)
        return gain - self._cost[at]

    def add_all(self) -> None:
        for at in range(len(self.chains)):
            self._put(at)
            self.inside.add(at)

    def add_best(self, most: int) -> None:
        """Add those that gain most a move, as many as there are moves for."""
        left, looks = most, MOST_LOOKS
        # What a chain gains beside fewer others is rarely less: who is first even now is the best.
        queue = [(-self.gain(at) / len(chain), at, 0) for at, chain in enumerate(self.chains)]
        heapq.heapify(queue)
        while queue and left:
            _, at, known = heapq.heappop(queue)
            if len(self.chains[at]) > left:
                continue
            gain, looks = self.gain(at), looks - 1
            if gain <= 0:
                continue
            if known < len(self.inside) and looks > 0:
                heapq.heappush(queue, (-gain / len(self.chains[at]), at, len(self.inside)))
                continue
            self._put(at)
            self.inside.add(at)
            left -= len(self.chains[at])

    def prune(self) -> None:
        """Leave out what gains nothing beside the others."""
        for _ in range(PASSES):
            before = len(self.inside)
            for at in sorted(self.inside, reverse=True):
                if self._take(at) + self._cost[at] >= 0:
                    self.inside.discard(at)
                else:
                    self._put(at)
            if len(self.inside) == before:
                return

    def clear(self) -> None:
        """Put everything back where it was."""
        for at in self.inside:
            self._take(at)
        self.inside.clear()

    def _put(self, at: int) -> int:
        return sum(self.tracked.go(step.item, step.target) for step in self.chains[at])

    def _take(self, at: int) -> int:
        return sum(self.tracked.go(step.item, step.source) for step in reversed(self.chains[at]))
