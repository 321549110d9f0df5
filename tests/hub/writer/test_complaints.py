"""What was wrong with messages: counted each time, said once a minute."""

from structlog.testing import capture_logs

from skerry_hub import metrics
from skerry_hub.writer.complaints import EVERY_S, KINDS_MOST, Complaints


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def complaining():
    clock = Clock()
    return Complaints(clock), clock


def test_the_first_is_said_at_once_and_the_rest_once_a_minute_with_their_number():
    complaints, clock = complaining()
    with capture_logs() as said:
        for number in range(1000):
            complaints.note("report", "malformed", f"box-{number}: bad")
    assert [(one["topic"], one["event"], one["count"]) for one in said] == [
        ("report", "malformed", 1)
    ]
    with capture_logs() as said:
        complaints.flush()
        clock.now += EVERY_S - 1
        complaints.flush()
        assert said == []
        clock.now += 1
        complaints.flush()
        complaints.flush()
    ((one),) = said
    assert (one["count"], one["example"]) == (999, "box-1: bad")


def test_kinds_are_said_apart_and_only_so_many():
    complaints, clock = complaining()
    with capture_logs():
        complaints.note("first", "malformed", "x")
    for number in range(KINDS_MOST + 10):
        complaints.note(f"kind-{number % 100}", "malformed", "x")
    clock.now += EVERY_S
    with capture_logs() as said:
        complaints.flush()
    assert len(said) == KINDS_MOST


def test_every_one_is_counted():
    complaints, _ = complaining()
    counter = metrics.MESSAGES.labels("counted", "malformed")
    before = counter._value.get()
    with capture_logs():
        for _ in range(100):
            complaints.note("counted", "malformed", "x")
    assert counter._value.get() == before + 100
