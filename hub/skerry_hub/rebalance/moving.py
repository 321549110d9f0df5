"""Moves done in the records, each only if the engine allows it now. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from skerry_hub.decisions import Asked, Question
from skerry_hub.jobs import why_finished
from skerry_hub.model import Assignment, Change, Decision, Workload
from skerry_hub.noting import note
from skerry_hub.placement.assigning import assign
from skerry_hub.placement.constraints import MAX_TEXT, clip, refusals_of
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
    changes = []
    for at, move in enumerate(moves):
        try:
            changes.append(_done(work, move))
        except RefusedError as refused:
            reason = clip(f"the plan is stale: {refused}", MAX_TEXT)
            raise RefusedError(409, Problem(reason=reason, field=f"moves[{at}]")) from None
    return PlanView(changes=tuple(changes))


def refused_of(work: Work, moves: Sequence[Move]) -> dict[int, str]:
    """Try moves, one after the other, and return why some cannot be done, by number.

    Nothing of it stays; who could not move is where it was for those after it.
    """
    found: dict[int, str] = {}
    tried = dataclasses.replace(work, draft=work.draft.base())
    with work.columns.trial():
        for at, move in enumerate(moves):
            try:
                _done(tried, move)
            except RefusedError as refused:
                found[at] = str(refused)
    return found


def _done(work: Work, move: Move) -> Change:
    """Do one move. Raises RefusedError, and changes nothing then."""
    work.draft.because("rebalance")
    why = other_than_planned(work, move)
    kept = work.draft.workloads.get(move.workload)
    if not why and kept is not None:
        try:
            return moved(work, kept.workload, move.instance, move.target)
        except RefusedError as refused:
            why = str(refused)
    reason = f"{move.instance} cannot move to {move.target}: {why}"
    raise RefusedError(409, Problem(reason=clip(reason, MAX_TEXT)))


def other_than_planned(work: Work, move: Move) -> str:
    """Say what of a move is not as it was planned, or nothing."""
    one = work.draft.assignments.get(move.instance)
    kept = work.draft.workloads.get(move.workload)
    if one is None or kept is None or one.workload != move.workload:
        return "there is no such instance of this workload any more"
    if one.node != move.source:
        return f"it is on {one.node}, not on {move.source}"
    if one.finished is not None:
        return f"a job, and {why_finished(one)}"
    if one.revision != move.revision or kept.workload.revision != move.revision:
        return "its workload has changed"
    if move.target == move.source:
        return "it is there already"
    if kept.workload.mode == "global":
        return "its workload has one instance on each node"
    return ""


def moved(work: Work, workload: Workload, instance: str, target: str) -> Change:
    """Move one instance of a workload to a node. Raises RefusedError where that refuses it."""
    first = len(work.draft.steps)
    before = work.draft.of_workload(workload.name)
    one = next((other for other in before if other.id == instance), None)
    row = work.columns.row(target)
    if one is None or row is None:
        missing = f"node {target}" if one is not None else f"instance {instance}"
        raise RefusedError(409, Problem(reason=f"there is no {missing}"))
    others = tuple(other for other in before if other.id != instance)
    after = _placed(work, workload, one, others, row)
    change = Change(
        action="move",
        instance=instance,
        workload=workload.name,
        node=target,
        detail=f"from {one.node}: {DETAIL}",
    )
    decision = Decision(workload=workload.name, assignments=(*others, after), changes=(change,))
    take_over(work, before, decision)
    asked = (Asked(workload=workload),)
    question = Question(method="move", wanted=asked, node=target, instance=instance)
    note(work, first, question, (change,))
    return change


def _placed(
    work: Work, workload: Workload, one: Assignment, others: Sequence[Assignment], row: int
) -> Assignment:
    """Return an instance as it is on its new node. Raises RefusedError where that refuses it."""
    columns = work.columns
    with columns.trial():
        columns.release(one)
        session = Session(work.world, workload, one.revision, others)
        reasons = list(_reasons(session, row))
        if reasons:
            target = columns.facts(row).id
            reason = f"{target} does not take it: {'; '.join(reasons)}"
            raise RefusedError(409, Problem(reason=clip(reason, MAX_TEXT)))
        after = assign(columns, workload, one.revision, one.id, row)
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
