"""A plan that was made before, looked at again before its moves are made. Pure.

A fleet changes all the time, and most of it is nothing to a plan. It is **stale** where a move
cannot be made any more, or where the moves together do not gain what they did.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from skerry_hub.balance.problem import ProblemError
from skerry_hub.placement.constraints import MAX_TEXT, clip
from skerry_hub.rebalance.moving import other_than_planned, refused_of
from skerry_hub.rebalance.picture import Picture, picture_of
from skerry_hub.rebalance.plan_view import outcome_of
from skerry_hub.rebalance.planning import MOST_CHECKED
from skerry_hub.rebalance.records import CheckRequest, CheckView, Move, Wave
from skerry_hub.rebalance.tracked import Tracked
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work

LOST_PERCENT = 5
"""A plan whose moves gain by so much less is stale; round-trip times alone change that little."""
MOST_TOLD = 10


def check(work: Work, request: CheckRequest, inputs: str, changes: Iterable[str] = ()) -> CheckView:
    """Return how far a plan was carried out, and what is left to gain.

    `inputs` is the digest of what there is now, `changes` what changed since the plan was made, in
    words. Raises RefusedError where it is stale, or is no plan of the hub.
    """
    if outcome_of(request.waves) != request.basis.outcome:
        reason = "the moves are not those that were planned"
        raise RefusedError(400, Problem(reason=reason, field="basis.outcome"))
    planned = _gain_of(request.waves)
    if inputs == request.basis.inputs:
        return CheckView(gain=planned, planned_gain=planned)
    done = _done(work, request.waves, changes)
    waves = request.waves[done:]
    planned = _gain_of(waves)
    if not waves:
        return CheckView(waves_done=done)
    moves = [move for wave in waves for move in wave.moves]
    refused = refused_of(work, moves[:MOST_CHECKED])
    if refused:
        raise _stale(refused.values(), changes)
    picture = picture_of(work, request.objective, request.move_cost_percent)
    gain, cost = _worth(picture, moves, changes)
    if gain < planned * (1 - LOST_PERCENT / 100) or gain <= cost:
        unit = f"{gain:.4g} now, and cost {cost:.4g}; as planned they gain {planned:.4g}"
        raise _stale([f"its moves gain {unit}"], changes)
    return CheckView(waves_done=done, gain=gain, planned_gain=planned)


def _gain_of(waves: Sequence[Wave]) -> float:
    return sum(move.gain for wave in waves for move in wave.moves)


def _done(work: Work, waves: Sequence[Wave], changes: Iterable[str]) -> int:
    """Return how many waves are done: after them everything is where it is. Raises RefusedError."""
    found, astray, now = None, set(), dict[str, str]()
    for move in itertools.chain.from_iterable(wave.moves for wave in waves):
        if move.instance not in now:
            one = work.draft.assignments.get(move.instance)
            now[move.instance] = "" if one is None else one.node
            if now[move.instance] != move.source:
                astray.add(move.instance)
    for number in range(len(waves) + 1):
        if number:
            for move in waves[number - 1].moves:
                if now[move.instance] == move.target:
                    astray.discard(move.instance)
                else:
                    astray.add(move.instance)
        if not astray:
            found = number
    if found is not None:
        return found
    first = {move.instance: move for wave in reversed(waves) for move in reversed(wave.moves)}
    moves = [first[name] for name in sorted(first)]
    raise _stale(_reasons(work, moves), changes)


def _reasons(work: Work, moves: Iterable[Move]) -> Iterator[str]:
    for move in moves:
        why = other_than_planned(work, move)
        if why:
            yield f"{move.instance} cannot move to {move.target}: {why}"


def _worth(picture: Picture, moves: Sequence[Move], changes: Iterable[str]) -> tuple[float, float]:
    """Return what moves gain as the fleet is now, and what they cost. Raises RefusedError."""
    problem = picture.problem
    if problem is None:
        raise _stale(["nothing may move any more"], changes)
    items = {one.id: at for at, one in enumerate(picture.moving)}
    bins = {node: at for at, node in enumerate(picture.nodes)}
    tracked = Tracked(picture, problem)
    gain = 0
    for move in moves:
        why = ""
        item, target = items.get(move.instance), bins.get(move.target)
        if item is None:
            why = "it may not move now"
        elif target is None:
            why = "the node is not online, or is held"
        else:
            try:
                gain += tracked.move(item, target)
            except ProblemError:
                why = "the node does not take it now"
        if why:
            raise _stale([f"{move.instance} cannot move to {move.target}: {why}"], changes)
    return gain / picture.unit, tracked.cost / picture.unit


def _stale(reasons: Iterable[str], changes: Iterable[str]) -> RefusedError:
    told = [
        *(("basis.outcome", one) for one in itertools.islice(reasons, MOST_TOLD)),
        *(("basis.inputs", one) for one in changes),
    ]
    return RefusedError(
        409,
        *(
            Problem(reason=clip(f"the plan is stale: {one}", MAX_TEXT), field=field)
            for field, one in told
        ),
    )
