"""Equal events as one, with a count."""

from skerry_hub.event_list import APART_S, counted, newest
from skerry_hub.views import EventView


def event(number, detail="exit 1, 3 restarts", **changes):
    known = {"id": f"e-{number}", "node": "box-1", "kind": "failed", "at": 60.0 * number}
    return EventView(**{**known, "subject": "a-0", "detail": detail, **changes})


def test_equal_ones_are_one_whatever_their_numbers():
    (found,) = counted(event(n, f"exit 1, {n} restarts") for n in range(1, 15))
    assert (found.id, found.count, found.first_at, found.at) == ("e-14", 14, 60.0, 840.0)
    assert found.detail == "exit 1, 14 restarts"


def test_others_lie_between_and_stay():
    events = [event(1), event(2, kind="running", detail=""), event(3), event(4, subject="b-0")]
    assert [(one.id, one.count) for one in counted(events)] == [("e-2", 1), ("e-3", 2), ("e-4", 1)]


def test_what_the_box_has_counted_counts():
    (found,) = counted([event(1, count=3, first_at=30.0), event(2, count=4, first_at=100.0)])
    assert (found.count, found.first_at) == (7, 30.0)


def test_those_far_apart_are_two():
    late = event(2, at=61.0 + APART_S)
    assert [one.count for one in counted([event(1), late])] == [1, 1]


def test_each_step_of_a_rollout_is_one():
    steps = [event(n, "2 of 3", kind="rollout_paused") for n in (1, 2)]
    assert [one.count for one in counted(steps)] == [1, 1]


def test_more_are_read_than_are_shown():
    class Store:
        def events(self, *, node=None, workload=None, limit=200):
            assert (node, workload, limit) == ("box-1", None, 8)
            return tuple(event(n, subject=f"{n % 3}") for n in range(limit))

    found = newest(Store(), 2, node="box-1")
    assert [(one.id, one.count) for one in found] == [("e-6", 3), ("e-7", 3)]
