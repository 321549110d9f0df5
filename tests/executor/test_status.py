"""How an instance stands: one container in, the words of a report out."""

import pytest
from tests.executor.orders import container, instance
from tests.executor.test_reconcile import actual

from skerry_executor.actual import Phase
from skerry_executor.status import standings
from skerry_wire.lifecycle import TcpProbe
from skerry_wire.messages import Health
from skerry_wire.workload import HealthCheck

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("changes", "wall_s", "state", "reason"),
    [
        ({"restarts": 2, "started_at": NOW - 1}, NOW, "running", None),
        ({"restarts": 3, "started_at": NOW - 61}, NOW, "running", None),
        ({"restarts": 3, "started_at": NOW + 100}, NOW, "running", None),
        ({"restarts": 9, "started_at": None}, NOW, "running", None),
        ({"restarts": 9, "started_at": NOW - 1}, None, "running", None),
        (
            {"restarts": 9, "started_at": NOW - 1},
            NOW,
            "failed",
            "web was restarted 9 times, the last time a moment ago",
        ),
        (
            {"phase": Phase.RESTARTING, "exit_code": 2, "restarts": 4},
            NOW,
            "failed",
            "web ended with 2, after 4 restarts; the runtime starts it again",
        ),
        (
            {"phase": Phase.RESTARTING, "exit_code": 2},
            NOW,
            "failed",
            "web ended with 2; the runtime starts it again",
        ),
        ({"phase": Phase.CREATED}, NOW, "pending", "web has not been started yet"),
        ({"phase": Phase.EXITED, "exit_code": 1}, NOW, "failed", "web ended with 1"),
    ],
)
def test_what_is_restarted_again_and_again_is_not_running(changes, wall_s, state, reason):
    wanted = instance()
    (found,) = standings([wanted], [actual(wanted, **changes)], "fake", wall_s=wall_s)
    assert (found.status.state, found.status.reason) == (state, reason)
    assert found.reached is (state == "running")


def test_an_instance_that_runs_says_why_a_check_of_it_fails():
    wanted = instance(containers=[*map(container, ("web", "side"))])
    web, side = wanted.containers
    sick = actual(wanted, side, health=Health.UNHEALTHY, health_reason="answered 503")
    (found,) = standings([wanted], [actual(wanted, web), sick], "fake")
    told = found.status
    assert (told.state, told.health) == ("running", "unhealthy")
    assert told.reason == "side is unhealthy: answered 503"
    assert found.reached


@pytest.mark.parametrize(
    ("check", "phase", "health"),
    [
        (HealthCheck(command=(), tcp=TcpProbe(port=80)), Phase.RUNNING, "starting"),
        (HealthCheck(command=(), tcp=TcpProbe(port=80)), Phase.EXITED, "none"),
        (HealthCheck(command=("NONE",)), Phase.RUNNING, "none"),
        (None, Phase.RUNNING, "none"),
    ],
)
def test_what_has_not_been_checked_yet_is_not_healthy_yet(check, phase, health):
    wanted = instance(health=check)
    (found,) = standings([wanted], [actual(wanted, phase=phase, exit_code=0)], "fake")
    assert found.status.health == health


def test_it_started_when_the_newest_of_what_runs_did():
    wanted = instance(
        containers=[container("init", restart="no"), *map(container, ("web", "side"))]
    )
    init, web, side = wanted.containers
    done = actual(wanted, init, Phase.EXITED, exit_code=0, started_at=NOW - 5)
    there = [
        done,
        actual(wanted, web, started_at=NOW - 60),
        actual(wanted, side, started_at=NOW - 20, restarts=2),
    ]
    (standing,) = standings([wanted], there, "fake")
    assert (standing.status.started_at, standing.status.restarts) == (NOW - 20, 2)
    (standing,) = standings([wanted], [done], "fake")
    assert standing.status.started_at == NOW - 5
