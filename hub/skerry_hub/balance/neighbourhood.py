"""A better placement for a fleet too large to be solved whole: the part with most to gain. Pure.

First everything is swept once by single moves. Then the items that are farthest from what the
relaxation gives them, the bins that would suit them, and what else is in these bins are solved, and
so on while there is time; everything else stays. The bound is of the whole fleet, so the gap also
counts what was left out: it is always said, also when it is large.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from skerry_hub.balance import bound
from skerry_hub.balance.bound import Relaxed
from skerry_hub.balance.groups import Groups, gather
from skerry_hub.balance.load import Load, holds
from skerry_hub.balance.problem import (
    NOWHERE,
    Assignment,
    Bin,
    Ints,
    Item,
    Limit,
    Problem,
    value,
)
from skerry_hub.balance.solve import COLUMNS_PER_S, Effort, Result, solve
from skerry_hub.balance.sweep import regrets, sweep

SHARE = 0.4
"""Of the time, for the parts that are solved."""
ITEMS_PER_S = 1e4
"""That a round goes through, beside what is solved, cautiously."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The most items and nodes (bins without a parent) that are solved together."""

    items: int = 2_000
    nodes: int = 500
    rounds: int = 4
    """How often at most a part is chosen and solved, each time from where the last one led."""


def rebalance(problem: Problem, effort: Effort, scope: Scope) -> Result:
    """Return an assignment that is worth at least the present one, and a bound of the whole fleet.

    A problem within the scope is solved whole.
    """
    nodes = sum(one.parent == NOWHERE for one in problem.bins)
    if len(problem.items) <= scope.items and nodes <= scope.nodes:
        return solve(problem, effort)
    groups = gather(problem)
    present = value(problem, problem.present)
    if not len(groups.group):
        return Result(
            assignment=problem.present,
            value=present,
            present=present,
            bound=present,
            status="optimal",
        )
    steps = int(min(50, effort.time_s / 5 * COLUMNS_PER_S / len(groups.group)))
    relaxed = bound.descend(groups, bound.free(groups), present, steps)
    best = sweep(groups, relaxed)
    reached, seconds = value(problem, best), 0.0
    here = gather(moved(problem, best))
    at = bound.relax(here, relaxed.prices)
    for _ in range(_rounds(groups, effort, scope)):
        # Half of what is left: what one round does not need is the next one's.
        found, took = _round(here, at, (effort.time_s * SHARE - seconds) / 2, effort, scope)
        seconds += took
        gained = value(problem, found) - reached
        if gained <= 0:
            break
        best, reached = found, reached + gained
        here = gather(moved(problem, best))
        at = bound.relax(here, relaxed.prices)
    most = max(bound.whole(relaxed.bound), reached)
    result = Result(
        assignment=best,
        value=reached,
        present=present,
        bound=most,
        status="optimal" if most == reached else "limit",
        seconds=seconds,
    )
    if most > reached and result.gap_percent <= effort.gap_percent:
        return dataclasses.replace(result, status="within gap")
    return result


def choose_bins(groups: Groups, relaxed: Relaxed, scope: Scope) -> Ints:
    """Return the nodes and their parts that are solved: where the worst items are and could be.

    Half of the nodes are where these items are; the rest suit them best at the relaxation's prices,
    those where one fits at once before those where it does not.
    """
    problem = groups.problem
    load = Load(problem, problem.present)
    regret = regrets(groups, relaxed)
    order = np.argsort(-regret, kind="stable")
    worst = order[: scope.items][regret[order[: scope.items]] > 0]
    node = np.where(load.parent == NOWHERE, np.arange(len(load.parent)), load.parent)
    current = np.array(problem.present, np.int64)[worst]
    here = _first(node[current[current != NOWHERE]], scope.nodes // 2)
    group_of = np.zeros(len(problem.items), np.int64)
    for number, members in enumerate(groups.members):
        group_of[members] = number
    kinds, numbers = np.unique(group_of[worst], return_counts=True)
    suiting: list[Ints] = []
    for kind, number in zip(kinds.tolist(), numbers.tolist(), strict=True):
        columns = np.arange(groups.start[kind], groups.start[kind + 1])
        columns = columns[groups.most[columns] > groups.now[columns]]
        fits = load.fits(int(groups.members[kind][0]), groups.place[columns])
        best = columns[np.lexsort((relaxed.slack[columns], ~fits))]
        suiting.append(_first(node[groups.place[best]], 2 * number))
    chosen = _first(np.concatenate([here, _interleave(suiting)]), scope.nodes)
    return np.flatnonzero(np.isin(node, chosen))


def choose_items(groups: Groups, relaxed: Relaxed, bins: Ints, scope: Scope) -> Ints:
    """Return the items that are in the chosen bins or nowhere, as many as may; the worst first."""
    current = np.array(groups.problem.present, np.int64)
    movable = np.flatnonzero(np.isin(current, bins) | (current == NOWHERE))
    regret = regrets(groups, relaxed)[movable]
    return np.sort(movable[np.argsort(-regret, kind="stable")[: scope.items]])


def part(problem: Problem, items: Ints, bins: Ints) -> Problem:
    """Return the problem of some items in some bins, with everything else where it is.

    Its indices are positions in `items` and `bins`, both ascending. The bins of every item are
    among them, and a chosen part's parent, too.
    """
    fixed = list(problem.present)
    for item in items.tolist():
        fixed[item] = NOWHERE
    load = Load(problem, fixed)
    new = np.full(len(problem.bins), NOWHERE)
    new[bins] = np.arange(len(bins))
    item_at = {item: at for at, item in enumerate(items.tolist())}
    limits = []
    for limit, count in zip(problem.limits, load.counts, strict=True):
        inside = [item_at[item] for item in limit.items.tolist() if item in item_at]
        if inside:
            limits.append(
                Limit(
                    items=np.array(inside, np.int64),
                    domains=limit.domains[bins],
                    most=np.maximum(limit.most - count, 0),
                )
            )
    places: dict[tuple[int, int], tuple[Ints, Ints]] = {}
    return Problem(
        items=[_part_item(problem.items[item], new, places) for item in items.tolist()],
        bins=[_part_bin(problem.bins[one], one, load, new) for one in bins.tolist()],
        limits=limits,
    )


def _part_item(item: Item, new: Ints, places: dict[tuple[int, int], tuple[Ints, Ints]]) -> Item:
    key = id(item.bins), id(item.scores)
    if key not in places:
        kept = new[item.bins] != NOWHERE
        places[key] = new[item.bins[kept]], item.scores[kept]
    bins, scores = places[key]
    current = NOWHERE if item.current == NOWHERE else int(new[item.current])
    return dataclasses.replace(item, bins=bins, scores=scores, current=current)


def _part_bin(given: Bin, index: int, load: Load, new: Ints) -> Bin:
    """Return what is left of a bin; one that is in use by what stays costs nothing more."""
    return Bin(
        id=given.id,
        capacity=np.maximum(load.capacity[index] - load.used[index], 0),
        open_cost=0 if load.inside[index] else given.open_cost,
        parent=NOWHERE if given.parent == NOWHERE else int(new[given.parent]),
        takes=None if given.takes is None or load.number[index] else given.takes,
    )


def _rounds(groups: Groups, effort: Effort, scope: Scope) -> int:
    """Return how many rounds there is time for, beside the solver's."""
    round_s = len(groups.problem.items) / ITEMS_PER_S + len(groups.group) / COLUMNS_PER_S
    return max(1, min(scope.rounds, int(effort.time_s * (1 - SHARE) / round_s)))


def _round(
    groups: Groups, relaxed: Relaxed, time_s: float, effort: Effort, scope: Scope
) -> tuple[Assignment, float]:
    """Return the present assignment with its worst part solved, and the solver's seconds."""
    problem = groups.problem
    bins = choose_bins(groups, relaxed, scope)
    items = choose_items(groups, relaxed, bins, scope)
    if not len(items) or not len(bins) or time_s <= 0:
        return problem.present, 0.0
    result = solve(part(problem, items, bins), dataclasses.replace(effort, time_s=time_s))
    best = list(problem.present)
    for item, place in zip(items.tolist(), result.assignment, strict=True):
        best[item] = NOWHERE if place == NOWHERE else int(bins[place])
    return (tuple(best) if holds(problem, best) else problem.present), result.seconds


def moved(problem: Problem, assignment: Assignment) -> Problem:
    """Return the problem as it is after the moves of a round.

    A second move of an item costs again here, so that what is gained is never more than it says.
    """
    items = [
        dataclasses.replace(item, current=place)
        for item, place in zip(problem.items, assignment, strict=True)
    ]
    return dataclasses.replace(problem, items=items)


def _first(values: Ints, most: int) -> Ints:
    """Return the first distinct values, in the order in which they come."""
    _, first = np.unique(values, return_index=True)
    return values[np.sort(first)[:most]]


def _interleave(lists: Sequence[Ints]) -> Ints:
    """Return the first of each list, then the second of each, and so on."""
    ranks = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(one)) for one in lists)])
    values = np.concatenate([np.zeros(0, np.int64), *lists])
    return values[np.argsort(ranks, kind="stable")]
