"""One workload, or one gang, decided: placed, with room made for what is more important. Pure.

A gang is the workloads of one project that name the same one: all of their replicas are placed, or
none that is not there already. All of a global one is every node that would take it, had it enough
left. What is less important ends for a gang only where that places the whole of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from skerry_hub.decisions import Asked, Question
from skerry_hub.jobs import why_finished
from skerry_hub.loss import why_it_stays
from skerry_hub.model import Assignment, Change, Decision, Explanation, Workload
from skerry_hub.noting import note
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.explain import explain
from skerry_hub.placement.preemption import preemption
from skerry_hub.placement.turns import first_short, is_gradual, newest_in
from skerry_hub.sequence import sequence
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work, take_over

NEAREST = 20
"""Most nodes whose reasons a plan holds for a workload that fits nowhere, the nearest misses."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A workload to be decided about; `keep` (nothing of it moves) and the rest as in `place`."""

    workload: Workload
    keep: bool
    limits: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()


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
        found = _group(work, group, may_preempt=may_preempt)
        note(work, first, _question(group, may_preempt), found.changes, found.unplaced)
        changes += found.changes
        # Who ended for another before is told once, as it is now.
        told = {one.workload: one for one in found.unplaced}
        for name in (*(one.workload.name for one in group), *told):
            unplaced.pop(name, None)
        unplaced |= told
    return Outcome(tuple(changes), tuple(unplaced.values()))


def _question(group: Sequence[Wanted], may_preempt: bool) -> Question:
    wanted = tuple(
        Asked(workload=one.workload, keep=one.keep, limits=one.limits, turn=one.turn)
        for one in group
    )
    return Question(method="decide", wanted=wanted, may_preempt=may_preempt)


def _group(work: Work, group: Sequence[Wanted], *, may_preempt: bool) -> Outcome:
    if group[0].workload.placement.gang:
        return _gang(work, group, may_preempt=may_preempt)
    return _single(work, group[0], may_preempt=may_preempt)


def _single(work: Work, one: Wanted, *, may_preempt: bool) -> Outcome:
    decision = _place(work, one)
    changes = decision.changes
    bereft = Outcome()
    if decision.unplaced and may_preempt:
        decision, bereft = _preempt(work, one.workload, decision)
    unplaced = (_short(work, one.workload, decision),) if decision.unplaced else ()
    anew = {change.instance for change in bereft.changes if change.action in ("move", "replace")}
    changes = tuple(change for change in changes if change.instance not in anew)
    return Outcome((*changes, *bereft.changes), (*unplaced, *bereft.unplaced))


def _short(work: Work, workload: Workload, decision: Decision) -> Explanation:
    """Return why some found no node; those that wait for their turn and have one are none."""
    found = explained(work, workload)
    if workload.mode == "global":
        return found
    return dataclasses.replace(found, placed=found.wanted - decision.unplaced)


def _place(work: Work, one: Wanted) -> Decision:
    workload = one.workload
    before = work.draft.of_workload(workload.name)
    decision = place(
        work.world,
        workload,
        before,
        keep=one.keep,
        limits=one.limits,
        gradual=is_gradual(workload),
        turn=one.turn,
    )
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


def _preempt(work: Work, workload: Workload, decision: Decision) -> tuple[Decision, Outcome]:
    """Make room for what is unplaced; return what is so now, and what became of whom it ended."""
    ended: dict[str, Change] = {}
    created: list[Change] = []
    while decision.unplaced:
        first = first_short(workload, decision.assignments)
        with work.columns.trial():
            for one in first:
                work.columns.release(one)
            found = preemption(work.world, workload)
        if found is None:
            break
        for one in found.victims:
            _end(work, one)
            ended[one.id] = _removed(one, workload)
        turn = tuple(one.id for one in first)
        again = _place(work, Wanted(workload, keep=True, turn=turn))
        created += [change for change in again.changes if change.action != "keep"]
        _check_progress(workload, decision, again)
        decision = again
    return decision, _elsewhere(work, ended, created)


def _check_progress(workload: Workload, before: Decision, after: Decision) -> None:
    # What keeps a global workload off for good is not counted as unplaced, but may have ended.
    if len(newest_in(workload, after.assignments)) <= len(newest_in(workload, before.assignments)):
        raise AssertionError(f"room was made for {workload.name}, and it was not placed")


def _elsewhere(work: Work, ended: Mapping[str, Change], created: Iterable[Change]) -> Outcome:
    """Place anew what ended, of a gang all or none.

    Return these steps, with what was created for whom they ended, and who found no other place.
    """
    names = sorted({one.workload for one in ended.values()})
    kept = (work.draft.workloads.get(name) for name in names)
    wanted = [Wanted(one.workload, keep=True) for one in kept if one is not None]
    steps, more, unplaced = dict(ended), list(created), list[Explanation]()
    for group in grouped(completed(work, wanted)):
        found = _group(work, group, may_preempt=False)
        unplaced += found.unplaced
        for change in found.changes:
            if change.action != "create":
                continue
            left = steps.get(change.instance)
            if left is None:
                more.append(change)
                continue
            detail = f"from {left.node}: {left.detail}"[:1024]
            steps[change.instance] = dataclasses.replace(change, action="move", detail=detail)
    return Outcome((*steps.values(), *more), tuple(unplaced))


def _end(work: Work, one: Assignment) -> None:
    work.columns.release(one)
    work.draft.assignments.remove(one.id)
    work.draft.touched.add(one.node)


def _removed(one: Assignment, workload: Workload) -> Change:
    why = f"for {workload.name}, of priority {workload.placement.priority} over {one.priority}"
    return Change(
        action="remove", instance=one.id, workload=one.workload, node=one.node, detail=why[:1024]
    )


# --- gangs --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Member:
    """One of a gang: what it has, and what it would have."""

    workload: Workload
    before: tuple[Assignment, ...]
    decision: Decision
    created: tuple[Change, ...] = ()
    """What room was made for."""

    @property
    def wanted(self) -> int:
        """Return how many there should be, those that found no place with them."""
        return len(self.decision.assignments) + self.decision.unplaced


def _gang(work: Work, group: Sequence[Wanted], *, may_preempt: bool) -> Outcome:
    """Decide about a gang: place all, or nothing that is not there already."""
    members, ended = _tried(work, group, may_preempt=may_preempt)
    for one in members:
        _check_ids(work, one.decision)
    waits = _waits(members)
    if waits:
        return _held(work, members, waits)
    steps = {}
    for victim, of in ended:
        _end(work, victim)
        steps[victim.id] = _removed(victim, of)
    for one in members:
        take_over(work, one.before, one.decision)
    bereft = _elsewhere(work, steps, (change for one in members for change in one.created))
    changes = (change for one in members for change in one.decision.changes)
    return Outcome((*changes, *bereft.changes), bereft.unplaced)


def _tried(
    work: Work, group: Sequence[Wanted], *, may_preempt: bool
) -> tuple[list[_Member], list[tuple[Assignment, Workload]]]:
    """Return what each of a gang would get, and what would have to end for whom.

    Nothing is changed. A gang is as important as its least important one: so none of it ends for
    another.
    """
    names = {one.workload.name for one in group}
    priority = min(one.workload.placement.priority for one in group)
    members: list[_Member] = []
    ended: list[tuple[Assignment, Workload]] = []
    with work.columns.trial():
        for one in group:
            before = tuple(work.draft.of_workload(one.workload.name))
            decision = place(work.world, one.workload, before, keep=one.keep, limits=one.limits)
            reserve_decision(work.columns, before, decision)
            member = _Member(one.workload, before, decision)
            asking = _of_priority(one.workload, priority)
            while may_preempt and member.decision.unplaced:
                found = preemption(work.world, asking)
                if found is None or any(victim.workload in names for victim in found.victims):
                    break
                for victim in found.victims:
                    work.columns.release(victim)
                    ended.append((victim, asking))
                member = _with_room(work, member)
            members.append(member)
    return members, ended


def _of_priority(workload: Workload, priority: int) -> Workload:
    placement = dataclasses.replace(workload.placement, priority=priority)
    return dataclasses.replace(workload, placement=placement)


def _with_room(work: Work, member: _Member) -> _Member:
    """Return what a member gets where room was made in the columns, and reserve it there."""
    workload, decision = member.workload, member.decision
    again = place(work.world, workload, decision.assignments, keep=True)
    reserve_decision(work.columns, decision.assignments, again)
    _check_progress(workload, decision, again)
    created = (change for change in again.changes if change.action == "create")
    return dataclasses.replace(
        member,
        decision=dataclasses.replace(again, changes=decision.changes),
        created=(*member.created, *created),
    )


def _waits(members: Sequence[_Member]) -> str:
    """Return which of a gang find no place, empty where all do."""
    short = [
        f"{one.workload.name} finds no place for {one.decision.unplaced}"
        for one in members
        if one.decision.unplaced
    ]
    if not short:
        return ""
    return f"gang {members[0].workload.placement.gang} waits: {', '.join(short)}"[:1024]


def _held(work: Work, members: Sequence[_Member], waits: str) -> Outcome:
    """Let what is there stay, with its newest content; what is missing goes on missing."""
    changes: list[Change] = []
    short: list[Workload] = []
    for one in members:
        kept = {assignment.id for assignment in one.before}
        decision = place(work.world, one.workload, one.before, keep=True)
        held = dataclasses.replace(
            decision,
            assignments=tuple(each for each in decision.assignments if each.id in kept),
            changes=tuple(each for each in decision.changes if each.instance in kept),
        )
        take_over(work, one.before, held)
        changes += held.changes
        if len(held.assignments) < one.wanted:
            short.append(one.workload)
    # They are told when all of it is as it stays.
    unplaced = []
    for workload in short:
        current = work.draft.of_workload(workload.name)
        found = explain(work.world, workload, current, most=NEAREST)
        unplaced.append(dataclasses.replace(found, note=waits))
    return Outcome(tuple(changes), tuple(unplaced))


def _note(work: Work, workload: Workload) -> str:
    """Return for whom of its gang a workload waits, or why one stays where it is, or nothing."""
    if not workload.placement.gang:
        return _stays_note(work, workload)
    (group,) = grouped(completed(work, [Wanted(workload, keep=True)]))
    members, _ = _tried(work, group, may_preempt=False)
    own = next(one for one in members if one.workload.name == workload.name)
    return _waits(members) if len(own.before) < own.wanted else ""


def _stays_note(work: Work, workload: Workload) -> str:
    """Say why the first one that is finished, or on a lost node, stays there, empty without."""
    for one in work.draft.of_workload(workload.name):
        if one.finished is not None:
            return f"{one.id} stays and reserves nothing: {why_finished(one)}"
        node = work.draft.nodes.get(one.node)
        why = why_it_stays(node, workload) if node is not None else None
        if why is not None:
            return f"{one.id} stays: {why}"
    return ""


# --- why ----------------------------------------------------------------------------------


def explained(
    work: Work,
    workload: Workload,
    *,
    node: str | None = None,
    most: int = NEAREST,
    instance: str | None = None,
    standings: int = 0,
) -> Explanation:
    """Return what the nodes say to a workload, as `explain`, and whether its gang waits."""
    current = work.draft.of_workload(workload.name)
    found = explain(
        work.world,
        workload,
        current,
        node=node,
        most=most,
        instance=instance,
        standings=standings,
    )
    return dataclasses.replace(found, note=_note(work, workload))
