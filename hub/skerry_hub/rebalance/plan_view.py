"""A plan as people and programs read it: its waves, what they gain, what is left to gain. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skerry_hub.balance.chains import Waves
from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import Problem
from skerry_hub.balance.solve import Status
from skerry_hub.balance.steps import Step
from skerry_hub.rebalance.picture import Picture
from skerry_hub.rebalance.records import Ended, RebalanceView, Wave
from skerry_hub.rebalance.solving import move_of
from skerry_hub.rebalance.tracked import Tracked
from skerry_wire import codec

UNITS = {
    "balance": "sum of the squares of the nodes' used shares",
    "pack": "nodes in use",
    "cost": "money an hour, of what may move",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What was found: waves of whole chains, and the bound of the first look, which ended as said.

    `left_out`: how many moves that would have been better yet are not in the waves, by why.
    """

    waves: Waves = ()
    bound: int
    status: Status
    seconds: float = 0.0
    nodes_left_out: int = 0
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)


def view_of(picture: Picture, problem: Problem | None, planned: Planned | None) -> RebalanceView:
    """Return a plan; one of nothing without a problem."""
    view = RebalanceView(
        objective=picture.objective,
        unit=UNITS[picture.objective],
        nodes=len(picture.nodes),
        pinned=picture.pinned,
    )
    if problem is None or planned is None:
        return view
    reached = Tracked(picture, problem)
    before = reached.loss
    waves = tuple(_wave(picture, reached, wave) for wave in planned.waves)
    total = reached.loss + reached.cost
    bound = min(planned.bound, total)
    left_out = planned.left_out if total > bound else {}
    unit = picture.unit
    return dataclasses.replace(
        view,
        waves=waves,
        before=before / unit,
        after=reached.loss / unit,
        moves_cost=reached.cost / unit,
        bound=bound / unit,
        gap=(total - bound) / unit,
        gap_percent=round(100 * (total - bound) / total, 4) if total else 0.0,
        ended=_ended(planned, total, left_out),
        seconds=round(planned.seconds, 3),
        instances=len(picture.moving),
        nodes_left_out=planned.nodes_left_out,
        moves_left_out=sum(left_out.values()),
        left_out=left_out,
        **_measures(picture, problem, reached.places),
    )


def _ended(planned: Planned, total: int, left_out: Mapping[str, int]) -> Ended:
    """Say why nothing better was found; a search that was through has left something out."""
    if total <= planned.bound:
        return "optimal"
    if planned.status == "within gap" and not left_out:
        return "within gap"
    return "left out" if planned.status != "limit" and left_out else "limit"


def outcome_of(waves: Sequence[Wave]) -> str:
    """Return the digest of a plan's moves, wave by wave; what each gains is no part of it."""
    moves = [
        [[move.instance, move.revision, move.source, move.target] for move in wave.moves]
        for wave in waves
    ]
    return hashlib.sha256(codec.pack(moves)).hexdigest()[:32]


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
