"""A plan of moves that make a fleet better, judged by the engine before it is offered. Pure.

The plan that is shown is the one that is made: what the best placement needs beyond it is left out
in whole chains, and the best is looked for again without.
"""

from __future__ import annotations

import dataclasses
import itertools

from skerry_hub.balance.chains import Waves
from skerry_hub.balance.groups import canonical
from skerry_hub.balance.milp import GivenUp
from skerry_hub.balance.neighbourhood import moved
from skerry_hub.balance.problem import Assignment, Problem
from skerry_hub.balance.solve import Effort
from skerry_hub.balance.steps import safe_steps
from skerry_hub.rebalance.choosing import chosen, total_of
from skerry_hub.rebalance.moving import refused_of
from skerry_hub.rebalance.picture import Picture, picture_of
from skerry_hub.rebalance.plan_view import Planned, view_of
from skerry_hub.rebalance.records import MAX_MOVES, RebalanceRequest, RebalanceView
from skerry_hub.rebalance.search import Found
from skerry_hub.rebalance.solving import Solved, moves_of, solved, without
from skerry_hub.rebalance.tracked import Tracked
from skerry_hub.work import Work

MOST_REFUSED = 20
"""Reasons of refused moves that a plan tells."""
MOST_CHECKED = 500
"""Moves that the engine is asked about for a plan; the rest when they are made."""
MOST_CHECKED_AGAIN = 2_000
"""Moves that the engine is asked about in all looks; there is none after them."""
LOOKS = 24
"""How often the best is looked for, without what was not possible before or from there on."""
LOOKS_ONWARD = 8
"""How often of these from the same moves on."""
LEAST_S = 0.1
"""Time that is worth another look."""


class GivenUpError(Exception):
    """Nobody wants the plan any more."""


def plan(
    work: Work, request: RebalanceRequest, is_given_up: GivenUp | None = None
) -> RebalanceView:
    """Return the moves that make a fleet better, and how much better none can make it.

    Where some of the best moves are refused by the engine or would need a stop, the best without
    these is looked for in what is left of the time, and then what is better yet from there; the
    bound stays that of the first look. The plan is of whole chains. Nothing of `work` is changed.
    Raises GivenUpError soon after `is_given_up` says so.
    """
    picture = picture_of(work, request.objective, request.move_cost_percent)
    problem = picture.problem
    if problem is None:
        return view_of(picture, None, None)
    planning = _Planning(work, picture, problem, request, is_given_up)
    view = view_of(picture, problem, planning.planned())
    return dataclasses.replace(view, refused=tuple(planning.reasons)[:MOST_REFUSED])


class _Planning:
    """Looks for a plan, one after the other, while there is time and reason to."""

    def __init__(
        self,
        work: Work,
        picture: Picture,
        problem: Problem,
        request: RebalanceRequest,
        is_given_up: GivenUp | None,
    ) -> None:
        self.work, self.picture, self.problem = work, picture, problem
        self.request, self.is_given_up = request, is_given_up
        self.tracked = Tracked(picture, problem)
        self.first: Found | None = None
        self.left_s = request.time_limit_s
        self.looks_left, self.checks_left = LOOKS, MOST_CHECKED_AGAIN
        self.reasons: dict[str, None] = {}
        self.left_out = {"stop": 0, "refused": 0}

    def planned(self) -> Planned:
        best: Waves = ()
        while self._may_look():
            onward = self._onward(best)
            if total_of(self.tracked, onward) >= total_of(self.tracked, best):
                break
            best = onward
            if not any(self.left_out.values()):
                break
        best = self._straight(best)
        most = MAX_MOVES if self.request.max_moves is None else self.request.max_moves
        whole = _count(best)
        if whole > most:
            best, _ = self._allowed(best, most)
        assert self.first is not None  # noqa: S101 - there is time for one look
        left_out = {"max moves": whole - _count(best) if whole > most else 0, **self.left_out}
        return Planned(
            waves=best,
            bound=self.first.bound,
            status=self.first.status,
            seconds=self.request.time_limit_s - self.left_s,
            nodes_left_out=self.first.nodes_left_out,
            left_out={why: number for why, number in left_out.items() if number},
        )

    def _onward(self, start: Waves) -> Waves:
        """Return the best moves that begin with some, which are made then, or these alone."""
        here = moved(self.problem, self._after(start))
        best, least = start, total_of(self.tracked, start)
        banned: set[tuple[str, str]] = set()
        for _ in range(LOOKS_ONWARD):
            if not self._may_look():
                break
            done = self._look(without(self.picture, here, banned))
            waves, refused = self._allowed((*start, *done.steps), MAX_MOVES)
            total = total_of(self.tracked, waves)
            if total < least:
                best, least = waves, total
            stops = {(item, done.found.assignment[item]) for item in done.left}
            self.left_out["stop"] = max(self.left_out["stop"], len(stops))
            self.left_out["refused"] = max(self.left_out["refused"], len(refused))
            if not stops | refused:
                break
            banned |= {
                (self.picture.moving[item].workload, self.picture.nodes[place])
                for item, place in stops | refused
            }
        return best

    def _straight(self, waves: Waves) -> Waves:
        """Return moves to the same places without the ways round, where that is possible."""
        items = [step.item for step in itertools.chain(*waves)]
        if len(set(items)) == len(items):
            return waves
        target = canonical(self.problem, self._after(waves))
        steps = safe_steps(self.problem, target, self.request.wave, may_stop=False)
        straight, _ = self._allowed(steps.waves, MAX_MOVES)
        totals = [total_of(self.tracked, one) for one in (straight, waves)]
        return straight if totals[0] < totals[1] else waves

    def _after(self, waves: Waves) -> Assignment:
        places = list(self.problem.present)
        for step in itertools.chain(*waves):
            places[step.item] = step.target
        return tuple(places)

    def _may_look(self) -> bool:
        if self.first is None:
            return True
        return self.looks_left > 0 and self.checks_left > 0 and self.left_s >= LEAST_S

    def _look(self, problem: Problem) -> Solved:
        effort = Effort(time_s=self.left_s, is_given_up=self.is_given_up)
        done = solved(self.picture, problem, effort, self.request.wave)
        if self.is_given_up is not None and self.is_given_up():
            raise GivenUpError
        self.first = self.first or done.found
        self.left_s -= done.found.seconds
        self.looks_left -= 1
        return done

    def _allowed(self, waves: Waves, most: int) -> tuple[Waves, set[tuple[int, int]]]:
        """Return the chains that are worth it and that the engine allows, and what it refuses."""
        found: set[tuple[int, int]] = set()
        waves = chosen(self.tracked, waves, most, self.request.wave)
        while waves and self.checks_left > 0:
            moves = moves_of(self.picture, waves, MOST_CHECKED)
            self.checks_left -= len(moves)
            refused = refused_of(self.work, moves)
            if not refused:
                break
            self.reasons |= dict.fromkeys(refused.values())
            steps = list(itertools.chain(*waves))
            found |= {(steps[number].item, steps[number].target) for number in refused}
            waves = chosen(self.tracked, waves, most, self.request.wave, refused)
        return waves, found


def _count(waves: Waves) -> int:
    return sum(len(wave) for wave in waves)
