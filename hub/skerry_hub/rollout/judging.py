"""How far one instance is: `judge(member, seen) -> member`. Pure.

Whatever a node told late, twice or out of turn, the judgement is of what it tells now. A member
that failed and comes right after all is done.
"""

from __future__ import annotations

import dataclasses

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.looking import Seen
from skerry_hub.rollout.progress import nearer
from skerry_hub.rollout.records import Member
from skerry_wire.lifecycle import UpdateStatus

SLACK_S = 60.0
"""What a node has beyond its own time, to tell of it."""
REPORT_S = 15.0
"""What a report may take of an instance whose time the hub counts itself."""
MOST_S = 86_400.0
"""The longest that an update may tell of progress and not end."""
MOST_REASON = 1024
HELD = "its box holds it back"
HELD_BACK = f"{HELD}: "


def patience_s(update: Update) -> float:
    """Return how long nothing may be heard of an update that was given to a node."""
    return update.deadline_s + update.settle_s + SLACK_S


def _allowed_s(seen: Seen, update: Update) -> float:
    """Return how long a member may come no nearer.

    A box that has not accepted its order, or that switches and counts by itself, has what it may
    take to tell how that ended. A new instance replaces nothing that its box could go back to, and
    one that waits for its images is no switch yet: of these the hub alone counts.
    """
    is_switching = seen.update is not None and seen.update.state == "switching"
    if is_switching or not seen.informed:
        return patience_s(update)
    return update.deadline_s + REPORT_S


def judge(
    member: Member, seen: Seen, revision: str, update: Update, now: float, listening_since: float
) -> Member:
    """Return a member as it is by what is seen of it.

    `revision` is the one that it shall come to; before `listening_since` the hub heard nothing, so
    that no silence of before counts.
    """
    if member.state == "waiting":
        if seen.moved:
            return _given(member, now)
        return _withdrawn(member, seen, revision, now) if member.withdrawn else member
    if seen.unheard:
        return member
    if seen.away:
        if member.state == "updating" and not member.away:
            return dataclasses.replace(member, away=True, held=False, good_since=None)
        return member
    if member.away:
        # The time that it has begins anew: it may not have heard of the update before.
        member = dataclasses.replace(member, away=False, since=now)
    if member.state == "done":
        return member
    return _updating(member, seen, revision, update, now, listening_since)


def _updating(
    member: Member, seen: Seen, revision: str, update: Update, now: float, listening_since: float
) -> Member:
    told = seen.update if seen.update is not None and seen.update.revision == revision else None
    if member.state == "updating":
        member = nearer(member, seen, revision, now)
    if _has_come(seen, revision, told):
        return _good(member, update, now)
    was_held = member.held
    member = dataclasses.replace(member, good_since=None, held=False)
    if told is not None and told.state in ("rolled_back", "failed"):
        return _failed(member, _told(told), now)
    if seen.refused:
        return _failed(member, seen.refused, now)
    if member.state == "failed":
        return member
    if told is not None and told.state == "held":
        # The time that it has begins when its box lets it.
        since = member.held_since if was_held else now
        return dataclasses.replace(
            member, held=True, held_since=since, since=now, begun_at=now, reason=_told(told)
        )
    reason = _told(told) if told is not None else _why_not(seen, revision)
    member = dataclasses.replace(member, reason=reason)
    if overdue_at(member, seen, update, listening_since) <= now:
        waited_s = _allowed_s(seen, update)
        return _failed(member, f"not up within {waited_s:.0f} s: {reason or 'nothing told'}", now)
    return member


def _has_come(seen: Seen, revision: str, told: UpdateStatus | None) -> bool:
    return seen.good and seen.revision == revision and (told is None or told.state == "unknown")


def _good(member: Member, update: Update, now: float) -> Member:
    since = now if member.good_since is None or member.good_since > now else member.good_since
    if now - since >= update.settle_s:
        return dataclasses.replace(
            _without_former(member),
            state="done",
            since=now,
            good_since=since,
            held=False,
            reason="",
        )
    if member.state == "failed":
        return dataclasses.replace(member, good_since=since, held=False)
    return dataclasses.replace(member, good_since=since, held=False, reason="settles")


def _failed(member: Member, reason: str, now: float) -> Member:
    reason = reason[:MOST_REASON]
    if member.state == "failed":
        return dataclasses.replace(member, reason=reason)
    return dataclasses.replace(
        _without_former(member), state="failed", since=now, reason=reason, withdrawn=False
    )


def _without_former(member: Member) -> Member:
    return dataclasses.replace(member, former=None, number=0)


def _given(member: Member, now: float) -> Member:
    return dataclasses.replace(
        member,
        state="updating",
        since=now,
        begun_at=now,
        begun=False,
        pulled=(),
        node=None,
        held=False,
        held_since=None,
        withdrawn=False,
        reason="",
    )


def give(member: Member, now: float) -> Member:
    """Return a waiting member as it is when its order gets the new content."""
    return _given(member, now)


def withdraw(member: Member, now: float) -> Member:
    """Return one that its box holds back as it is when its order gets its former content again."""
    return dataclasses.replace(
        member, state="waiting", since=now, withdrawn=True, good_since=None, away=False
    )


def _withdrawn(member: Member, seen: Seen, revision: str, now: float) -> Member:
    """Return one whose update was taken back, by whether its box may still begin it."""
    if not seen.online:
        return member
    if seen.refused:
        return _failed(member, seen.refused, now)
    if seen.revision == revision:
        return _given(member, now)  # it had begun before it heard that
    is_switching = seen.update is not None and seen.update.state == "switching"
    if not seen.informed or is_switching:
        return member
    return dataclasses.replace(member, withdrawn=False)


def overdue_at(member: Member, seen: Seen, update: Update, listening_since: float) -> float:
    """Return when a member that is being updated has failed, were nothing heard until then."""
    allowed_s = _allowed_s(seen, update)
    quiet = max(member.since, listening_since) + allowed_s
    return min(quiet, max(member.begun_at, listening_since) + MOST_S + allowed_s)


def due_at(member: Member, seen: Seen, update: Update, listening_since: float) -> float | None:
    """Return when a member is to be looked at again though nobody says anything of it."""
    if member.away or member.held or member.state in ("waiting", "done"):
        return None
    if member.good_since is not None:
        return member.good_since + update.settle_s
    if member.state == "failed":
        return None
    return overdue_at(member, seen, update, listening_since)


def _told(told: UpdateStatus) -> str:
    words = {"rolled_back": "went back to what ran before", "held": HELD}
    head = words.get(told.state, told.state)
    return (f"{head}: {told.reason}" if told.reason else head)[:MOST_REASON]


def _why_not(seen: Seen, revision: str) -> str:
    if seen.revision is None:
        return "nothing told of it yet"
    if seen.revision != revision:
        return seen.reason or "runs its former revision still"
    if not seen.running:
        return seen.reason or "does not run"
    return seen.reason or f"its health is {seen.health.value}"
