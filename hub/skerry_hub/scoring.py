"""The scores of what a plan creates and moves: each node's as the choice fell on it. Pure.

What was decided is done again step by step, in the order in which it was decided, on the fleet as
it was before. It takes time for each step, so that only plans have it, and of so many steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from skerry_hub.model import Assignment, Change, Workload
from skerry_hub.placement.outcome import index_of
from skerry_hub.placement.scored import scores_of
from skerry_hub.placement.session import Session
from skerry_hub.state import Draft, Kept
from skerry_hub.views import PlanView
from skerry_hub.work import Work

MOST_SCORED = 1000
"""Steps of a plan that are scored, the first ones by workload and instance."""
_SCORED = ("create", "move")
Scored = dict[tuple[str, str], Change]
"""Steps with their scores, by instance and action."""


def with_scores(
    before: Work, after: Draft, workloads: Sequence[Workload], plan: PlanView
) -> PlanView:
    """Return a plan with the scores of its steps.

    `before` is as nothing were decided yet, but for the documents of the plan; its draft is
    changed. `after` is the draft that has the plan's outcome.
    """
    scored: Scored = {}
    named = {one.name for one in workloads}
    others = sorted({one.workload for one in plan.changes} - named - set(plan.removed))
    with before.columns.trial():
        for name in plan.removed:
            _take_over(before, before.draft.of_workload(name), ())
            before.draft.workloads.remove(name)
        for name in others:
            # What ends for more important ones ends before these are placed.
            there = before.draft.of_workload(name)
            kept = {one.id: one for one in after.of_workload(name)}
            _take_over(before, there, [one for one in there if kept.get(one.id) == one])
        found = (before.draft.workloads.get(name) for name in others)
        more = [kept.workload for kept in found if kept is not None]
        for workload in (*sorted(workloads, key=lambda one: one.name), *more):
            if len(scored) >= MOST_SCORED:
                break
            steps = [one for one in plan.changes if one.workload == workload.name]
            _Replay(before, workload, after.of_workload(workload.name)).score(steps, scored)
    changes = tuple(scored.get((one.instance, one.action), one) for one in plan.changes)
    return dataclasses.replace(plan, changes=changes)


class _Replay:
    """One workload's steps, done again."""

    def __init__(self, work: Work, workload: Workload, after: Sequence[Assignment]) -> None:
        self._work, self._workload = work, workload
        self._after: Mapping[str, Assignment] = {one.id: one for one in after}
        self._before = work.draft.of_workload(workload.name)

    def score(self, steps: Sequence[Change], scored: Scored) -> None:
        """Add the steps with their scores; leave the work as it is after them."""
        work, columns = self._work, self._work.columns
        kept = Kept(workload=self._workload, created_at=work.now, updated_at=work.now)
        work.draft.workloads.put(self._workload.name, kept)
        coming = {one.instance for one in steps if one.action in _SCORED}
        staying = [one for name, one in self._after.items() if name not in coming]
        _take_over(work, self._before, staying)
        placed = [one for one in sorted(steps, key=self._turn) if one.instance in self._after]
        placed = [one for one in placed if one.action in _SCORED]
        if not placed:
            return
        session = Session(work.world, self._workload, self._workload.revision, staying)
        for step in placed:
            one = self._after[step.instance]
            row = columns.row(one.node)
            if row is not None and len(scored) < MOST_SCORED:
                (score,) = scores_of(session, np.array([row], dtype=np.intp))
                scored[step.instance, step.action] = dataclasses.replace(
                    step, score=score.total, scores=score.parts
                )
            columns.reserve(one)
            work.draft.assignments.put(one.id, one)
            if row is not None:
                session.placed(row)

    def _turn(self, step: Change) -> tuple[bool, bool, int, str]:
        """Return when a step was decided: those that leave a node, then new ones, by index."""
        index = index_of(self._workload.name, step.instance)
        return step.action != "move", index is None, index or 0, step.instance


def _take_over(work: Work, before: Sequence[Assignment], after: Sequence[Assignment]) -> None:
    """Put some assignments of a workload in the place of others."""
    for one in before:
        work.columns.release(one)
        work.draft.assignments.remove(one.id)
    for one in after:
        work.columns.reserve(one)
        work.draft.assignments.put(one.id, one)
