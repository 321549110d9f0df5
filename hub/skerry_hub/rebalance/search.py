"""The best placement that is found in a given time, and what none can be below. Pure.

`pack` and `cost` are solved as they are; in a large fleet nodes are emptied one by one besides. To
`balance`, each step of a node is an item of its own, so a large fleet is levelled by single moves
first, and then only the fullest and the emptiest nodes are solved; the bound of the whole fleet is
that of `Evenness.least`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from skerry_hub.balance.groups import Floats
from skerry_hub.balance.load import Load
from skerry_hub.balance.neighbourhood import Scope, moved, part, rebalance
from skerry_hub.balance.problem import Assignment, Ints, Problem, value
from skerry_hub.balance.solve import Effort, Status, solve
from skerry_hub.rebalance.emptying import empty, least_open
from skerry_hub.rebalance.evenness import UNIT, Evenness, with_fillers
from skerry_hub.rebalance.levelling import level
from skerry_hub.rebalance.picture import Picture

ITEMS_PER_S = 2_000
"""That are moved one by one, cautiously."""
LOOKS_PER_S = 2_000_000
"""At places, for nodes that are emptied."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The most that is solved together; what is larger is solved in part.

    To `balance`: so many `steps` of nodes, and `places` that the kinds of items may have.
    """

    scope: Scope = dataclasses.field(default_factory=Scope)
    steps: int = 5_000
    places: int = 40_000


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


def search(picture: Picture, problem: Problem, effort: Effort, whole: Whole | None = None) -> Found:
    """Return the best assignment that is found, never worse than the present one."""
    whole = whole or Whole()
    if picture.evenness is not None:
        return _search_even(picture.evenness, problem, effort, whole)
    scope = whole.scope
    result = rebalance(problem, effort, scope)
    assignment, reached = result.assignment, result.value
    if len(problem.bins) > scope.nodes or len(problem.items) > scope.items:
        emptied = empty(problem, assignment, int(effort.time_s * LOOKS_PER_S))
        if value(problem, emptied) > reached:
            assignment, reached = emptied, value(problem, emptied)
    most = min(result.bound, -least_open(problem) - _least_losses(problem))
    return Found(
        assignment=assignment,
        bound=picture.base - max(most, reached),
        status="optimal" if most <= reached else result.status,
        seconds=result.seconds,
    )


def _least_losses(problem: Problem) -> int:
    return -sum(int(item.scores.max()) for item in problem.items)


def rates_of(problem: Problem) -> Floats:
    """Return what it costs at least to move one of each amount away from each bin, [B, R]."""
    found = np.full((len(problem.bins), len(problem.bins[0].capacity)), np.inf)
    for item in problem.items:
        rate = np.where(item.demand > 0, item.move_cost / np.maximum(item.demand, 1), np.inf)
        np.minimum(found[item.current], rate, out=found[item.current])
    return found


def _search_even(evenness: Evenness, problem: Problem, effort: Effort, whole: Whole) -> Found:
    used = Load(problem, problem.present).used
    bins = choose_bins(evenness, problem, used, whole)
    if len(bins) == len(problem.bins):
        result = solve(with_fillers(problem, evenness.fillers(range(len(bins)))), effort)
        assignment = result.assignment[: len(problem.items)]
        if result.status == "limit":
            assignment = levelled(evenness, problem, assignment, int(effort.time_s * ITEMS_PER_S))
        return Found(
            assignment=assignment,
            # What the fillers are not worth is what the nodes count.
            bound=len(bins) * UNIT - result.bound,
            status=result.status,
            seconds=result.seconds,
        )
    here = moved(problem, level(evenness, problem, int(effort.time_s * ITEMS_PER_S)))
    bins = choose_bins(evenness, here, Load(here, here.present).used, whole)
    return Found(
        assignment=search_part(evenness, here, bins, effort),
        bound=evenness.least(used, rates_of(problem)) + _least_losses(problem),
        status="limit",
        seconds=effort.time_s,
        nodes_left_out=len(problem.bins) - len(bins),
    )


def levelled(
    evenness: Evenness, problem: Problem, found: Assignment, most_items: int
) -> Assignment:
    """Return the best of what was found in time, and of single moves from there and from now."""

    def counted(assignment: Assignment) -> int:
        return evenness.loss(Load(problem, assignment).used) - value(problem, assignment)

    ways = [
        level(evenness, moved(problem, start), most_items) for start in (found, problem.present)
    ]
    return min((found, *ways), key=counted)


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


def choose_bins(evenness: Evenness, problem: Problem, used: Ints, whole: Whole) -> Ints:
    """Return the nodes that are solved: all, or the fullest and the emptiest, ascending."""
    kinds = len({(id(item.bins), id(item.scores)) for item in problem.items})
    most = max(2, min(whole.steps // evenness.steps, whole.places // max(1, kinds)))
    if len(problem.bins) <= most:
        return np.arange(len(problem.bins), dtype=np.int64)
    order = np.argsort(evenness.used(used), kind="stable")
    chosen = np.concatenate([order[: most - most // 2], order[-(most // 2) :]])
    return np.sort(chosen).astype(np.int64)
