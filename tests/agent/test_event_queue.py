"""The events that wait for the broker: when each was, and how many are too many."""

import dataclasses

from skerry_agent import event_queue
from skerry_wire.messages import EVENT_AGE_MOST_S, Event, EventKind


def event(number, at=None, **changes):
    one = Event(
        incarnation="0" * 32, boot=3, seq=0, id=f"e-{number}", kind=EventKind.EXITED,
        at=1000.0 + number if at is None else at, subject="a-0",
    )  # fmt: skip
    return dataclasses.replace(one, **changes)


def test_a_clock_that_was_set_moves_those_of_this_run():
    events = [event(1, boot=2), event(2, count=2, first_at=990.0), event(3)]
    old, two, three = event_queue.moved(events, 3, 500.0)
    assert (old.at, two.at, two.first_at, three.at) == (1001.0, 1502.0, 1490.0, 1503.0)
    assert event_queue.moved([event(1)], 3, -5000.0)[0].at == 0.0


def test_an_age_that_cannot_be_is_none():
    assert event_queue.age_s(event(0), 1010.04) == 10.0
    assert event_queue.age_s(event(0), 1000.0 + EVENT_AGE_MOST_S) == EVENT_AGE_MOST_S
    assert event_queue.age_s(event(0), 1001.0 + EVENT_AGE_MOST_S) == 0.0
    assert event_queue.age_s(event(0), 900.0) == 0.0


def test_the_oldest_of_too_many_become_one_that_counts_them():
    events = tuple(event(n) for n in range(3))
    assert event_queue.shortened(events, 3, "new") == events
    one, last = event_queue.shortened(events, 2, "new")
    assert (one.id, one.kind, one.count) == ("new", EventKind.SUPPRESSED, 2)
    assert (one.first_at, one.at, last) == (1000.0, 1001.0, events[2])
    again, _ = event_queue.shortened((one, last, event(3)), 2, "newer")
    assert (again.count, again.first_at, again.at) == (3, 1000.0, 1002.0)
    assert again.detail == "3 events not sent: more than 2 waited for the broker"
