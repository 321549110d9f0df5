"""A rollout and a history into views. Pure."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from skerry_hub.documenting import leaf_differences
from skerry_hub.lifecycle import Update
from skerry_hub.model import Workload
from skerry_hub.placement.turns import waiting_in
from skerry_hub.rollout.counting import many
from skerry_hub.rollout.judging import HELD_BACK
from skerry_hub.rollout.looking import EVERY_NODE, Seen, look
from skerry_hub.rollout.records import Member, RevisionRecord, Rollout
from skerry_hub.rollout.views import (
    InstanceUpdateView,
    RevisionView,
    RolloutDetail,
    RolloutView,
    State,
)
from skerry_hub.rollout.waves import wave_order
from skerry_hub.state import Kept, Known

SHOWN = 50
"""Instances of a rollout that are named, those that failed first."""
MOST_CAUSES = 3
"""Causes that the reason of a rollout names, of those why some are behind."""
_ORDER: tuple[State, ...] = ("failed", "updating", "held", "behind", "waiting")


def rollout_view(known: Known, kept: Kept, deaf: str = "") -> RolloutView | None:
    """Return how far a workload's instances are, None where it was never updated step by step.

    `deaf` is why no box can be heard now, empty where they can.
    """
    rollout = known.updates.rollouts.get(kept.workload.name)
    if rollout is None:
        return None
    members, seen = _seen(known, kept)
    view = _view(rollout, kept.workload.lifecycle.update, members, seen)
    return _unless_deaf(_with_unplaced(known, view), deaf)


def _unless_deaf(view: RolloutView, deaf: str) -> RolloutView:
    """Return a rollout that goes on with the reason why it cannot, where no box can be heard."""
    if view.state != "progressing" or not deaf:
        return view
    return dataclasses.replace(view, reason=_joined(deaf, view.reason))


def _with_unplaced(known: Known, view: RolloutView) -> RolloutView:
    """Return a rollout with how many found no node."""
    missing = known.unplaced.get(view.workload, 0)
    if not missing:
        return view
    kept = known.workloads.get(view.workload)
    there = known.of_workload(view.workload)
    waiting = len(waiting_in(kept.workload, there)) if kept is not None else 0
    # Who keeps the former revision for want of a place is there, too.
    placed = len(there) - min(waiting, missing)
    why = f"{missing} of {placed + missing} found no node: see skerry explain"
    if not placed:
        why = f"none of {missing} found a node: see skerry explain"
    if view.state == "failed":
        why = ""  # it says so
    return dataclasses.replace(view, reason=_joined(view.reason, why), unplaced=missing)


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))[:1024]


def surge_of(known: Known, name: str) -> int:
    """Return how many instances of a former set are among a workload's replicas."""
    rollout = known.updates.rollouts.get(name)
    return 0 if rollout is None else rollout.surge


def rollout_detail(known: Known, kept: Kept, deaf: str = "") -> RolloutDetail:
    """Return the same with the instances that it is not done with.

    Of a workload without a rollout all instances are done: they were given its content at once.
    """
    workload = kept.workload
    rollout = known.updates.rollouts.get(workload.name)
    if rollout is None:
        count = len(known.of_workload(workload.name))
        view = RolloutView(
            workload=workload.name,
            number=known.updates.numbers.get(workload.name, 0),
            revision=workload.revision,
            cause="apply",
            strategy="at-once",
            state="done",
            reason=f"all were given it at once: skerry describe workload {workload.name}"
            if count
            else "",
            total=count,
            done=count,
            started_at=kept.updated_at,
        )
        return RolloutDetail(rollout=_with_unplaced(known, view))
    members, seen = _seen(known, kept)
    found = sorted(
        (_instance(members[key], seen[key], deaf) for key in seen if members[key].state != "done"),
        key=lambda one: (_ORDER.index(one.state), one.instance),
    )
    view = _view(rollout, workload.lifecycle.update, members, seen)
    return RolloutDetail(
        rollout=_unless_deaf(_with_unplaced(known, view), deaf),
        instances=tuple(found[:SHOWN]),
        more=max(0, len(found) - SHOWN),
    )


def _seen(known: Known, kept: Kept) -> tuple[Mapping[str, Member], Mapping[str, Seen]]:
    members = dict(known.updates.by_workload.get(kept.workload.name, {}))
    wave_by = kept.workload.lifecycle.update.wave_by
    rollout = known.updates.rollouts.get(kept.workload.name)
    revision = "" if rollout is None else rollout.revision
    cache = known.updates.looked(kept.workload.name)
    return members, look(known, members.values(), EVERY_NODE, wave_by, revision, cache)


def state_of(member: Member, seen: Seen) -> State | None:
    """Return in one word how far an instance is, None where it is done."""
    if member.state == "done":
        return None
    if member.state == "failed":
        return "failed"
    if seen.away:
        return "behind"
    if member.held:
        return "held"
    return "waiting" if member.state == "waiting" else "updating"


def _instance(member: Member, seen: Seen, deaf: str) -> InstanceUpdateView:
    state = state_of(member, seen) or "waiting"
    told = f"last told: {seen.reason}" if seen.reason else ""
    reasons = (seen.away, told) if state == "behind" else (member.reason or _why_it_waits(seen),)
    return InstanceUpdateView(
        instance=member.id,
        node=seen.node,
        hostname=seen.hostname,
        state=state,
        reason="; ".join(filter(None, (*reasons, deaf if state != "failed" else "")))[:1024],
    )


def _why_it_waits(seen: Seen) -> str:
    return "its node does not take the new revision: see skerry explain" if seen.to_place else ""


def _view(
    rollout: Rollout, update: Update, members: Mapping[str, Member], seen: Mapping[str, Seen]
) -> RolloutView:
    second = {
        key: one
        for key, one in members.items()
        if key in seen and not (rollout.surge and one.state == "waiting")
    }
    states = collections.Counter(state_of(one, seen[key]) for key, one in second.items())
    waves = [
        seen[key].wave
        for key, one in second.items()
        if state_of(one, seen[key]) in ("waiting", "updating")
    ]
    view = RolloutView(
        workload=rollout.workload,
        number=rollout.number,
        revision=rollout.revision,
        cause=rollout.cause,
        strategy=rollout.strategy,
        state=rollout.state,
        reason=rollout.reason,
        total=rollout.total,
        done=rollout.already + rollout.finished + states[None],
        updating=states["updating"],
        waiting=states["waiting"],
        held=states["held"],
        behind=states["behind"],
        failed=states["failed"],
        at_once=many(update.max_unavailable, max(rollout.total, 1)),
        wave=min(waves, key=wave_order, default="") if update.wave_by else "",
        undone_to=rollout.back if rollout.state != "done" else 0,
        started_at=rollout.started_at,
        ended_at=rollout.ended_at,
        rolls_back=rollout.rolls_back,
        rolled_back=rollout.rolled_back,
    )
    if view.reason:
        return view
    return dataclasses.replace(view, reason=_at_what(view, second, seen))


def _at_what(view: RolloutView, members: Mapping[str, Member], seen: Mapping[str, Seen]) -> str:
    """Return what a rollout waits for."""
    if view.state == "done":
        return ""
    parts = [f"{view.updating} at work"] if view.updating else []
    if view.held:
        held = [key for key, one in members.items() if state_of(one, seen[key]) == "held"]
        # Those that are given it hold up the others.
        first = min(held, key=lambda key: (members[key].state == "waiting", key))
        why = members[first].reason.removeprefix(HELD_BACK)
        more = f", and {view.held - 1} more" if view.held > 1 else ""
        parts.append(f"waiting: {seen[first].known_as} holds its update back: {why}{more}")
    if view.waiting:
        parts.append(f"{view.waiting} waiting, {view.at_once} at once")
    if view.behind:
        away = {seen[k].away for k, one in members.items() if state_of(one, seen[k]) == "behind"}
        parts.append(f"{view.behind} behind: {', '.join(sorted(away)[:MOST_CAUSES])}")
    return "; ".join(parts)[:1024]


# --- the history --------------------------------------------------------------------------


def history_views(known: Known, history: Sequence[RevisionRecord]) -> list[RevisionView]:
    """Return a workload's revisions, the newest first, as `history` has them."""
    return list(_history(known, history))


def _history(known: Known, history: Sequence[RevisionRecord]) -> Iterator[RevisionView]:
    if not history:
        return
    name = history[0].workload
    held = collections.Counter(
        one.number
        for one in known.updates.by_workload.get(name, {}).values()
        if one.state == "waiting" and one.number
    )
    held[history[0].number] += len(known.of_workload(name)) - held.total()
    for record, before in zip(history, (*history[1:], None), strict=True):
        content = record.content
        yield RevisionView(
            number=record.number,
            revision=content.revision,
            at=record.at,
            cause=record.cause,
            who=record.who,
            back_to=record.back_to,
            images=tuple(one.image for one in content.containers),
            changes=() if before is None else changes_of(before.content, content),
            instances=held[record.number],
        )


def changes_of(before: Workload, after: Workload) -> tuple[str, ...]:
    """Return what a workload says otherwise: `containers.0.image: shop:1 -> shop:2`."""
    return tuple(leaf_differences(_listed(before), _listed(after)))


def _listed(workload: Workload) -> object:
    """Return a workload without its number of replicas, which is of no revision."""
    return dataclasses.replace(workload, replicas=0)


def revision_to_undo(rollout: Rollout | None, history: Sequence[RevisionRecord]) -> int | None:
    """Return the revision that an undo goes back to where none is named, None where none is there.

    While a rollout goes on it is the newest that all instances had; else the newest of another
    content than the present one. `history` begins with the newest.
    """
    if rollout is not None and rollout.state != "done" and rollout.back:
        return rollout.back
    if not history:
        return None
    now = history[0].content.containers
    return next((one.number for one in history[1:] if one.content.containers != now), None)
