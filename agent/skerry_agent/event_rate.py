"""How often the hub is told of one subject: at once at first, then what came together. Pure.

Something that ends, fails or is plugged every few seconds would fill a thin link and wear the disk,
and say nothing new. Reports are not held back: how things stand, the hub always knows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from skerry_wire.frozen import frozen
from skerry_wire.messages import EventKind

BURST = 8
GAP_S = 300.0
"""So many events of a subject are told at once, and one time in so long after that."""
MOST_SUBJECTS = 1024
FORGOTTEN = "agent events"
"""The subject of what was held of subjects beyond these. No instance has such a name."""


@frozen()
class Held:
    """Events of one kind that were not told: the newest detail, how many, first and last when.

    The times are on the monotonic clock: the wall clock may be set between the two.
    """

    detail: str
    count: int
    first_s: float
    last_s: float
    subjects: int = 1


@frozen()
class Pace:
    """What one subject has used up, until a moment on the monotonic clock; and what is held."""

    used_until: float
    held: Mapping[EventKind, Held] = dataclasses.field(default_factory=dict)


Paces = Mapping[str, Pace]
"""By subject."""


def told(paces: Paces, subject: str, now_s: float) -> Paces | None:
    """Return the paces after an event that is told now; None where it is to be held."""
    paces = _without_rested(paces, now_s)
    pace = paces.get(subject)
    if pace is None:
        return {**_with_room(paces, now_s), subject: Pace(_used(-float("inf"), now_s))}
    used_until = _used(pace.used_until, now_s)
    if pace.held or used_until > now_s:
        return None
    return {**paces, subject: Pace(used_until)}


def ended(
    paces: Paces, subject: str, now_s: float
) -> tuple[Paces, list[tuple[EventKind, Held]]] | None:
    """Return the paces after the end of a subject, and what is to be told before that.

    An end is told at once, with all that is held: later, that would speak of what is long gone.
    None where even ends are too many: it is to be held then, behind the rest.
    """
    pace = paces.get(subject)
    if pace is None:
        after = told(paces, subject, now_s)
        return None if after is None else (after, [])
    if pace.used_until > now_s + BURST * GAP_S:
        return None
    after = {**paces, subject: Pace(_used(pace.used_until, now_s))}
    return after, list(pace.held.items())


def held(paces: Paces, subject: str, kind: EventKind, detail: str, now_s: float) -> Paces:
    """Return the paces with an event that is not told yet."""
    pace = paces[subject]
    one = Held(detail, 1, now_s, now_s)
    before = pace.held.get(kind)
    if before is not None:
        one = dataclasses.replace(one, count=before.count + 1, first_s=before.first_s)
    others = {other: events for other, events in pace.held.items() if other is not kind}
    return {**paces, subject: dataclasses.replace(pace, held={**others, kind: one})}


def due_at(paces: Paces) -> float:
    """Return when the first held events may be told, on the monotonic clock."""
    moments = (one.used_until + GAP_S for one in paces.values() if one.held)
    return min(moments, default=float("inf"))


def released(
    paces: Paces, now_s: float, *, all_of_them: bool = False
) -> tuple[Paces, list[tuple[str, EventKind, Held]]]:
    """Return the paces after what may be told now, and that, by subject and kind."""
    due = {
        name: one
        for name, one in paces.items()
        if one.held and (all_of_them or one.used_until + GAP_S <= now_s)
    }
    told_now = [
        (name, kind, events) for name, one in due.items() for kind, events in one.held.items()
    ]
    after = {name: Pace(_used(one.used_until, now_s)) for name, one in due.items()}
    return {**paces, **after}, told_now


def _used(used_until: float, now_s: float) -> float:
    """Return what is used up with one more; what was not used before is saved up to the burst."""
    return max(used_until, now_s - BURST * GAP_S) + GAP_S


def _without_rested(paces: Paces, now_s: float) -> Paces:
    rested = now_s - BURST * GAP_S
    return {name: one for name, one in paces.items() if one.held or one.used_until > rested}


def _with_room(paces: Paces, now_s: float) -> Paces:
    """Return the paces with one subject fewer where there are too many.

    Whoever invents subjects without end is not followed for ever; what is held of those that are
    forgotten is counted.
    """
    if len(paces) < MOST_SUBJECTS:
        return paces
    others = [name for name in paces if name != FORGOTTEN]
    quiet = [name for name in others if not paces[name].held]
    oldest = min(quiet or others, key=lambda name: paces[name].used_until)
    left = {name: one for name, one in paces.items() if name != oldest}
    lost = paces[oldest].held.values()
    return {**left, FORGOTTEN: _forgotten(left.get(FORGOTTEN), lost, now_s)} if lost else left


def _forgotten(before: Pace | None, lost: Iterable[Held], now_s: float) -> Pace:
    """Return the pace of what is forgotten, told as one event; `lost` are those of a subject."""
    pace = before or Pace(now_s)
    known = [one for one in (pace.held.get(EventKind.SUPPRESSED),) if one is not None]
    events = [*known, *lost]
    count = sum(one.count for one in events)
    subjects = sum(one.subjects for one in known) + 1
    detail = f"{words_of(count, 'event')} of {words_of(subjects, 'subject')} not sent: too many"
    one = Held(
        detail,
        count,
        min(one.first_s for one in events),
        max(one.last_s for one in events),
        subjects,
    )
    return dataclasses.replace(pace, held={EventKind.SUPPRESSED: one})


def words_of(count: int, noun: str) -> str:
    """Return how many there are of something, as people say it."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
