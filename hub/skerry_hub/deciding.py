"""One workload, or one gang, decided: placed, with room made for what is more important. Pure.

A gang is the workloads of one project that name the same one: all of their replicas are placed, or
none that is not there already.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

from skerry_hub.decisions import Asked, Question
from skerry_hub.model import Assignment, Change, Decision, Explanation, Workload
from skerry_hub.noting import note
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.explain import explain
from skerry_hub.placement.preemption import preemption
from skerry_hub.sequence import sequence
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work, take_over

NEAREST = 20
"""Most nodes whose reasons a plan holds for a workload that fits nowhere, the nearest misses."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A workload to be decided about; `keep` (nothing of it moves) and `limits` as in `place`."""

    workload: Workload
    keep: bool
    limits: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided about some workloads: the steps, and why some found no place."""

    changes: tuple[Change, ...] = ()
    unplaced: tuple[Explanation, ...] = ()


def grouped(wanted: Iterable[Wanted]) -> list[list[Wanted]]:
    """Return workloads in the order of deciding, those of a gang together."""
    by_name = {one.workload.name: one for one in wanted}
    names = sequence([one.workload for one in by_name.values()])
    return [[by_name[name] for name in group] for group in names]


def completed(work: Work, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Return workloads with the others of their gangs, of which nothing moves."""
    named = {one.workload.name for one in wanted}
    gangs = {
        (one.workload.project, one.workload.placement.gang)
        for one in wanted
        if one.workload.placement.gang
    }
    if not gangs:
        return list(wanted)
    others = [
        Wanted(kept.workload, keep=True)
        for kept in work.draft.workloads.values()
        if (kept.workload.project, kept.workload.placement.gang) in gangs
        and kept.workload.name not in named
    ]
    return [*wanted, *others]


def decide(work: Work, wanted: Sequence[Wanted], *, may_preempt: bool) -> Outcome:
    """Decide about workloads, gangs as a whole, and carry that into the draft.

    With `may_preempt` (an operator asked) instances of lower priority end where nothing else helps,
    and are placed anew elsewhere.
    """
    changes: list[Change] = []
    unplaced: dict[str, Explanation] = {}
    for group in grouped(completed(work, wanted)):
        first = len(work.draft.steps)
        if group[0].workload.placement.gang:
            found = _gang(work, group)
        else:
            found = _single(work, group[0], may_preempt=may_preempt)
        note(work, first, _question(group, may_preempt), found.changes, found.unplaced)
        changes += found.changes
        # Who ended for another before is told once, as it is now.
        told = {one.workload: one for one in found.unplaced}
        for name in (*(one.workload.name for one in group), *told):
            unplaced.pop(name, None)
        unplaced |= told
    return Outcome(tuple(changes), tuple(unplaced.values()))


def _question(group: Sequence[Wanted], may_preempt: bool) -> Question:
    wanted = tuple(Asked(workload=one.workload, keep=one.keep, limits=one.limits) for one in group)
    return Question(method="decide", wanted=wanted, may_preempt=may_preempt)


def _single(work: Work, one: Wanted, *, may_preempt: bool) -> Outcome:
    decision = _place(work, one.workload, keep=one.keep, limits=one.limits)
    changes = list(decision.changes)
    unplaced: list[Explanation] = []
    if decision.unplaced and may_preempt:
        decision, more, bereft = _preempt(work, one.workload, decision)
        changes += more
        unplaced += (explained(work, left) for left in bereft)
    if decision.unplaced:
        unplaced.insert(0, explained(work, one.workload))
    return Outcome(tuple(changes), tuple(unplaced))


def _place(work: Work, workload: Workload, *, keep: bool, limits: Collection[str] = ()) -> Decision:
    before = work.draft.of_workload(workload.name)
    decision = place(work.world, workload, before, keep=keep, limits=limits)
    _check_ids(work, decision)
    take_over(work, before, decision)
    return decision


def _check_ids(work: Work, decision: Decision) -> None:
    """Raise RefusedError where an instance would have the id of another workload's."""
    for one in decision.assignments:
        other = work.draft.assignments.get(one.id)
        if other is not None and other.workload != decision.workload:
            # `a-b` on node `1` and the second replica of `a-b`: one must not overwrite the other.
            both = f"{decision.workload} and {other.workload}"
            reason = f"{both} would both have an instance {one.id}: rename one of the two"
            raise RefusedError(409, Problem(reason=reason))


# --- priority -----------------------------------------------------------------------------


def _preempt(
    work: Work, workload: Workload, decision: Decision
) -> tuple[Decision, list[Change], list[Workload]]:
    """Make room for what is unplaced.

    Return what is so now, the steps, and the workloads of which something found no other place.
    """
    left_over: list[Workload] = []
    steps: dict[str, Change] = {}
    bereft: set[str] = set()
    created: list[Change] = []
    while decision.unplaced:
        found = preemption(work.world, workload)
        if found is None:
            break
        for one in found.victims:
            _end(work, one)
            bereft.add(one.workload)
            detail = f"for {workload.name}, of priority {workload.placement.priority}"
            steps[one.id] = _removed(one, f"{detail} over {one.priority}")
        again = _place(work, workload, keep=True)
        created += [change for change in again.changes if change.action == "create"]
        # What keeps a global workload off for good is not counted as unplaced, but may have ended.
        if len(again.assignments) <= len(decision.assignments):
            raise AssertionError(f"room was made for {workload.name}, and it was not placed")
        decision = again
    for name in sorted(bereft):
        kept = work.draft.workloads.get(name)
        if kept is None:
            continue
        again = _place(work, kept.workload, keep=True)
        if again.unplaced:
            left_over.append(kept.workload)
        for change in again.changes:
            if change.action != "create":
                continue
            left = steps.get(change.instance)
            if left is None:
                created.append(change)
                continue
            detail = f"from {left.node}: {left.detail}"[:1024]
            steps[change.instance] = dataclasses.replace(change, action="move", detail=detail)
    return decision, [*steps.values(), *created], left_over


def _end(work: Work, one: Assignment) -> None:
    work.columns.release(one)
    work.draft.assignments.remove(one.id)
    work.draft.touched.add(one.node)


def _removed(one: Assignment, why: str) -> Change:
    return Change(
        action="remove", instance=one.id, workload=one.workload, node=one.node, detail=why[:1024]
    )


# --- gangs --------------------------------------------------------------------------------


def _gang(work: Work, group: Sequence[Wanted]) -> Outcome:
    """Decide about a gang: place all, or nothing that is not there already."""
    decisions: list[tuple[Workload, tuple[Assignment, ...], Decision]] = []
    with work.columns.trial():
        for one in group:
            before = work.draft.of_workload(one.workload.name)
            decision = place(work.world, one.workload, before, keep=one.keep, limits=one.limits)
            _check_ids(work, decision)
            reserve_decision(work.columns, before, decision)
            decisions.append((one.workload, before, decision))
    short = [
        f"{workload.name} finds no place for {decision.unplaced}"
        for workload, _, decision in decisions
        if decision.unplaced
    ]
    if not short:
        for _, before, decision in decisions:
            take_over(work, before, decision)
        return Outcome(tuple(change for _, _, one in decisions for change in one.changes))
    changes: list[Change] = []
    unplaced: list[Explanation] = []
    for workload, _, _ in decisions:
        before = work.draft.of_workload(workload.name)
        # What is there stays, with its newest content; what is missing goes on missing.
        fewer = dataclasses.replace(workload, replicas=min(workload.replicas, len(before)))
        held = place(work.world, fewer, before, keep=True)
        take_over(work, before, held)
        changes += held.changes
        if workload.mode == "global" or len(held.assignments) < workload.replicas:
            note = f"gang {workload.placement.gang}: {', '.join(short)}"
            found = explained(work, workload)
            unplaced.append(dataclasses.replace(found, note=note[:1024]))
    return Outcome(tuple(changes), tuple(unplaced))


def explained(work: Work, workload: Workload) -> Explanation:
    """Return why a workload finds no more nodes."""
    before = work.draft.of_workload(workload.name)
    return explain(work.world, workload, before, most=NEAREST)
