"""A rollout, one step on: `step(rollout, members, what is seen, now) -> Step`. Pure.

It never waits without a reason and a way out: what is given to a node is done or fails in a bounded
time while the node is there; a rollout that may go no further pauses and says why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.judging import due_at, give, judge, patience_s, withdraw
from skerry_hub.rollout.looking import Seen
from skerry_hub.rollout.records import Member, Rollout, goes_back
from skerry_hub.rollout.waves import Turn, next_turn

MOST_REASON = 1024
NAMED = 3
"""Instances that a reason names."""
NO_PLACE = "no node takes the new revision: see skerry explain"
STANDS = ("paused", "failed")
"""States in which nothing more is given."""
NEWS = {"done": "updated", "failed": "update_failed"}
"""The kinds of the events that tell of an instance's new state."""


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """Something to tell of: an event's kind, about an instance or about the whole."""

    kind: str
    detail: str = ""
    instance: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A rollout after a step. `changed` are members that are other than before, None: no more.

    `given`: whose orders have the new content from now on; `withdrawn`: have the
    former one again. `cut_over`: of blue-green, whether the
    former set ends now. `due_at`: when there is another step though nothing is told until then.
    """

    rollout: Rollout
    changed: Mapping[str, Member | None]
    given: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()
    cut_over: bool = False
    due_at: float | None = None


def step(
    rollout: Rollout,
    update: Update,
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    now: float,
    listening_since: float,
    missing: int = 0,
) -> Step:
    """Return a rollout after what is seen now. `seen` lacks members that are placed no more.

    `missing`: how many of a first one found no node.
    """
    if rollout.state == "failed":
        rollout = dataclasses.replace(rollout, state="progressing", reason="")  # judged anew
    after = {
        key: judge(member, seen[key], rollout.revision, update, now, listening_since)
        for key, member in members.items()
        if key in seen
    }
    said = _news(rollout, members, after)
    rollout = _noted(rollout, members, after, now)
    turn = Turn()
    if rollout.state != "paused":
        rollout = _with_failures(rollout, update, after, seen)
    if rollout.state == "progressing" and missing:
        rollout = _unless_late(rollout, update, after, missing, now, listening_since)
    if rollout.state not in STANDS and rollout.strategy != "blue-green":
        rollout, turn = _turn(rollout, update, after, seen, now)
    given, withdrawn = (turn.members, turn.withdrawn) if rollout.state not in STANDS else ((), ())
    after |= {key: give(after[key], now) for key in given}
    after |= {key: withdraw(after[key], now) for key in withdrawn}
    if given:
        rollout = dataclasses.replace(rollout, progressed_at=now)
    rollout = _unless_stuck(rollout, update, turn, after, seen, now, listening_since)
    rollout = _ended(rollout, after, seen, missing, now)
    rollout = _unless_in_vain(rollout, after)
    if rollout.state == "done":
        rollout, after = _without_done(rollout, after)
    return Step(
        rollout=rollout,
        changed=_changed(members, after),
        given=given,
        withdrawn=withdrawn,
        said=said,
        cut_over=_may_cut_over(rollout, after),
        due_at=_due_at(rollout, update, turn, after, seen, listening_since, missing),
    )


def _turn(
    rollout: Rollout,
    update: Update,
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    now: float,
) -> tuple[Rollout, Turn]:
    """Return who is next, and the rollout where the canary is over thereby."""
    turn = next_turn(rollout, update, members, seen, now)
    if not turn.canary:
        return rollout, turn
    if turn.canary == "failed":
        return _paused(rollout, "none of the canary came up: undo, or resume to go on"), Turn()
    if update.canary_pauses:
        return _paused(rollout, "the canary is done: resume to update the rest, or undo"), Turn()
    rollout = dataclasses.replace(rollout, canary_passed=True)
    return rollout, next_turn(rollout, update, members, seen, now)


# --- what was found -----------------------------------------------------------------------


def _changed(before: Mapping[str, Member], after: Mapping[str, Member]) -> dict[str, Member | None]:
    found: dict[str, Member | None] = {key: None for key in before if key not in after}
    found |= {
        key: one for key, one in after.items() if one is not before[key] and one != before[key]
    }
    return found


def _noted(
    rollout: Rollout, before: Mapping[str, Member], after: Mapping[str, Member], now: float
) -> Rollout:
    gone = len(before) - len(after)
    moves = gone or any(
        one.state != before[key].state or one.away != before[key].away
        for key, one in after.items()
        if one is not before[key]
    )
    if not moves:
        return rollout
    # Of a first one, whoever calls says how many there are to be.
    total = rollout.total if rollout.is_first else max(0, rollout.total - gone)
    return dataclasses.replace(rollout, total=total, progressed_at=now)


def _news(
    rollout: Rollout, before: Mapping[str, Member], after: Mapping[str, Member]
) -> tuple[Said, ...]:
    found = []
    for key, one in after.items():
        old = before[key]
        kind = NEWS.get(one.state, "") if one.state != old.state else ""
        kind = "update_held" if one.held and not old.held else kind
        if not kind:
            continue
        detail = f"revision {rollout.number} of {rollout.workload}"
        detail += f": {one.reason}" if one.reason else ""
        found.append(Said(kind, detail[:MOST_REASON], key))
    return tuple(found)


# --- what comes of it ---------------------------------------------------------------------


def _with_failures(
    rollout: Rollout, update: Update, members: Mapping[str, Member], seen: Mapping[str, Seen]
) -> Rollout:
    failed = [one for one in members.values() if one.state == "failed"]
    if rollout.is_first:
        return _first_with_failures(rollout, update, failed)
    if update.on_failure == "continue" or len(failed) - rollout.excused <= update.max_failed:
        return rollout
    reason = f"{_share(len(failed), rollout)} failed: {_named(failed)}"
    if update.on_failure != "rollback" or rollout.cause == "rollback" or not rollout.back:
        return _paused(rollout, reason)
    if not _stable_ran(rollout, seen):
        reason += f"; it is not rolled back: revision {rollout.back} was never seen to run"
        return _paused(rollout, reason)
    return _paused(rollout, reason + goes_back(rollout.back), rolls_back=True)


def _first_with_failures(rollout: Rollout, update: Update, failed: list[Member]) -> Rollout:
    """Return a first one as failed where too many did: to pause it would hold nothing back."""
    if len(failed) <= update.max_failed:
        return rollout
    return _failed(rollout, f"{_share(len(failed), rollout)} failed: {_named(failed)}")


def _unless_late(
    rollout: Rollout,
    update: Update,
    members: Mapping[str, Member],
    missing: int,
    now: float,
    listening_since: float,
) -> Rollout:
    """Return it as failed where nodes are missing for a deadline, and nobody is at work."""
    if any(one.state == "updating" for one in members.values()):
        return rollout
    if max(rollout.progressed_at, listening_since) + patience_s(update) > now:
        return rollout
    return _failed(rollout, f"{_share(missing, rollout)} found no node: see skerry explain")


def _stable_ran(rollout: Rollout, seen: Mapping[str, Seen]) -> bool:
    """Say whether the revision that it would go back to ran anywhere, or runs now."""
    return rollout.stable_ran or any(
        one.running and one.revision == rollout.stable_revision for one in seen.values()
    )


def _unless_stuck(
    rollout: Rollout,
    update: Update,
    turn: Turn,
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    now: float,
    listening_since: float,
) -> Rollout:
    if rollout.state in STANDS or not turn.blocked:
        return rollout
    if max(rollout.progressed_at, listening_since) + patience_s(update) > now:
        return rollout
    broken = [one for key, one in members.items() if seen[key].online and not seen[key].available]
    reason = f"{_share(len(broken), rollout)} do not run, and no more than "
    reason += f"{update.max_unavailable} may be unavailable: {_named(broken)}"
    return _paused(rollout, reason)


def _unless_in_vain(rollout: Rollout, members: Mapping[str, Member]) -> Rollout:
    """Pause blue-green whose second set will never be whole, whatever was excused."""
    if rollout.strategy != "blue-green" or rollout.state != "progressing":
        return rollout
    second = [one for one in members.values() if one.state != "waiting"]
    failed = [one for one in second if one.state == "failed"]
    if any(one.state == "updating" for one in second) or (second and not failed):
        return rollout
    words = f"{_share(len(failed), rollout)} failed: {_named(failed)}" if failed else "none is left"
    return _paused(rollout, f"the second set is not whole ({words}): undo, or apply another")


def _may_cut_over(rollout: Rollout, members: Mapping[str, Member]) -> bool:
    if rollout.strategy != "blue-green" or rollout.state != "progressing":
        return False
    second = [one for one in members.values() if one.state != "waiting"]
    return bool(second) and all(one.state == "done" for one in second)


def _ended(
    rollout: Rollout,
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    missing: int,
    now: float,
) -> Rollout:
    """Return it as done where nobody who is there waits or is at work; else as it goes on."""
    if rollout.state in STANDS or missing or rollout.strategy == "blue-green":
        return rollout
    open_ = [key for key, one in members.items() if one.state in ("waiting", "updating")]
    ended = len(members) - len(open_) + rollout.finished + rollout.already
    if any(not _why_later(seen[key]) for key in open_) or (open_ and not ended):
        if rollout.state == "done":
            return dataclasses.replace(
                rollout, state="progressing", reason="", ended_at=None, progressed_at=now
            )
        return rollout
    failed = [one for one in members.values() if one.state == "failed"]
    parts = [f"{_share(len(failed), rollout)} failed: {_named(failed)}"] if failed else []
    if open_:
        later = _listed([(members[key].id, _why_later(seen[key])) for key in open_])
        parts.append(f"{_share(len(open_), rollout)} follow later: {later}")
    ended_at = rollout.ended_at if rollout.state == "done" else now
    return dataclasses.replace(
        rollout, state="done", reason="; ".join(parts)[:MOST_REASON], ended_at=ended_at
    )


def _why_later(seen: Seen) -> str:
    """Return why a rollout is done though this one has not come to it."""
    return seen.away or (NO_PLACE if seen.unplaced else "")


def _without_done(
    rollout: Rollout, members: Mapping[str, Member]
) -> tuple[Rollout, dict[str, Member]]:
    """Return it without those that are done: nothing more is kept of them."""
    left = {key: one for key, one in members.items() if one.state != "done"}
    done = len(members) - len(left)
    return dataclasses.replace(rollout, finished=rollout.finished + done), left


def _failed(rollout: Rollout, reason: str) -> Rollout:
    return dataclasses.replace(rollout, state="failed", reason=reason[:MOST_REASON], ended_at=None)


def _paused(rollout: Rollout, reason: str, *, rolls_back: bool = False) -> Rollout:
    return dataclasses.replace(
        rollout, state="paused", reason=reason[:MOST_REASON], rolls_back=rolls_back, ended_at=None
    )


def _due_at(
    rollout: Rollout,
    update: Update,
    turn: Turn,
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    listening_since: float,
    missing: int,
) -> float | None:
    times = [
        at
        for key, one in members.items()
        if seen[key].online and (at := due_at(one, seen[key], update, listening_since)) is not None
    ]
    if rollout.state == "progressing" and (turn.blocked or missing):
        times.append(max(rollout.progressed_at, listening_since) + patience_s(update))
    if rollout.state == "progressing" and turn.look_at is not None:
        times.append(turn.look_at)
    return min(times, default=None)


# --- words --------------------------------------------------------------------------------


def _share(count: int, rollout: Rollout) -> str:
    return f"{count} of {rollout.total}"


def _named(members: list[Member]) -> str:
    return _listed([(one.id, one.reason or one.state) for one in members])


def _listed(whys: list[tuple[str, str]]) -> str:
    """Return the first instances, each with its reason."""
    named = ", ".join(f"{id_} ({why})" for id_, why in sorted(whys)[:NAMED])
    return named + (f" and {len(whys) - NAMED} more" if len(whys) > NAMED else "")
