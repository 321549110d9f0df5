"""A plan as people and programs read it: its waves, what they gain, and what is left to gain. Pure.

The waves end where everything counts least: moves at the end that only together with those that
are left out would gain are left out, too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import Problem
from skerry_hub.balance.steps import Step
from skerry_hub.rebalance.picture import Picture
from skerry_hub.rebalance.records import MAX_MOVES, RebalanceRequest, RebalanceView, Wave
from skerry_hub.rebalance.search import loss
from skerry_hub.rebalance.solving import Solved, move_of
from skerry_hub.rebalance.tracked import Tracked
from skerry_wire import codec

UNITS = {
    "balance": "sum of the squares of the nodes' used shares",
    "pack": "nodes in use",
    "cost": "money an hour, of what may move",
}


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
            move_of(picture, step), gain=reached.move(step.item, step.target) / picture.unit
        )
        for step in steps
    )
    return Wave(moves=moves, gain=sum(move.gain for move in moves))


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
