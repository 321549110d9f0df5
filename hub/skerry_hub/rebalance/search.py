"""The best placement that is found in a given time, and what none can be below. Pure.

`pack` and `cost` are solved as they are, in any size. To `balance`, each step of a node is an item
of its own, so of a large fleet only the fullest and the emptiest nodes are solved; the bound of
the whole fleet is then that of `Evenness.least`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from skerry_hub.balance.load import Load
from skerry_hub.balance.neighbourhood import Scope, part, rebalance
from skerry_hub.balance.problem import Assignment, Ints, Problem, value
from skerry_hub.balance.solve import Effort, Status, solve
from skerry_hub.rebalance.evenness import UNIT, Evenness, with_fillers
from skerry_hub.rebalance.picture import Picture

SCOPE = Scope()
MOST_STEPS = 5_000
"""Of nodes that are solved together."""
MOST_PLACES = 40_000
"""That items of different workloads may have, together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An assignment of the picture's items; `bound` is in points, the less the better."""

    assignment: Assignment
    bound: int
    status: Status = "optimal"
    seconds: float = 0.0
    nodes_left_out: int = 0


def loss(picture: Picture, problem: Problem, assignment: Assignment) -> int:
    """Return the objective of an assignment in points; what moves cost is no part of it."""
    still = dataclasses.replace(
        problem,
        items=[
            dataclasses.replace(item, current=place, move_cost=0)
            for item, place in zip(problem.items, assignment, strict=True)
        ],
    )
    found = picture.base - value(still, assignment)
    if picture.evenness is not None:
        found += picture.evenness.loss(Load(problem, assignment).used)
    return found


def search(picture: Picture, problem: Problem, effort: Effort) -> Found:
    """Return the best assignment that is found, never worse than the present one."""
    if picture.evenness is None:
        result = rebalance(problem, effort, SCOPE)
        return Found(
            assignment=result.assignment,
            bound=picture.base - result.bound,
            status=result.status,
            seconds=result.seconds,
        )
    return _search_even(picture.evenness, problem, effort)


def _search_even(evenness: Evenness, problem: Problem, effort: Effort) -> Found:
    used = Load(problem, problem.present).used
    bins = choose_bins(evenness, problem, used)
    if len(bins) == len(problem.bins):
        result = solve(with_fillers(problem, evenness.fillers(range(len(bins)))), effort)
        return Found(
            assignment=result.assignment[: len(problem.items)],
            # What the fillers are not worth is what the nodes count.
            bound=len(bins) * UNIT - result.bound,
            status=result.status,
            seconds=result.seconds,
        )
    likes = sum(-int(item.scores.max()) for item in problem.items)
    return Found(
        assignment=search_part(evenness, problem, bins, effort),
        bound=evenness.least(used) + likes,
        status="limit",
        seconds=effort.time_s,
        nodes_left_out=len(problem.bins) - len(bins),
    )


def search_part(evenness: Evenness, problem: Problem, bins: Ints, effort: Effort) -> Assignment:
    """Return the present assignment with some nodes made more even among themselves."""
    current = np.array(problem.present, np.int64)
    items = np.flatnonzero(np.isin(current, bins)).astype(np.int64)
    some = with_fillers(part(problem, items, bins), evenness.fillers(bins.tolist()))
    result = solve(some, effort)
    found = list(problem.present)
    for item, place in zip(items.tolist(), result.assignment, strict=False):
        found[item] = int(bins[place])
    return tuple(found)


def choose_bins(evenness: Evenness, problem: Problem, used: Ints) -> Ints:
    """Return the nodes that are solved: all, or the fullest and the emptiest, ascending."""
    kinds = len({(id(item.bins), id(item.scores)) for item in problem.items})
    most = max(2, min(MOST_STEPS // evenness.steps, MOST_PLACES // max(1, kinds)))
    if len(problem.bins) <= most:
        return np.arange(len(problem.bins), dtype=np.int64)
    order = np.argsort(evenness.used(used), kind="stable")
    chosen = np.concatenate([order[: most - most // 2], order[-(most // 2) :]])
    return np.sort(chosen).astype(np.int64)
