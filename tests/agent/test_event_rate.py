"""How often the hub is told of one subject."""

from skerry_agent import event_rate
from skerry_agent.event_rate import BURST, GAP_S, MOST_SUBJECTS
from skerry_wire.messages import EventKind


def burst(subject="a-0", now_s=0.0):
    """Return the paces of a subject that has used up its burst."""
    paces = {}
    for _ in range(BURST):
        paces = event_rate.told(paces, subject, now_s)
        assert paces is not None
    return paces


def test_the_first_are_told_at_once_and_then_one_at_a_time():
    paces = burst()
    assert event_rate.told(paces, "a-0", 1.0) is None
    assert event_rate.told(paces, "b-0", 1.0) is not None  # each has its own
    assert event_rate.told(paces, "a-0", GAP_S) is not None


def test_what_is_held_is_told_together():
    paces = burst()
    for second in range(5):
        detail = f"exit {second}"
        paces = event_rate.held(paces, "a-0", EventKind.FAILED, detail, 1000.0 + second)
    paces = event_rate.held(paces, "a-0", EventKind.RUNNING, "", 1006.0)
    assert event_rate.due_at(paces) == GAP_S
    assert event_rate.released(paces, GAP_S - 1)[1] == []
    after, told = event_rate.released(paces, GAP_S)
    assert [(name, kind, one.count) for name, kind, one in told] == [
        ("a-0", EventKind.FAILED, 5),
        ("a-0", EventKind.RUNNING, 1),
    ]
    assert (told[0][2].detail, told[0][2].first_at, told[0][2].at) == ("exit 4", 1000.0, 1004.0)
    assert event_rate.due_at(after) == float("inf")
    assert event_rate.told(after, "a-0", GAP_S + 1) is None


def test_while_some_are_held_none_overtakes_them():
    paces = event_rate.held(burst(), "a-0", EventKind.FAILED, "", 1000.0)
    assert event_rate.told(paces, "a-0", 10 * GAP_S) is None


def test_subjects_without_end_are_not_remembered():
    paces = {}
    for number in range(MOST_SUBJECTS + 10):
        paces = event_rate.told(paces, f"usb {number}", 0.0)
    assert len(paces) <= MOST_SUBJECTS
    assert set(event_rate.told(paces, "a-0", 2 * BURST * GAP_S)) == {"a-0"}
