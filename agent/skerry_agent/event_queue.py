"""The events that the broker has not acknowledged yet: how many, and when each happened. Pure.

The wall clock of a box may be wrong, and be set while the box is cut off. So what this run of the
agent tells of is told by the clock as it is now, and a message says how long ago it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from skerry_agent.event_rate import FORGOTTEN, words_of
from skerry_wire.messages import EVENT_AGE_MOST_S, Event, EventKind

SET_S = 1.0
"""A wall clock that went by more than this away from the monotonic one has been set."""


def moved(events: Sequence[Event], boot: int, by_s: float) -> tuple[Event, ...]:
    """Return the events as the wall clock tells them after it was set by so much.

    Those of earlier runs stay: by which clock they were told nobody knows any more.
    """
    return tuple(_moved(one, by_s) if one.boot == boot else one for one in events)


def _moved(event: Event, by_s: float) -> Event:
    first_at = None if event.first_at is None else max(0.0, event.first_at + by_s)
    return dataclasses.replace(event, at=max(0.0, event.at + by_s), first_at=first_at)


def age_s(event: Event, wall_s: float) -> float:
    """Return how long ago an event was; 0 where the clock has been wrong, then or now."""
    age = wall_s - event.at
    return round(age, 1) if 0.0 < age <= EVENT_AGE_MOST_S else 0.0


def shortened(events: Sequence[Event], most: int, new_id: str) -> tuple[Event, ...]:
    """Return the events with the oldest of too many as one that counts them, `new_id`."""
    if len(events) <= most:
        return tuple(events)
    left = events[len(events) - most + 1 :]
    return (_counted(events[: len(events) - most + 1], most, new_id), *left)


def _counted(events: Sequence[Event], most: int, new_id: str) -> Event:
    count = sum(one.count for one in events)
    detail = f"{words_of(count, 'event')} not sent: more than {most} waited for the broker"
    last = events[-1]
    return Event(
        incarnation=last.incarnation,
        boot=last.boot,
        seq=0,
        id=new_id,
        kind=EventKind.SUPPRESSED,
        at=last.at,
        subject=FORGOTTEN,
        detail=detail,
        count=count,
        first_at=min(events[0].first_at or events[0].at, last.at),
    )
