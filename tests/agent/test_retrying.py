"""The pace of retries: one instance that fails for ever does not slow another one."""

import pytest
from tests.agent.test_core import Box, converges, order_bytes, status

from skerry_agent import events as ev
from skerry_agent.retrying import failures_of, tried_again
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import InstanceState


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
