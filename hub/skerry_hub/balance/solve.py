"""The best assignment that can be found in a given time, and how far the best there is can be.

Every answer has a bound that no assignment exceeds, however early the search ended. Pure, and the
same for the same problem, but for the time limit: a search that it ends has got as far as the
machine was quick. With `nodes` as the limit and time enough, the answer is the same everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from skerry_hub.balance import bound
from skerry_hub.balance.bound import Relaxed
from skerry_hub.balance.groups import Groups, gather
from skerry_hub.balance.improve import improve
from skerry_hub.balance.load import holds
from skerry_hub.balance.milp import GivenUp, Program
from skerry_hub.balance.problem import Assignment, Ints, Problem, ProblemError, value

MAX_COLUMNS = 5_000_000
"""Places of groups: beyond, the bound alone takes minutes. `neighbourhood` makes it smaller."""
LINEAR_COLUMNS = 60_000
"""Of the linear program that finds prices."""
SEARCH_COLUMNS = 20_000
"""Of the exact search: those that the prices say are most likely to be needed."""
ROUNDS = 3
"""Linear programs at most, each with the columns that the prices of the one before ask for."""
SOLVER_SHARE = 0.7
"""Of the time, for HiGHS. The rest is for what is counted here, not timed, in cautious rates."""
COLUMNS_PER_S = 2e6
"""That subgradient steps go through."""
TRIALS_PER_S = 2_000
"""Of pushing an item aside."""

Status = Literal["optimal", "within gap", "limit"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """When a search ends: at the time limit of the solver, at a gap, or after so many nodes.

    `columns`: how many places that are not in use are searched; the bound is of all of them. The
    solver asks `is_given_up` now and then, and ends once it says so: nobody wants the result.
    """

    time_s: float = 30.0
    gap_percent: float = 0.0
    nodes: int | None = None
    columns: int = SEARCH_COLUMNS
    is_given_up: GivenUp | None = None

    def __post_init__(self) -> None:
        if not 0 < self.time_s <= 86_400:
            raise ProblemError(f"time_s {self.time_s} is not above 0 and at most a day")
        if not 0 <= self.gap_percent <= 100:
            raise ProblemError(f"gap_percent {self.gap_percent} is not from 0 to 100")
        if self.nodes is not None and self.nodes < 0:
            raise ProblemError(f"nodes {self.nodes} is negative")
        if self.columns < 0:
            raise ProblemError(f"columns {self.columns} is negative")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The best assignment found, never worth less than the present one.

    `bound`: no assignment is worth more. `seconds` are the solver's own.
    """

    assignment: Assignment
    value: int
    present: int
    bound: int
    status: Status
    seconds: float = 0.0

    @property
    def gap(self) -> int:
        """What is at most left to gain, in scores."""
        return self.bound - self.value

    @property
    def gap_percent(self) -> float:
        """What is at most left to gain, of the bound."""
        return 100 * self.gap / max(abs(self.bound), 1)


def solve(problem: Problem, effort: Effort) -> Result:
    """Return the best assignment found, and a proven bound.

    Raises ProblemError for a problem of more than MAX_COLUMNS places of groups.
    """
    groups = gather(problem)
    if len(groups.group) > MAX_COLUMNS:
        raise ProblemError(f"{len(groups.group)} places of groups: more than {MAX_COLUMNS}")
    trials = int(effort.time_s / 10 * TRIALS_PER_S)
    best = improve(groups, problem.present, trials)
    reached = value(problem, best)
    if not len(groups.group):
        return _result(problem, best, 0.0, 0.0, effort)
    relaxed, seconds = price(groups, reached, effort.time_s, effort.is_given_up)
    if relaxed.bound - reached < 1:
        return _result(problem, best, relaxed.bound, seconds, effort)
    start = groups.count(best)
    columns = _choose(groups, relaxed, start, effort.columns)
    answer = Program(groups, columns, effort.is_given_up).solve(
        start, effort.time_s * SOLVER_SHARE - seconds, effort.gap_percent / 100, effort.nodes
    )
    best = _better(groups, best, answer.count, trials)
    limit = min(relaxed.bound, max(answer.bound, _without(relaxed, columns)))
    return _result(problem, best, limit, seconds + answer.seconds, effort)


def price(
    groups: Groups, reached: int, time_s: float, is_given_up: GivenUp | None = None
) -> tuple[Relaxed, float]:
    """Return the relaxation at prices that make its bound low, and the solver's seconds.

    Of a problem too large for one linear program: by subgradient steps, then by linear programs of
    the columns that matter at the prices so far. `reached` is the value of a known assignment.
    """
    small = len(groups.group) <= LINEAR_COLUMNS
    steps = 0 if small else int(min(100, time_s / 10 * COLUMNS_PER_S / len(groups.group)))
    best = bound.descend(groups, bound.free(groups), reached, steps)
    seconds = 0.0
    for _ in range(1 if small else ROUNDS):
        columns = _choose(groups, best, np.zeros_like(groups.now), LINEAR_COLUMNS)
        if len(columns) > 2 * LINEAR_COLUMNS or best.bound - reached < 1:
            break
        program = Program(groups, columns, is_given_up)
        found, took = program.relax((time_s * SOLVER_SHARE - seconds) / 2)
        seconds += took
        here = best if found is None else bound.relax(groups, found)
        if here.bound >= best.bound:
            break
        best = here
    return best, seconds


def _choose(groups: Groups, relaxed: Relaxed, start: Ints, most: int) -> Ints:
    """Return the columns that are in use, and those that cost least to use, ascending."""
    needed = (groups.now > 0) | (start > 0)
    others = np.flatnonzero(~needed & (groups.most > 0))
    if len(others) > most:
        others = others[np.argsort(relaxed.slack[others], kind="stable")[:most]]
    return np.union1d(np.flatnonzero(needed), others)


def _without(relaxed: Relaxed, columns: Ints) -> float:
    """Return what a solution can be worth at most that uses any other column."""
    left = np.ones(len(relaxed.slack), np.bool_)
    left[columns] = False
    return relaxed.bound - float(relaxed.slack[left].min(initial=np.inf))


def _better(groups: Groups, best: Assignment, count: Ints | None, trials: int) -> Assignment:
    """Return the better of two assignments, if the solver's one is what it says."""
    if count is None or (count > groups.most).any():
        return best
    found = groups.assign(count)
    if not holds(groups.problem, found) or groups.count(found).sum() != count.sum():
        return best
    found = improve(groups, found, trials)
    problem = groups.problem
    return found if value(problem, found) > value(problem, best) else best


def _result(
    problem: Problem, best: Sequence[int], limit: float, seconds: float, effort: Effort
) -> Result:
    reached = value(problem, best)
    most = max(bound.whole(limit), reached)
    result = Result(
        assignment=tuple(best),
        value=reached,
        present=value(problem, problem.present),
        bound=most,
        status="optimal",
        seconds=seconds,
    )
    if most == reached:
        return result
    within = result.gap_percent <= effort.gap_percent
    return dataclasses.replace(result, status="within gap" if within else "limit")
