"""A picture solved: the best placement found, and the safe steps to it. Pure.

Every wave leaves a valid placement. A move that would have to end an instance before it starts
elsewhere is left out.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection

import numpy as np

from skerry_hub.balance.chains import Waves
from skerry_hub.balance.groups import canonical
from skerry_hub.balance.load import Load
from skerry_hub.balance.problem import NOWHERE, Assignment, Ints, Problem, score_at
from skerry_hub.balance.solve import Effort
from skerry_hub.balance.steps import Step, safe_steps
from skerry_hub.rebalance.evenness import UNIT
from skerry_hub.rebalance.levelling import shares_of
from skerry_hub.rebalance.picture import Picture
from skerry_hub.rebalance.records import Move
from skerry_hub.rebalance.search import Found, search


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A picture with the best that was found, and the steps to it; `problem` is the picture's.

    `left` are the items that would have to stop to come to where they are best.
    """

    picture: Picture
    problem: Problem
    found: Found
    steps: Waves
    left: tuple[int, ...] = ()


def solved(picture: Picture, problem: Problem, effort: Effort, most_at_once: int) -> Solved:
    """Return the best that is found with an effort, in waves of so many steps at most."""
    found = search(picture, problem, effort)
    # Equal instances are placed by their number: who of them goes where is settled here alone.
    found = dataclasses.replace(found, assignment=canonical(problem, found.assignment))
    gains = _gains(picture, problem, found.assignment)
    steps = safe_steps(problem, found.assignment, most_at_once, may_stop=False, gains=gains)
    return Solved(picture=picture, problem=problem, found=found, steps=steps.waves, left=steps.left)


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


def moves_of(picture: Picture, waves: Waves, most: int) -> tuple[Move, ...]:
    """Return the first moves, so many at most; what each gains is not told yet."""
    steps = itertools.islice(itertools.chain(*waves), most)
    return tuple(move_of(picture, step) for step in steps)


def move_of(picture: Picture, step: Step) -> Move:
    """Return a step by the names of its instance and nodes; what it gains is not told yet."""
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
