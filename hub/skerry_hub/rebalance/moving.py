"""Moves done in the records, each only if the engine allows it now. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from skerry_hub.model import Assignment, Change, Decision, Workload
from skerry_hub.placement.assigning import assign
from skerry_hub.placement.constraints import MAX_TEXT, clip, refusals_of
from skerry_hub.placement.packing import device_costs
from skerry_hub.placement.session import Session
from skerry_hub.rebalance.records import Move
from skerry_hub.views import PlanView, Problem
from skerry_hub.work import RefusedError, Work, take_over

DETAIL = "rebalanced"


def move_all(work: Work, moves: Sequence[Move]) -> PlanView:
    """Do moves, one after the other. Raises RefusedError where one cannot be done any more.

    It cannot where its instance is not as it was planned, or its new node refuses it: with what
    else is there now, and the moves before it. Nothing is to be committed then.
    """
    return PlanView(changes=tuple(_move(work, one, f"moves[{at}]") for at, one in enumerate(moves)))


def _move(work: Work, move: Move, field: str) -> Change:
    one = work.draft.assignments.get(move.instance)
    kept = work.draft.workloads.get(move.workload)
    if one is None or kept is None or one.workload != move.workload:
        raise _stale(move, field, "there is no such instance of this workload any more")
    if one.node != move.source:
        raise _stale(move, field, f"it is on {one.node}, not on {move.source}")
    if one.revision != move.revision or kept.workload.revision != move.revision:
        raise _stale(move, field, "its workload has changed")
    if move.target == move.source:
        raise _stale(move, field, "it is there already")
    if kept.workload.mode == "global":
        raise _stale(move, field, "its workload has one instance on each node")
    before = work.draft.of_workload(move.workload)
    after = _placed(work, kept.workload, one, before, move, field)
    rest = tuple(other for other in before if other.id != one.id)
    change = Change(
        action="move",
        instance=one.id,
        workload=one.workload,
        node=after.node,
        detail=f"from {one.node}: {DETAIL}",
    )
    decision = Decision(workload=one.workload, assignments=(*rest, after), changes=(change,))
    take_over(work, before, decision)
    return change


def _placed(
    work: Work,
    workload: Workload,
    one: Assignment,
    before: Sequence[Assignment],
    move: Move,
    field: str,
) -> Assignment:
    """Return an instance as it is on its new node. Raises RefusedError where that refuses it."""
    columns = work.columns
    row = columns.row(move.target)
    if row is None:
        raise _stale(move, field, f"there is no node {move.target}")
    with columns.trial():
        columns.release(one)
        others = [other for other in before if other.id != one.id]
        session = Session(work.world, workload, one.revision, others)
        reasons = list(_reasons(session, row))
        if reasons:
            raise _stale(move, field, f"{move.target} does not take it: {'; '.join(reasons)}")
        costs = device_costs(work.world, workload, row)
        after = assign(columns, workload, one.revision, one.id, row, costs=costs)
    if after is None:
        raise AssertionError("the mask of devices and their choice disagree")
    return dataclasses.replace(after, priority=one.priority)


def _reasons(session: Session, row: int) -> Iterator[str]:
    if session.takes(row):
        return
    for name, refusal in refusals_of(session.columns, session.board.requirements, row):
        yield f"{name}: {refusal.text}"
    for name, refusal in session.term_refusals(row):
        yield f"{name}: {refusal.text}"


def _stale(move: Move, field: str, why: str) -> RefusedError:
    reason = f"the plan is stale: {move.instance} cannot move to {move.target}: {why}"
    return RefusedError(409, Problem(reason=clip(reason, MAX_TEXT), field=field))
