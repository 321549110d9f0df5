"""How often the hub is told of one subject."""

from skerry_agent import event_rate
from skerry_agent.event_rate import BURST, FORGOTTEN, GAP_S, MOST_SUBJECTS
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
        paces = event_rate.held(paces, "a-0", EventKind.FAILED, detail, 100.0 + second)
    paces = event_rate.held(paces, "a-0", EventKind.RUNNING, "", 106.0)
    assert event_rate.due_at(paces) == GAP_S
    assert event_rate.released(paces, GAP_S - 1)[1] == []
    after, told = event_rate.released(paces, GAP_S)
    assert [(name, kind, one.count) for name, kind, one in told] == [
        ("a-0", EventKind.FAILED, 5),
        ("a-0", EventKind.RUNNING, 1),
    ]
    assert (told[0][2].detail, told[0][2].first_s, told[0][2].last_s) == ("exit 4", 100.0, 104.0)
    assert event_rate.due_at(after) == float("inf")
    assert event_rate.told(after, "a-0", GAP_S + 1) is None


def test_while_some_are_held_none_overtakes_them():
    paces = event_rate.held(burst(), "a-0", EventKind.FAILED, "", 1.0)
    assert event_rate.told(paces, "a-0", 10 * GAP_S) is None


def test_subjects_without_end_are_not_remembered():
    paces = {}
    for number in range(MOST_SUBJECTS + 10):
        paces = event_rate.told(paces, f"usb {number}", 0.0)
    assert len(paces) <= MOST_SUBJECTS
    assert set(event_rate.told(paces, "a-0", 2 * BURST * GAP_S)) == {"a-0"}


def test_what_is_held_of_too_many_subjects_is_counted():
    paces = {}
    for number in range(MOST_SUBJECTS):
        paces |= burst(f"a-{number}", float(number))
        for _ in range(2):
            paces = event_rate.held(paces, f"a-{number}", EventKind.FAILED, "", float(number))
    now_s = float(MOST_SUBJECTS)
    for number in range(3):
        paces = event_rate.told(paces, f"usb {number}", now_s)
    assert len(paces) == MOST_SUBJECTS + 1
    # The first has made room for the second, and that, of which nothing is held, for the third.
    (one,) = paces[FORGOTTEN].held.values()
    assert (one.count, one.subjects, one.first_s, one.last_s) == (2, 1, 0.0, 0.0)
    for number in range(3, 6):
        paces |= burst(f"usb {number - 1}", now_s)
        paces = event_rate.held(paces, f"usb {number - 1}", EventKind.PLUGGED, "", now_s)
        paces = event_rate.told(paces, f"usb {number}", now_s)
    (one,) = paces[FORGOTTEN].held.values()
    assert one.detail == "8 events of 4 subjects not sent: too many"
    told = event_rate.released(paces, now_s + GAP_S)[1]
    assert (FORGOTTEN, EventKind.SUPPRESSED, one) in told
    left = event_rate.released(paces, now_s, all_of_them=True)[0]
    assert not any(pace.held for pace in left.values())


def test_an_end_is_told_at_once_with_what_is_held():
    paces = event_rate.held(burst(), "a-0", EventKind.FAILED, "exit 1", 1.0)
    paces, before = event_rate.ended(paces, "a-0", 2.0)
    assert [(kind, one.detail) for kind, one in before] == [(EventKind.FAILED, "exit 1")]
    assert not paces["a-0"].held


def test_ends_without_end_are_held_too():
    paces = burst()
    for _ in range(BURST + 1):
        paces, _ = event_rate.ended(paces, "a-0", 1.0)
    assert event_rate.ended(paces, "a-0", 1.0) is None
    paces = event_rate.held(paces, "a-0", EventKind.REMOVED, "", 1.0)
    assert event_rate.due_at(paces) < 2 * (BURST + 2) * GAP_S
