"""One pass of single moves over a whole fleet, quick enough for one of any size. Pure.

`improve` looks at every place of an item; this one only at the best that are left at the
relaxation's prices, a few at a time, and never looks again at those that were full.
"""

from __future__ import annotations

import numpy as np

from skerry_hub.balance.bound import Relaxed
from skerry_hub.balance.groups import Groups
from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import NOWHERE, Assignment, Ints

WINDOW = 64
"""Places that are looked at together."""
WINDOWS = 4
"""How often at most for one item."""


def regrets(groups: Groups, relaxed: Relaxed) -> Ints:
    """Return by how much each item is worse off than the relaxation's last member of its group."""
    found = np.zeros(len(groups.problem.items), np.float64)
    current = np.array(groups.problem.present, np.int64)
    for group, members in enumerate(groups.members):
        begin, end = int(groups.start[group]), int(groups.start[group + 1])
        places = current[members]
        has = places != NOWHERE
        at = begin + np.searchsorted(groups.place[begin:end], places[has])
        found[members[has]] = relaxed.regret[at]
        found[members[~has]] = relaxed.last[group]
    return np.floor(found).astype(np.int64)


def sweep(groups: Groups, relaxed: Relaxed) -> Assignment:
    """Return an assignment that is worth at least the present one: the worst off move first.

    What a move gains by leaving a bin empty is not counted on.
    """
    problem = groups.problem
    load = Load(problem, problem.present)
    places = list(problem.present)
    group_of = np.zeros(len(places), np.int64)
    for number, members in enumerate(groups.members):
        group_of[members] = number
    queues: dict[int, Ints] = {}
    regret = regrets(groups, relaxed)
    order = np.argsort(-regret, kind="stable")
    for item in order[regret[order] > 0].tolist():
        group = int(group_of[item])
        if group not in queues:
            queues[group] = _queue(groups, relaxed, group)
        best, queues[group] = _best(groups, load, item, group, queues[group])
        if best == NOWHERE:
            continue
        if places[item] != NOWHERE:
            load.take(item, places[item])
        load.put(item, best)
        places[item] = best
    return tuple(places)


def _queue(groups: Groups, relaxed: Relaxed, group: int) -> Ints:
    """Return a group's columns, those first that are worth most at the prices."""
    columns = np.arange(groups.start[group], groups.start[group + 1])
    columns = columns[groups.most[columns] > groups.now[columns]]
    return columns[np.argsort(relaxed.slack[columns], kind="stable")]


def _best(groups: Groups, load: Load, item: int, group: int, queue: Ints) -> tuple[int, Ints]:
    """Return the bin where an item gains most, NOWHERE for none, and what is left of the queue."""
    current = groups.problem.items[item].current
    here = 0
    if current != NOWHERE:
        begin, end = int(groups.start[group]), int(groups.start[group + 1])
        at = begin + int(np.searchsorted(groups.place[begin:end], current))
        here = int(groups.score[at]) + int(groups.move_cost[group])
    for _ in range(WINDOWS):
        window = queue[:WINDOW]
        bins = groups.place[window]
        fits = load.fits(item, bins)
        if not fits.any():
            queue = queue[WINDOW:]
            continue
        above = groups.parent[bins]
        closed = (above != NOWHERE) & (load.inside[above] == 0)
        gain = groups.score[window] - here - groups.open_cost[bins] * (load.inside[bins] == 0)
        gain -= np.where(closed, groups.open_cost[above], 0)
        gain[~fits] = 0
        queue = queue[int(np.argmax(fits)) :]
        return (int(bins[np.argmax(gain)]) if gain.max() > 0 else NOWHERE), queue
    return NOWHERE, queue
