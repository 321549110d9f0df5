"""Which steps belong together: a **chain** is made whole or not at all. Pure.

Two steps are of one chain where one waits for what the other leaves, where they empty or open a bin
that costs something, and where they move the same item. So any number of whole chains, each step in
its order, overcommits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import NOWHERE, Problem
from skerry_hub.balance.steps import Step

Waves = tuple[tuple[Step, ...], ...]


def chains_of(problem: Problem, waves: Sequence[Sequence[Step]]) -> list[list[int]]:
    """Return the chains of steps, by number from the first wave on; no step is from or to nowhere.

    Each is ascending, and they are in the order of their first steps.
    """
    steps = [step for wave in waves for step in wave]
    linked = _Linked(len(steps))
    _link_items(steps, linked)
    _link_opening(problem, steps, linked)
    _link_waiting(problem, waves, linked)
    return linked.sets()


def packed(problem: Problem, steps: Sequence[Step], most_at_once: int) -> Waves:
    """Return steps in as few waves as their order allows; who leaves has his room until its end."""
    load = Load(problem, problem.present)
    waves: list[tuple[Step, ...]] = []
    wave: list[Step] = []
    for step in steps:
        full = len(wave) == most_at_once or any(one.item == step.item for one in wave)
        if full or not load.fits_one(step.item, step.target, step.source):
            for one in wave:
                load.take(one.item, one.source)
            waves.append(tuple(wave))
            wave = []
        load.put(step.item, step.target)
        wave.append(step)
    return tuple(one for one in (*waves, tuple(wave)) if one)


class _Linked:
    """Numbers in sets that are joined."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def join(self, numbers: Sequence[int]) -> None:
        for other in numbers[1:]:
            first, second = self._top(numbers[0]), self._top(other)
            self._above[max(first, second)] = min(first, second)

    def sets(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for number in range(len(self._above)):
            found.setdefault(self._top(number), []).append(number)
        return list(found.values())

    def _top(self, number: int) -> int:
        while self._above[number] != number:
            self._above[number] = self._above[self._above[number]]
            number = self._above[number]
        return number


def _link_items(steps: Sequence[Step], linked: _Linked) -> None:
    of_item: dict[int, list[int]] = {}
    for number, step in enumerate(steps):
        of_item.setdefault(step.item, []).append(number)
    for numbers in of_item.values():
        linked.join(numbers)


def _link_opening(problem: Problem, steps: Sequence[Step], linked: _Linked) -> None:
    """Join those that empty a bin, and those that open one."""
    places = list(problem.present)
    before = Load(problem, places).inside
    for step in steps:
        places[step.item] = step.target
    changed = (before > 0) != (Load(problem, places).inside > 0)
    of_bin: dict[int, list[int]] = {}
    for number, step in enumerate(steps):
        for place in {*_bins(problem, step.source), *_bins(problem, step.target)}:
            if changed[place] and problem.bins[place].open_cost:
                of_bin.setdefault(place, []).append(number)
    for numbers in of_bin.values():
        linked.join(numbers)


def _link_waiting(problem: Problem, waves: Sequence[Sequence[Step]], linked: _Linked) -> None:
    """Join each step with those that left what it takes, unless there was room beside them."""
    # Here nobody ever leaves: what fits is there whoever of the others stays.
    crowded = Load(problem, problem.present)
    left: dict[tuple[int, int], list[int]] = {}
    number = 0
    for wave in waves:
        leaving: list[tuple[int, Step]] = []
        for step in wave:
            if not crowded.fits_one(step.item, step.target, step.source):
                for key in _keys(problem, crowded, step.item, step.target):
                    linked.join([number, *left.get(key, ())])
            crowded.put(step.item, step.target)
            for limit in crowded.limits[step.item]:
                domains = problem.limits[limit].domains
                if domains[step.source] == domains[step.target] != NOWHERE:
                    crowded.counts[limit][domains[step.target]] -= 1
            leaving.append((number, step))
            number += 1
        for at, step in leaving:
            for key in _keys(problem, crowded, step.item, step.source):
                left.setdefault(key, []).append(at)


def _keys(problem: Problem, load: Load, item: int, place: int) -> Iterator[tuple[int, int]]:
    """Give what an item takes at a place: of its node, and of the domains of its limits."""
    yield NOWHERE, _bins(problem, place)[-1]
    for limit in load.limits[item]:
        domain = int(problem.limits[limit].domains[place])
        if domain != NOWHERE:
            yield limit, domain


def _bins(problem: Problem, place: int) -> tuple[int, ...]:
    """Return a bin, and the node that it is a part of."""
    parent = problem.bins[place].parent
    return (place,) if parent == NOWHERE else (place, parent)
