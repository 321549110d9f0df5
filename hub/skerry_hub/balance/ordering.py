"""An order in which moves that seem to wait for each other can be made, where there is one. Pure.

Who moves first where there is room may take the room that another one needs first. So all orders of
a few moves are tried, each set of moves made once: which places are taken depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import NOWHERE, Problem

MOST_ITEMS = 24
"""Moves whose orders are tried; a set of them is a bit each."""
MOST_TRIED = 2_000
"""Sets of moves that are looked at."""


def linked(
    problem: Problem, target: Sequence[int], moving: Collection[int], some: Collection[int]
) -> list[int]:
    """Return the moving items that may wait for some of them, these with them, ascending.

    They share a node, or a domain of a limit, at their places or at their targets.
    """
    present = problem.present
    limits: dict[int, list[int]] = {}
    for number, limit in enumerate(problem.limits):
        for item in limit.items.tolist():
            limits.setdefault(item, []).append(number)

    def touched(item: int) -> set[tuple[int, int]]:
        places = [place for place in (present[item], target[item]) if place != NOWHERE]
        parents = [problem.bins[place].parent for place in places]
        nodes = [place if up == NOWHERE else up for place, up in zip(places, parents, strict=True)]
        domains = {
            (number, int(problem.limits[number].domains[place]))
            for number in limits.get(item, ())
            for place in places
        }
        return {(NOWHERE, node) for node in nodes} | {one for one in domains if one[1] != NOWHERE}

    by_key: dict[tuple[int, int], list[int]] = {}
    keys = {item: touched(item) for item in moving}
    for item, mine in keys.items():
        for key in mine:
            by_key.setdefault(key, []).append(item)
    found, queue = set(some), sorted(some)
    while queue:
        for key in keys[queue.pop()]:
            for other in by_key.pop(key, ()):
                if other not in found:
                    found.add(other)
                    queue.append(other)
    return sorted(found)


def order_of(problem: Problem, target: Sequence[int], items: Sequence[int]) -> list[int] | None:
    """Return an order in which items go to their targets one by one, None if none is found.

    Everything else stays where it is. No stop and no detour is in it.
    """
    if len(items) > MOST_ITEMS:
        return None
    return _Orders(problem, target, items).find(0)


class _Orders:
    def __init__(self, problem: Problem, target: Sequence[int], items: Sequence[int]) -> None:
        self.items = items
        self.target = target
        self.present = problem.present
        self.load = Load(problem, problem.present)
        self.dead: set[int] = set()

    def find(self, made: int) -> list[int] | None:
        """Return the rest of an order after a set of moves."""
        if made == (1 << len(self.items)) - 1:
            return []
        for at, item in enumerate(self.items):
            after = made | 1 << at
            if after == made or after in self.dead or len(self.dead) >= MOST_TRIED:
                continue
            source, target = self.present[item], self.target[item]
            if not self.load.fits_one(item, target, source):
                continue
            self._put(item, source, target)
            rest = self.find(after)
            if rest is not None:
                return [item, *rest]
            self._put(item, target, source)
        self.dead.add(made)
        return None

    def _put(self, item: int, source: int, target: int) -> None:
        if source != NOWHERE:
            self.load.take(item, source)
        if target != NOWHERE:
            self.load.put(item, target)
