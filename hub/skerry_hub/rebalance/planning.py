"""A plan of moves that make a fleet better, judged by the engine before it is offered. Pure."""

from __future__ import annotations

import dataclasses

from skerry_hub.balance.milp import GivenUp
from skerry_hub.balance.solve import Effort
from skerry_hub.rebalance.moving import refused_of
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.plan_view import view_of
from skerry_hub.rebalance.records import RebalanceRequest, RebalanceView
from skerry_hub.rebalance.solving import solved, without
from skerry_hub.work import Work

MOST_REFUSED = 20
"""Reasons of refused moves that a plan tells."""
MOST_CHECKED = 500
"""Moves that the engine is asked about for a plan; the rest when they are made."""
LOOKS = 4
"""How often the best is looked for without what was refused before."""
LEAST_S = 0.1
"""Time that is worth another look."""


class GivenUpError(Exception):
    """Nobody wants the plan any more."""


def plan(
    work: Work, request: RebalanceRequest, is_given_up: GivenUp | None = None
) -> RebalanceView:
    """Return the moves that make a fleet better, and how much better none can make it.

    The engine judges the first moves. Where it refuses some, by what is not modelled, the best
    without these is looked for in what is left of the time; the bound stays that of the first look,
    which knew of no refusal. Nothing of `work` is changed. Raises GivenUpError soon after
    `is_given_up` says so.
    """
    picture = picture_of(work, request.objective, request.move_cost_percent)
    problem = picture.problem
    if problem is None:
        return view_of(picture, None, request)
    best: RebalanceView | None = None
    bound: int | None = None
    reasons: dict[str, None] = {}
    banned: set[tuple[str, str]] = set()
    left_s = request.time_limit_s
    for _ in range(LOOKS):
        effort = Effort(time_s=left_s, is_given_up=is_given_up)
        done = solved(picture, without(picture, problem, banned), effort, request.wave)
        if is_given_up is not None and is_given_up():
            raise GivenUpError
        bound = done.found.bound if bound is None else bound
        done = dataclasses.replace(done, found=dataclasses.replace(done.found, bound=bound))
        moves = done.moves(MOST_CHECKED)
        refused = refused_of(work, moves)
        found = view_of(picture, done, request, refused)
        if best is None or _total(found) < _total(best):
            best = found
        reasons |= dict.fromkeys(refused.values())
        banned |= {(moves[number].workload, moves[number].target) for number in refused}
        left_s -= done.found.seconds
        if not refused or left_s < LEAST_S:
            break
    return dataclasses.replace(best or found, refused=tuple(reasons)[:MOST_REFUSED])


def _total(view: RebalanceView) -> float:
    return view.after + view.moves_cost
