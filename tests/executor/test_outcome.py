"""When the executor wants to be visited again: what is there in, seconds out."""

import pytest
from tests.executor.orders import container, instance, order
from tests.executor.test_reconcile import actual

from skerry_executor.actual import Phase
from skerry_executor.outcome import CHECK_LOOK_S, RESTARTING_LOOK_S, Seen, blind_outcome, outcome_of
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.switching import Aim
from skerry_wire.lifecycle import TcpProbe, UpdateStatus
from skerry_wire.messages import Health
from skerry_wire.workload import HealthCheck

CHECKED = instance(health=HealthCheck(command=("/bin/true",), interval_s=5.0))
PROBED = HealthCheck(command=(), tcp=TcpProbe(port=5))


@pytest.mark.parametrize(
    ("changes", "wall_s", "look_s"),
    [
        ({"health": Health.NONE}, 1001.0, 1.0),
        ({"health": Health.STARTING}, 1001.0, 5.0),
        ({"health": Health.STARTING}, 1299.0, 5.0),
        ({"health": Health.STARTING}, 1300.0, None),
        ({"health": Health.HEALTHY}, 1001.0, None),
        ({"health": Health.UNHEALTHY}, 1001.0, None),
        ({"health": Health.NONE, "phase": Phase.EXITED, "exit_code": 0}, 1001.0, None),
    ],
)
def test_what_a_check_says_first_is_looked_for_soon_after_a_start(changes, wall_s, look_s):
    seen = Seen(actual=(actual(CHECKED, started_at=1000.0, **changes),), wall_s=wall_s)
    assert outcome_of(order(CHECKED), "d" * 64, "fake", seen).look_after_s == look_s


@pytest.mark.parametrize(
    ("dues", "look_s"),
    [
        ((None, None), None),
        ((10.0, None), CHECK_LOOK_S),  # its interval, shorter than anything that is done at rest
        ((0.0, 29.0), CHECK_LOOK_S),  # both are done then
        ((300.0, 45.0), 45.0),
    ],
)
def test_at_rest_one_look_is_for_all_checks_that_are_due(dues, look_s):
    wanted = instance(containers=[container("a", health=PROBED), container("b", health=PROBED)])
    there = [
        actual(wanted, part, started_at=1000.0, health=Health.HEALTHY, check_in_s=due)
        for part, due in zip(wanted.containers, dues, strict=True)
    ]
    found = outcome_of(order(wanted), "d" * 64, "fake", Seen(actual=there, wall_s=9000.0))
    assert (found.reached, found.look_after_s) == (True, look_s)


def test_without_a_check_nothing_is_looked_for():
    wanted = instance()
    seen = Seen(actual=(actual(wanted, started_at=1000.0),), wall_s=1001.0)
    found = outcome_of(order(wanted), "d" * 64, "fake", seen)
    assert (found.reached, found.look_after_s) == (True, None)


@pytest.mark.parametrize(("pid", "look_s"), [(None, None), (7, RESTARTING_LOOK_S)])
def test_what_is_started_and_told_to_nobody_is_looked_for(pid, look_s):
    wanted = instance()
    one = actual(wanted, phase=Phase.RESTARTING, exit_code=1, ended_pid=pid)
    found = outcome_of(order(wanted), "d" * 64, "fake", Seen(actual=(one,), wall_s=1001.0))
    assert (found.reached, found.look_after_s) == (False, look_s)


@pytest.mark.parametrize(
    ("kind", "most_s"),
    [(Failure.DISK_FULL, 30.0), (Failure.PULL, None), (Failure.OTHER, None)],
)
def test_what_the_box_alone_bears_is_tried_again_soon_however_often_it_failed(kind, most_s):
    wanted = instance()
    seen = Seen(failures={wanted.id: RuntimeFailure(kind, "why")}, wall_s=1001.0)
    assert outcome_of(order(wanted), "d" * 64, "fake", seen).retry_most_s == most_s


def test_a_runtime_that_does_not_answer_is_asked_again_soon():
    found = blind_outcome(order(instance()), "d" * 64, RuntimeFailure(Failure.OTHER, "silent"))
    assert (found.unseen, found.retry_most_s) == ("silent", 30.0)


@pytest.mark.parametrize("aimed_at", ["new", "earlier"])
def test_what_hinders_an_update_is_told_at_the_update_from_the_first_moment_on(aimed_at):
    """First the run aims at the new content and fails, then at the earlier one: the same news."""
    earlier, new = instance(revision="a"), instance(revision="b", image="localhost/new:1")
    failure = RuntimeFailure(Failure.OTHER, "its secret cannot be opened")
    is_new = aimed_at == "new"
    why = "" if is_new else failure.reason
    update = UpdateStatus(revision=new.revision, state="waiting", reason=why)
    aim = Aim(instance=new if is_new else earlier, update=update)
    failures = {new.id: failure} if is_new else {}
    seen = Seen(actual=(actual(earlier),), aims={new.id: aim}, failures=failures)
    (told,) = outcome_of(order(new), "d" * 64, "fake", seen).instances
    assert (told.revision, told.state, told.reason) == (earlier.revision, "running", None)
    assert told.update.reason == failure.reason
