"""How often the hub is told of one subject: at once at first, then what came together. Pure.

Something that ends, fails or is plugged every few seconds would fill a thin link and wear the disk,
and say nothing new. Reports are not held back: how things stand, the hub always knows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from skerry_wire.frozen import frozen
from skerry_wire.messages import EventKind

BURST = 8
GAP_S = 300.0
"""So many events of a subject are told at once, and one time in so long after that."""
MOST_SUBJECTS = 1024


@frozen()
class Held:
    """Events of one kind that were not told: the newest detail, how many, and the times."""

    detail: str
    count: int
    first_at: float
    at: float


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
        # Whoever invents subjects without end is not followed for ever.
        kept = paces if len(paces) < MOST_SUBJECTS else {}
        return {**kept, subject: Pace(_used(-float("inf"), now_s))}
    used_until = _used(pace.used_until, now_s)
    if pace.held or used_until > now_s:
        return None
    return {**paces, subject: Pace(used_until)}


def held(paces: Paces, subject: str, kind: EventKind, detail: str, wall_s: float) -> Paces:
    """Return the paces with an event that is not told yet."""
    pace = paces[subject]
    before = pace.held.get(kind)
    one = Held(detail, 1, wall_s, wall_s)
    if before is not None:
        one = Held(detail, before.count + 1, before.first_at, wall_s)
    others = {other: events for other, events in pace.held.items() if other is not kind}
    return {**paces, subject: dataclasses.replace(pace, held={**others, kind: one})}


def due_at(paces: Paces) -> float:
    """Return when the first held events may be told, on the monotonic clock."""
    moments = (one.used_until + GAP_S for one in paces.values() if one.held)
    return min(moments, default=float("inf"))


def released(paces: Paces, now_s: float) -> tuple[Paces, list[tuple[str, EventKind, Held]]]:
    """Return the paces after what may be told now, and that, by subject and kind."""
    due = {name: one for name, one in paces.items() if one.held and one.used_until + GAP_S <= now_s}
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
