"""A fleet's picture solved, and its moves in waves: the plan that people read. Pure.

Every wave leaves a valid placement. A move that would have to end an instance before it starts
elsewhere is left out, and so are moves at the end that only together with those would gain.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from skerry_hub.balance.load import Load
from skerry_hub.balance.milp import GivenUp
from skerry_hub.balance.problem import NOWHERE, Assignment, Ints, Problem, score_at
from skerry_hub.balance.solve import Effort
from skerry_hub.balance.steps import Step, safe_steps
from skerry_hub.rebalance.evenness import UNIT
from skerry_hub.rebalance.levelling import shares_of
from skerry_hub.rebalance.moving import refused_of
from skerry_hub.rebalance.picture import Picture, picture_of
from skerry_hub.rebalance.records import MAX_MOVES, Move, RebalanceRequest, RebalanceView, Wave
from skerry_hub.rebalance.search import Found, loss, search
from skerry_hub.rebalance.tracked import Tracked
from skerry_hub.work import Work
from skerry_wire import codec

MOST_REFUSED = 20
"""Reasons of refused moves that a plan tells."""
MOST_CHECKED = 500
"""Moves that the engine is asked about for a plan; the rest when they are made."""
LOOKS = 4
"""How often the best is looked for without what was refused before."""
LEAST_S = 0.1
"""Time that is worth another look."""
UNITS = {
    "balance": "sum of the squares of the nodes' used shares",
    "pack": "nodes in use",
    "cost": "money an hour, of what may move",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A picture with the best that was found, and the steps to it; `problem` is the picture's."""

    picture: Picture
    problem: Problem
    found: Found
    steps: tuple[tuple[Step, ...], ...]

    def moves(self, most: int) -> tuple[Move, ...]:
        """Return the first moves, so many at most; what each gains is not told yet."""
        steps = itertools.islice(itertools.chain(*self.steps), most)
        return tuple(_move(self.picture, step) for step in steps)


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
        done = solved(picture, without(picture, problem, banned), request, effort)
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


def without(picture: Picture, problem: Problem, banned: Collection[tuple[str, str]]) -> Problem:
    """Return a problem in which no instance of a workload comes to a node, by their names."""
    if not banned:
        return problem
    number = {node: at for at, node in enumerate(picture.nodes)}
    barred: dict[str, list[int]] = {}
    for workload, node in sorted(banned):
        barred.setdefault(workload, []).append(number[node])
    known: dict[tuple[int, int, str, int], tuple[Ints, Ints]] = {}
    items = []
    for one, item in zip(picture.moving, problem.items, strict=True):
        bins = barred.get(one.workload)
        if bins is None:
            items.append(item)
            continue
        # Equal items go on sharing their places.
        own = item.current if item.current in bins else NOWHERE
        key = id(item.bins), id(item.scores), one.workload, own
        if key not in known:
            stays = ~np.isin(item.bins, [at for at in bins if at != own])
            known[key] = item.bins[stays], item.scores[stays]
        places, scores = known[key]
        items.append(dataclasses.replace(item, bins=places, scores=scores))
    return dataclasses.replace(problem, items=items)


def solved(
    picture: Picture, problem: Problem, request: RebalanceRequest, effort: Effort | None = None
) -> Solved:
    """Return the best that is found with an effort; without one in the time of the request."""
    found = search(picture, problem, effort or Effort(time_s=request.time_limit_s))
    gains = _gains(picture, problem, found.assignment)
    steps = safe_steps(problem, found.assignment, request.wave, may_stop=False, gains=gains)
    return Solved(picture=picture, problem=problem, found=found, steps=steps.waves)


def view_of(
    picture: Picture,
    done: Solved | None,
    request: RebalanceRequest,
    refused: Mapping[int, str] | None = None,
) -> RebalanceView:
    """Return a plan. `refused` are moves by number that the engine does not allow: left out."""
    view = RebalanceView(
        objective=picture.objective,
        unit=UNITS[picture.objective],
        nodes=len(picture.nodes),
        pinned=picture.pinned,
    )
    if done is None:
        return view
    problem, found, refused = done.problem, done.found, refused or {}
    steps = _allowed(done.steps, refused)
    most = MAX_MOVES if request.max_moves is None else request.max_moves
    waves, reached = _waves(picture, problem, steps, most)
    missed = int((np.array(reached.places) != np.array(found.assignment)).sum())
    before, after = loss(picture, problem, problem.present), reached.loss
    total = after + reached.cost
    bound = min(found.bound, total)
    within = found.status == "within gap" and not missed
    unit = picture.unit
    return dataclasses.replace(
        view,
        waves=waves,
        before=before / unit,
        after=after / unit,
        moves_cost=reached.cost / unit,
        bound=bound / unit,
        gap=(total - bound) / unit,
        gap_percent=round(100 * (total - bound) / total, 4) if total else 0.0,
        ended="optimal" if total == bound else "within gap" if within else "limit",
        seconds=round(found.seconds, 3),
        instances=len(picture.moving),
        nodes_left_out=found.nodes_left_out,
        moves_left_out=missed,
        **_measures(picture, problem, reached.places),
    )


def outcome_of(waves: Sequence[Wave]) -> str:
    """Return the digest of a plan's moves, wave by wave; what each gains is no part of it."""
    moves = [
        [[move.instance, move.revision, move.source, move.target] for move in wave.moves]
        for wave in waves
    ]
    return hashlib.sha256(codec.pack(moves)).hexdigest()[:32]


def _allowed(steps: Sequence[Sequence[Step]], refused: Mapping[int, str]) -> list[list[Step]]:
    """Return the waves without the refused moves, and without what then is not where it was."""
    numbers = itertools.count()
    held: set[int] = set()
    found = []
    for wave in steps:
        kept = []
        for step in wave:
            if next(numbers) in refused or step.item in held:
                held.add(step.item)
                continue
            kept.append(step)
        if kept:
            found.append(kept)
    return found


def _waves(
    picture: Picture, problem: Problem, steps: Sequence[Sequence[Step]], max_moves: int
) -> tuple[tuple[Wave, ...], Tracked]:
    """Return the waves up to where everything counts least, and how everything is then.

    Any part of a wave is as valid as all of it: nobody in it waits for another.
    """
    left = max_moves
    cut: list[Sequence[Step]] = []
    for wave in steps:
        part = wave[:left]
        if not part:
            break
        cut.append(part)
        left -= len(part)
    tracked = Tracked(picture, problem)
    totals = [tracked.loss]
    for wave in cut:
        for step in wave:
            tracked.move(step.item, step.target)
        totals.append(tracked.loss + tracked.cost)
    best = min(range(len(totals)), key=totals.__getitem__)
    reached = Tracked(picture, problem)
    return tuple(_wave(picture, reached, wave) for wave in cut[:best]), reached


def _wave(picture: Picture, reached: Tracked, steps: Sequence[Step]) -> Wave:
    moves = tuple(
        dataclasses.replace(
            _move(picture, step), gain=reached.move(step.item, step.target) / picture.unit
        )
        for step in steps
    )
    return Wave(moves=moves, gain=sum(move.gain for move in moves))


def _move(picture: Picture, step: Step) -> Move:
    one = picture.moving[step.item]
    return Move(
        instance=one.id,
        workload=one.workload,
        revision=one.revision,
        source=picture.nodes[step.source],
        target=picture.nodes[step.target],
    )


def _gains(picture: Picture, problem: Problem, target: Assignment) -> list[float]:
    """Return about what each move gains by itself: who gains most goes first.

    An item's part in emptying its node is as large as it has few companions to leave with.
    """
    load = Load(problem, problem.present)
    opening = np.array([one.open_cost for one in problem.bins], np.int64)
    emptied = np.ones(len(problem.bins), np.bool_)
    emptied[[place for place in target if place != NOWHERE]] = False
    parts = np.where(emptied, opening / np.maximum(load.inside, 1), 0.0)
    shares = None if picture.evenness is None else shares_of(picture.evenness, load.used)
    found = []
    for item, place in zip(problem.items, target, strict=True):
        gain = float(score_at(item, place) - score_at(item, item.current))
        gain += float(parts[item.current])
        if shares is not None and place != item.current:
            gain += UNIT * float(shares[item.current] - shares[place])
        found.append(gain)
    return found


def _measures(picture: Picture, problem: Problem, places: Sequence[int]) -> dict[str, Any]:
    """Return what people look at beside the objective, before and after."""
    found: dict[str, Any] = {}
    for word, assignment in (("before", problem.present), ("after", tuple(places))):
        load = Load(problem, assignment)
        found[f"nodes_used_{word}"] = int(((load.inside + picture.occupied) > 0).sum())
        reserved = load.used[:, : picture.totals.shape[1]] + picture.kept
        known = picture.totals > 0
        share = np.where(known, reserved / np.maximum(picture.totals, 1), 0.0)
        found[f"fullest_{word}_percent"] = round(100 * float(share.max(initial=0.0)), 2)
    return found
