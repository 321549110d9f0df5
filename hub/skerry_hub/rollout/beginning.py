"""A workload's new content: kept in its history, and a rollout begun for its instances. Pure.

`keep` comes before the decision where instances go, `begin` after it: placement knows nothing of
rollouts. Of blue-green it is asked for twice as many instances meanwhile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

from skerry_hub.model import Assignment, Explanation, Liveness, Node, Workload
from skerry_hub.rollout.records import (
    Cause,
    Member,
    RevisionRecord,
    RolledBack,
    Rollout,
    goes_back,
)
from skerry_hub.state import Kept
from skerry_hub.work import RefusedError, Work
from skerry_hub.workloads.source import NOWHERE, Source
from skerry_wire.messages import InstanceState, InstanceStatus

Kind = Literal["created", "updated", "unchanged"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A workload as it is kept now, and what its instances had before.

    `rolls`: whether its instances are to come to a content that they do not have. `former`: the
    number of the revision that those have which no rollout holds at an older one.
    """

    workload: Workload
    kind: Kind
    rolls: bool = False
    cause: Cause = "apply"
    former: int = 0
    former_revision: str = ""
    before: tuple[Assignment, ...] = ()
    surge: int = 0


def keep(
    work: Work,
    workload: Workload,
    *,
    cause: Cause = "apply",
    back_to: int = 0,
    source: Source = NOWHERE,
) -> Prepared:
    """Keep a workload's content. Raises RefusedError where it cannot be updated as it asks for."""
    draft, name = work.draft, workload.name
    kept = draft.workloads.get(name)
    if kept is None:
        draft.workloads.put(name, Kept(workload=workload, created_at=work.now, updated_at=work.now))
        _record(work, workload, draft.updates.number(name) + 1, cause, back_to)
        # What is adopted runs already.
        return Prepared(workload=workload, kind="created", rolls=cause != "adopt", cause=cause)
    surge = surge_of(work, name)
    was = dataclasses.replace(kept.workload, replicas=kept.workload.replicas - surge)
    if was == workload:
        return Prepared(workload=kept.workload, kind="unchanged", cause=cause)
    rolls = made_of(was) != made_of(workload) or bool(surge and was.mode != workload.mode)
    former = _former_number(work, kept, was)
    if rolls:
        _end_second_set(work, name)
        draft.updates.contents.put((name, former), was)
        before = draft.of_workload(name)
        # What is adopted runs already: there is no second set to place beside the first.
        surge = _surge(work, workload, before, source) if cause != "adopt" else 0
    else:
        before = draft.of_workload(name)
    _record(work, workload, former + rolls, cause, back_to)
    placed = dataclasses.replace(workload, replicas=workload.replicas + surge)
    draft.workloads.put(name, dataclasses.replace(kept, workload=placed, updated_at=work.now))
    draft.touched.update(one.node for one in before)  # orders say where instances stem from
    return Prepared(
        workload=placed,
        kind="updated",
        rolls=rolls,
        cause=cause,
        former=former,
        former_revision=was.revision,
        before=before,
        surge=surge,
    )


def begin(work: Work, prepared: Prepared) -> None:
    """Begin the rollout of what was kept, in the place of one that goes on.

    Each instance goes from what it has now, of whichever revision, to the newest. To be called when
    it is decided where they go.
    """
    if not prepared.rolls:
        return
    draft, workload = work.draft, prepared.workload
    name, update = workload.name, workload.lifecycle.update
    old, held = draft.updates.rollouts.get(name), draft.updates.members_of(name)
    draft.updates.end(name)
    strategy = update.strategy
    if strategy == "at-once" or workload.lifecycle.job is not None:
        return
    if strategy == "blue-green" and not prepared.surge:
        strategy = "rolling"  # without a second set
    if not prepared.before:
        strategy = "rolling"  # nothing that could be kept meanwhile
    stable = _stable(work, prepared, old)
    members, already = _members(work, prepared, held)
    for member in members:
        draft.updates.members.put(member.id, member)
    placed = len(draft.of_workload(name)) - prepared.surge
    total = placed if prepared.before else placed + draft.unplaced(name)
    goes_on = bool(members) or (not prepared.before and total > 0)
    tries_canary = prepared.cause == "apply" and not already
    if prepared.before and not prepared.surge:
        already = placed - len(members)  # more replicas are placed with it
    rollout = Rollout(
        workload=name,
        number=draft.updates.number(name),
        revision=workload.revision,
        cause=prepared.cause,
        strategy=strategy,
        stable=stable.number,
        stable_revision=stable.revision,
        stable_ran=stable.ran,
        state="progressing" if goes_on else "done",
        total=total,
        already=already,
        canary_passed=not tries_canary,
        surge=prepared.surge,
        rolled_back=_rolled_back(prepared, old),
        started_at=work.now,
        progressed_at=work.now,
        ended_at=None if goes_on else work.now,
    )
    draft.updates.rollouts.put(name, rollout)


@dataclasses.dataclass(frozen=True, slots=True)
class _Stable:
    """A revision to go back to, and whether it was seen to run."""

    number: int
    revision: str
    ran: bool


def _stable(work: Work, prepared: Prepared, old: Rollout | None) -> _Stable:
    """Return the newest revision that all had, or the one before where that never ran at all."""
    if not prepared.before:
        return _Stable(0, "", False)
    if old is not None and old.state != "done" and not old.is_first:
        return _Stable(old.stable, old.stable_revision, old.stable_ran)
    ran = old is not None and old.number == prepared.former and old.finished > 0
    if ran or any(_ran(work, one, prepared.former_revision) for one in prepared.before):
        return _Stable(prepared.former, prepared.former_revision, True)
    if old is not None and old.stable_ran:
        return _Stable(old.stable, old.stable_revision, True)
    return _Stable(prepared.former, prepared.former_revision, False)


def _ran(work: Work, one: Assignment, revision: str) -> bool:
    """Say whether a node told that an instance runs, or has run, at a revision."""
    return any(
        told.revision == revision
        and (told.state is InstanceState.RUNNING or told.started_at is not None)
        for told in _told(work.draft.nodes.get(one.node), one)
    )


def _told(node: Node | None, one: Assignment) -> Iterator[InstanceStatus]:
    """Yield what a node last told of an instance."""
    if node is not None and node.report is not None:
        yield from (told for told in node.report.instances if told.id == one.id)


def _rolled_back(prepared: Prepared, old: Rollout | None) -> RolledBack | None:
    """Return what an automatic rollback takes back, None where it is none."""
    if prepared.cause != "rollback" or old is None:
        return None
    reason = old.reason.removesuffix(goes_back(old.back))
    return RolledBack(number=old.number, to=old.stable, reason=reason)


def _members(work: Work, prepared: Prepared, held: dict[str, Member]) -> tuple[list[Member], int]:
    """Return whom the rollout is to update, and how many have the new content already."""
    workload, now = prepared.workload, work.now
    found, already, ids = [], 0, set()
    for one in prepared.before:
        ids.add(one.id)
        after = work.draft.assignments.get(one.id)
        if after is None:
            continue
        member = held.get(one.id)
        former, number = had(one, member, prepared.former)
        was_updating = was_updating_at(member)
        if after.node != one.node:
            found.append(at_work(after, now))
        elif former.revision == workload.revision == after.revision and not prepared.surge:
            if was_updating:
                found.append(at_work(after, now))  # it was given it, and has not shown it yet
            else:
                already += 1
        else:
            found.append(
                Member(
                    id=one.id,
                    workload=workload.name,
                    state="waiting",
                    former=former,
                    number=number,
                    since=now,
                    was_updating=was_updating,
                    held=member is not None and member.held,
                    held_since=None if member is None else member.held_since,
                    withdrawn=member is not None and (member.withdrawn or _is_held(member)),
                    reason=member.reason if member is not None and member.held else "",
                )
            )
    if prepared.surge or not prepared.before:
        new = (one for one in work.draft.of_workload(workload.name) if one.id not in ids)
        found += [at_work(one, now) for one in new]
    return found, already


def was_updating_at(member: Member | None) -> bool:
    """Say whether an instance's box may be at an update, or was given one and has not shown it."""
    if member is None:
        return False
    if member.state == "waiting":
        return member.was_updating or member.withdrawn
    return member.state != "done"


def _is_held(member: Member) -> bool:
    return member.state == "updating" and member.held


def had(one: Assignment, member: Member | None, number: int) -> tuple[Assignment, int]:
    """Return what an instance had until now, and of which revision."""
    # What its box holds back has not begun, and is not to: what it had before is what it has.
    stands = member is not None and (member.state == "waiting" or member.held)
    if member is None or not stands or member.former is None:
        return one, number
    return (member.former, member.number) if member.former.node == one.node else (one, number)


def at_work(one: Assignment, now: float) -> Member:
    """Return an instance whose order has the newest content, and nothing else was kept of."""
    return Member(id=one.id, workload=one.workload, state="updating", since=now, begun_at=now)


# --- the history --------------------------------------------------------------------------


def made_of(workload: Workload) -> object:
    """Return what tells one revision of a workload from another: what its instances are."""
    lifecycle = workload.lifecycle
    return workload.revision, lifecycle.job, lifecycle.shared_network


def _former_number(work: Work, kept: Kept, was: Workload) -> int:
    """Return the number of what is kept; one that has no history yet begins it."""
    number = work.draft.updates.number(was.name)
    if number:
        return number
    first = RevisionRecord(
        workload=was.name, number=1, at=kept.updated_at, cause="apply", content=was
    )
    work.draft.updates.record(first)
    return 1


def _record(work: Work, workload: Workload, number: int, cause: Cause, back_to: int) -> None:
    work.draft.updates.record(
        RevisionRecord(
            workload=workload.name,
            number=number,
            at=work.now,
            cause=cause,
            back_to=back_to,
            content=workload,
        )
    )


# --- blue-green ---------------------------------------------------------------------------


def surge_of(work: Work, name: str) -> int:
    """Return how many instances of a former set are among a workload's replicas."""
    rollout = work.draft.updates.rollouts.get(name)
    return 0 if rollout is None else rollout.surge


def _surge(work: Work, workload: Workload, before: tuple[Assignment, ...], source: Source) -> int:
    """Return how many instances the first set has where a second is to be placed beside it."""
    lifecycle = workload.lifecycle
    if lifecycle.update.strategy != "blue-green" or lifecycle.job is not None or not before:
        return 0
    if workload.mode == "global":
        reason = "blue-green places a second set beside the first, and a global workload has no "
        reason += "more than one instance on a node: use rolling or canary"
        raise RefusedError(409, source.problem(f"{workload.name}: {reason}", "name"))
    had = (work.draft.updates.former(one) for one in before)
    revisions = {
        one.revision if former is None else former[0].revision
        for one, former in zip(before, had, strict=True)
    }
    return 0 if revisions == {workload.revision} else len(before)


def check_second_set(prepared: Prepared, short: Explanation | None, source: Source) -> None:
    """Refuse a second set of which not all finds a place; `short` says what the nodes say to it.

    Raises RefusedError.
    """
    if not prepared.surge or not prepared.rolls or short is None:
        return
    name = prepared.workload.name
    reason = f"{name}: blue-green needs room for a second set of "
    reason += f"{prepared.workload.replicas - prepared.surge} beside the first, "
    reason += f"and {short.wanted - short.placed} of them find no node{_blocked(short)}"
    raise RefusedError(409, source.problem(reason[:1024], "name"))


def check_place(work: Work, prepared: Prepared, short: Explanation | None, source: Source) -> None:
    """Refuse what finds no node at all any more while it runs as it was.

    What runs would only end, or never be updated. Raises RefusedError.
    """
    name = prepared.workload.name
    if prepared.kind != "updated" or short is None or short.placed:
        return
    running = sum(_runs(work, one) for one in prepared.before)
    if not running:
        return
    reason = f"{name}: no node fits, and {running} of it run as it was{_blocked(short)}; "
    reason += "delete the workload if they are to end"
    raise RefusedError(409, source.problem(reason[:1024], "name"))


def _runs(work: Work, one: Assignment) -> bool:
    """Say whether a node that is online tells that an instance runs."""
    node = work.draft.nodes.get(one.node)
    if node is None or node.liveness is not Liveness.ONLINE:
        return False
    return any(told.state is InstanceState.RUNNING for told in _told(node, one))


def _blocked(short: Explanation) -> str:
    most = sorted(short.blocked.items(), key=lambda one: -one[1])
    named = ", ".join(f"{constraint} refuses {count}" for constraint, count in most)
    return f": {named}" if named else ""


def _end_second_set(work: Work, name: str) -> None:
    """Let the first set be the only one again."""
    rollout = work.draft.updates.rollouts.get(name)
    if rollout is None or not rollout.surge:
        return
    first = {
        key for key, one in work.draft.updates.members_of(name).items() if one.state == "waiting"
    }
    for one in work.draft.of_workload(name):
        if one.id not in first:
            remove(work, one)
    work.draft.updates.rollouts.put(name, dataclasses.replace(rollout, surge=0))


def remove(work: Work, one: Assignment) -> None:
    """Let an instance be wanted no more."""
    work.columns.release(one)
    work.draft.assignments.remove(one.id)
    if work.draft.updates.members.get(one.id) is not None:
        work.draft.updates.members.remove(one.id)
    work.draft.touched.add(one.node)
