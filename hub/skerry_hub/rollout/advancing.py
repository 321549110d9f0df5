"""A rollout's step carried into a draft: members, orders that are due, events; pause and resume.

Pure: whoever calls says what is heard, and commits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Container, Iterable, Mapping

from skerry_hub.deciding import Wanted, decide
from skerry_hub.model import Workload
from skerry_hub.placement.turns import waiting_in
from skerry_hub.rollout.beginning import at_work, remove
from skerry_hub.rollout.looking import Cache, Seen, look
from skerry_hub.rollout.records import Rollout, RolloutState
from skerry_hub.rollout.step import Said, step
from skerry_hub.state import Draft
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work

MOST_REASON = 1024
KINDS: Mapping[RolloutState, str] = {
    "done": "rollout_done",
    "paused": "rollout_paused",
    "failed": "rollout_failed",
    "progressing": "rollout_resumed",
}
"""The events that tell of a rollout's new state."""


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """An event of a rollout: an instance's, on its node, or without one the whole workload's."""

    workload: str
    kind: str
    detail: str
    instance: str = ""
    node: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Advanced:
    """What came of a step: events, and when the next one is due without further news."""

    told: tuple[Told, ...] = ()
    due_at: float | None = None


def advance(
    work: Work,
    name: str,
    heard: Container[str],
    listening_since: float,
    cache: Cache | None = None,
) -> Advanced:
    """Bring a workload's rollout as far as it may go now. Without one, nothing happens.

    `cache` is of this workload's last look.
    """
    draft = work.draft
    rollout, kept = draft.updates.rollouts.get(name), draft.workloads.get(name)
    if rollout is None or kept is None:
        return Advanced()
    before, missing = rollout, 0
    if rollout.is_first and rollout.state != "done":
        missing = draft.unplaced(name)
        rollout = _with_newcomers(work, rollout, missing)
    members = draft.updates.members_of(name)
    if not members and rollout == before and not missing:
        return Advanced()
    update = kept.workload.lifecycle.update
    seen = look(draft, members.values(), heard, update.wave_by, rollout.revision, cache)
    to_place = [key for key, one in seen.items() if one.to_place]
    if to_place and not _finds_any(draft, kept.workload):
        seen = _unplaced(seen, to_place)
    while True:
        found = step(rollout, update, members, seen, work.now, listening_since, missing)
        refused = _place_anew(work, kept.workload, [k for k in found.given if seen[k].to_place])
        if not refused:
            break
        seen = _unplaced(seen, refused)  # their turn goes to others
    for key, member in found.changed.items():
        if member is None:
            draft.updates.members.remove(key)
        else:
            draft.updates.members.put(key, member)
    for key in (*found.given, *found.withdrawn):
        draft.touched.add(seen[key].node)
    if found.cut_over:
        _cut_over(work, found.rollout)
    elif found.rollout != before:
        draft.updates.rollouts.put(name, found.rollout)
    nodes = {key: one.node for key, one in seen.items()}
    return Advanced(tuple(_told(name, said, nodes) for said in found.said), found.due_at)


def _finds_any(draft: Draft, workload: Workload) -> bool:
    """Say whether any of those that wait for a place has one, as when it was decided last."""
    there = draft.of_workload(workload.name)
    missing = 0 if workload.mode == "global" else max(0, workload.replicas - len(there))
    return len(waiting_in(workload, there)) + missing > draft.unplaced(workload.name)


def _unplaced(seen: Mapping[str, Seen], keys: Iterable[str]) -> dict[str, Seen]:
    """Return what is seen, of some that no node takes them."""
    return {**seen, **{key: dataclasses.replace(seen[key], unplaced=True) for key in keys}}


def _place_anew(work: Work, workload: Workload, turn: Collection[str]) -> list[str]:
    """Place those whose turn it is, and whose nodes do not take them; return who finds no node."""
    if not turn:
        return []
    work.draft.because("rollout")
    decide(work, [Wanted(workload, keep=True, turn=tuple(sorted(turn)))], may_preempt=False)
    return [
        one.id
        for one in waiting_in(workload, work.draft.of_workload(workload.name))
        if one.id in turn
    ]


def _with_newcomers(work: Work, rollout: Rollout, missing: int) -> Rollout:
    """Return a first rollout with whatever was placed since, which comes up with the others."""
    draft, name = work.draft, rollout.workload
    placed = draft.of_workload(name)
    new = [one for one in placed if draft.updates.members.get(one.id) is None]
    for one in new:
        draft.updates.members.put(one.id, at_work(one, work.now))
    total = len(placed) + missing
    if not new and total == rollout.total:
        return rollout
    progressed_at = work.now if new else rollout.progressed_at
    return dataclasses.replace(rollout, total=total, progressed_at=progressed_at)


def _told(name: str, said: Said, nodes: Mapping[str, str]) -> Told:
    return Told(name, said.kind, said.detail, said.instance, nodes.get(said.instance, ""))


def turns(before: Mapping[str, Rollout], changed: Mapping[str, Rollout | None]) -> list[Told]:
    """Return what became of rollouts as a whole: begun, paused, going on, done."""
    found = []
    for name, after in changed.items():
        old = before.get(name)
        if after is None:
            continue
        if old is None or old.number != after.number:
            words = f"revision {after.number} ({after.cause}), {after.strategy}: "
            words += f"{after.total - after.already} of {after.total} instances"
            found.append(Told(name, "rollout_started", words))
            if after.state == "progressing":
                continue
        elif old.state == after.state:
            continue
        detail = f"revision {after.number}" + (f": {after.reason}" if after.reason else "")
        found.append(Told(name, KINDS[after.state], detail[:MOST_REASON]))
    return found


def _cut_over(work: Work, rollout: Rollout) -> None:
    """End the first set, now that the second does its work."""
    draft, name = work.draft, rollout.workload
    for key, member in draft.updates.members_of(name).items():
        assignment = draft.assignments.get(key)
        if member.state == "waiting" and assignment is not None:
            remove(work, assignment)
        else:
            draft.updates.members.remove(key)
    kept = draft.workloads.get(name)
    if kept is None:
        return
    replicas = kept.workload.replicas - rollout.surge
    workload = dataclasses.replace(kept.workload, replicas=replicas)
    draft.workloads.put(name, dataclasses.replace(kept, workload=workload))
    draft.updates.rollouts.put(
        name,
        dataclasses.replace(
            rollout, state="done", surge=0, finished=rollout.total, ended_at=work.now
        ),
    )
    if len(draft.of_workload(name)) > replicas:
        # One of the first set had moved meanwhile, and became one of the second.
        draft.because("rollout")
        decide(work, [Wanted(workload, keep=True)], may_preempt=False)


# --- what operators say -------------------------------------------------------------------


def pause(work: Work, name: str) -> None:
    """Let no further instance be updated until somebody resumes it. Raises RefusedError."""
    rollout = _of(work, name)
    if rollout.state == "paused":
        if rollout.rolls_back:
            still = dataclasses.replace(rollout, rolls_back=False)
            work.draft.updates.rollouts.put(name, still)
        return
    if rollout.state == "done" and not work.draft.updates.members_of(name):
        raise _refused(f"the rollout of {name} is done: there is nothing to pause")
    paused = dataclasses.replace(
        rollout, state="paused", reason="paused by an operator", ended_at=None
    )
    work.draft.updates.rollouts.put(name, paused)


def resume(work: Work, name: str) -> None:
    """Let a paused rollout go on, whatever failed until now. Raises RefusedError."""
    rollout = _of(work, name)
    if rollout.state != "paused":
        raise _refused(f"the rollout of {name} is {rollout.state}, not paused")
    failed = sum(one.state == "failed" for one in work.draft.updates.members_of(name).values())
    going = dataclasses.replace(
        rollout,
        state="progressing",
        reason="",
        excused=failed,
        canary_passed=rollout.canary_passed or _canary_ended(work, rollout),
        rolls_back=False,
        progressed_at=work.now,
    )
    work.draft.updates.rollouts.put(name, going)


def _canary_ended(work: Work, rollout: Rollout) -> bool:
    """Say whether it paused behind its canary: nobody is at work, and some have ended."""
    states = {one.state for one in work.draft.updates.members_of(rollout.workload).values()}
    return "updating" not in states and bool(states & {"done", "failed"})


def stop(work: Work, name: str, reason: str) -> None:
    """Pause a rollout that the hub cannot go on with, and say why."""
    stopped = dataclasses.replace(
        _of(work, name), state="paused", reason=reason[:MOST_REASON], ended_at=None
    )
    work.draft.updates.rollouts.put(name, stopped)


def cannot_roll_back(work: Work, name: str, reason: str) -> None:
    """Leave a rollout paused that cannot be rolled back by itself, and say why."""
    rollout = _of(work, name)
    words = f"{rollout.reason}, which is refused: {reason}"[:MOST_REASON]
    still = dataclasses.replace(rollout, rolls_back=False, reason=words)
    work.draft.updates.rollouts.put(name, still)


def _of(work: Work, name: str) -> Rollout:
    rollout = work.draft.updates.rollouts.get(name)
    if rollout is None:
        if work.draft.workloads.get(name) is None:
            raise RefusedError(404, Problem(reason=f"there is no workload {name}"))
        raise _refused(f"{name} has no rollout: it was not changed, or is updated at once")
    return rollout


def _refused(reason: str) -> RefusedError:
    return RefusedError(409, Problem(reason=reason))
