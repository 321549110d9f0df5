"""The pace of retries: one instance that fails for ever does not slow another one."""

import pytest
from tests.agent.test_core import Box, converges, order_bytes, status

from skerry_agent import events as ev
from skerry_agent.retrying import failures_of, tried_again
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import InstanceState, Refusal


@pytest.mark.parametrize(
    ("state", "update", "fine"),
    [
        ("running", None, True),
        ("exited", None, True),
        ("failed", None, False),
        ("pending", None, False),
        ("unknown", None, False),
        ("running", "waiting", False),
        ("running", "rolled_back", True),
        ("running", "held", True),
        ("failed", "rolled_back", False),
    ],
)
def test_what_is_not_as_it_shall_be_is_counted(state, update, fine):
    told = None if update is None else UpdateStatus(revision="2" * 16, state=update)
    one = status(InstanceState(state), update=told)
    assert tried_again({one.id: 3, "gone": 9}, [one]) == ({} if fine else {one.id: 4})


def test_the_newest_trouble_sets_the_pace():
    assert failures_of({"a": 9, "b": 1}, 20) == 1
    assert failures_of({}, 20) == 20


def tries(box, run, outcome):
    """End a run and return the next one, with how long it took to come."""
    box.on(ev.ExecutorDone(run.run, outcome))
    before = box.mono
    while not (again := converges(box.wait(0.5))):
        pass
    return again[0], box.mono - before


def test_another_instance_is_tried_soon_although_one_has_failed_for_long():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    failed = status(InstanceState.FAILED, name="a-0")
    for _ in range(10):
        run, waited = tries(box, run, Outcome(accepted=1, instances=(failed,)))
    assert waited > 100
    both = Outcome(accepted=1, instances=(failed, status(InstanceState.FAILED, name="b-0")))
    run, waited = tries(box, run, both)
    assert waited < 5


NO_ROOM = Refusal(generation=2, code="not_kept", reason="No space left on device")
BLIND = Outcome(accepted=1, unseen="podman does not answer", retry_most_s=30.0)


def many_times(box, first, outcome):
    """Have each visit end so; return what the next one is given, and after how long."""
    box.draw, run = 1.0, first
    for _ in range(12):
        box.on(ev.ExecutorDone(run.run, outcome))
        begun = box.mono
        (run,) = converges(box.wait(31))[:1]
        assert box.state.run_at - begun <= 30
    return run


def test_an_order_that_there_was_no_room_to_keep_is_tried_until_there_is():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(2))))
    refused = Outcome(accepted=1, reached=True, refusal=NO_ROOM, retry_most_s=30.0)
    assert many_times(box, run, refused).order == order_bytes(2)


def test_an_order_that_is_refused_for_good_is_not_tried_again():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(2))))
    box.on(ev.ExecutorDone(run.run, Outcome(accepted=1, reached=True, refusal=NO_ROOM)))
    assert converges(box.wait(300)) == []


def test_a_runtime_that_does_not_answer_is_asked_again_soon_however_long_it_lasts():
    box = Box().up()
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    many_times(box, run, BLIND)


def test_an_executor_that_is_away_is_tried_again_soon_however_long_it_lasts():
    box = Box().up()
    box.draw = 1.0
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    for _ in range(12):
        box.on(ev.ExecutorFailed(run.run, "away"))
        (run,) = converges(box.wait(30))[:1]
        assert run.order == order_bytes(1)


def test_an_executor_that_was_killed_is_visited_again_at_once_and_then_as_after_any_failure():
    box = Box().up()
    box.draw = 1.0
    box.wait(1)
    (run,) = converges(box.on(ev.OrderArrived(order_bytes(1))))
    box.on(ev.ExecutorFailed(run.run, "it left without an answer"))
    (run,) = converges(box.wait(0.6))
    box.on(ev.ExecutorFailed(run.run, "it left without an answer"))
    assert converges(box.wait(7)) == []
    assert len(converges(box.wait(1.1))) == 1
