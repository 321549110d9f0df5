"""Health as the executor counts it, and where it asks: pure."""

import dataclasses

import pytest
from tests.executor.orders import container, instance
from tests.executor.test_reconcile import actual

from skerry_executor.health import Reached, checks_of, counted, due_in_s, reached_at, start_of
from skerry_wire.lifecycle import HttpProbe
from skerry_wire.messages import Health
from skerry_wire.workload import HealthCheck, PortMapping

PROBE = HealthCheck(
    command=(), http=HttpProbe(port=80), interval_s=10.0, retries=2, start_period_s=30.0
)


@pytest.mark.parametrize(
    ("script", "health"),
    [
        ([(0, True)], "healthy"),
        ([(0, False), (29, False), (29, False)], "starting"),
        ([(0, False), (30, False)], "starting"),
        ([(0, False), (30, False), (40, False)], "unhealthy"),
        ([(0, False), (5, True), (15, False)], "healthy"),
        ([(0, True), (10, False), (20, False)], "unhealthy"),
        ([(0, True), (10, False), (20, True), (30, False)], "healthy"),
        ([(0, True), (10, False), (20, False), (30, True)], "healthy"),
    ],
)
def test_it_is_counted_as_the_runtimes_do(script, health):
    tally = None
    for at_s, passed in script:
        tally = counted(tally, PROBE, "x", None if passed else "answered 503", 1000.0 + at_s)
        assert tally.reason.endswith("" if passed else "answered 503")
    assert tally.health is Health(health)


def test_a_failure_too_few_says_of_how_many_it_is_one():
    tally = counted(None, PROBE, "x", "answered 503", 1000.0)
    assert tally.reason == "answered 503", "within the start period none counts"
    for at_s, health, reason in (
        (30.0, "starting", "1 of 2 failures: answered 503"),
        (40.0, "unhealthy", "answered 503"),
        (50.0, "healthy", ""),
        (60.0, "healthy", "1 of 2 failures: answered 404"),
    ):
        failed = None if at_s == 50.0 else "answered " + reason[-3:]
        tally = counted(tally, PROBE, "x", failed, 1000.0 + at_s)
        assert (tally.health, tally.reason) == (health, reason)


def test_a_check_is_due_once_its_interval_is_over():
    tally = counted(None, PROBE, "x", None, 1000.0)
    assert due_in_s(tally, PROBE, 1004.0) == 6.0
    assert due_in_s(tally, PROBE, 1010.0) == 0.0
    assert due_in_s(tally, PROBE, 2000.0) == 0.0


@pytest.mark.parametrize(
    ("changes", "address", "reached"),
    [
        ({"network": "host"}, "10.88.0.2", Reached("127.0.0.1", 80)),
        ({}, "10.88.0.2", Reached("10.88.0.2", 80)),
        ({}, None, None),
        ({"ports": (PortMapping(host=8080, container=80),)}, None, Reached("127.0.0.1", 8080)),
        (
            {"ports": (PortMapping(host=8080, container=80, host_ip="10.0.0.1"),)},
            None,
            Reached("10.0.0.1", 8080),
        ),
        ({"ports": (PortMapping(host=80, container=80, protocol="udp"),)}, None, None),
        ({"ports": (PortMapping(host=81, container=81),)}, None, None),
    ],
)
def test_a_port_is_reached_where_the_container_has_it(changes, address, reached):
    wanted = instance(**changes)
    one = actual(wanted, address=address)
    assert reached_at(wanted.containers[0], one, 80) == reached


def test_a_container_is_checked_by_what_it_was_made_from():
    old = instance(containers=[container(health=PROBE), container("db")])
    new = dataclasses.replace(old, revision="2" * 16, containers=(container(), container("db")))
    there = [actual(old), actual(old, old.containers[1])]
    assert checks_of([new], there) == []
    assert checks_of([new, old], there) == [(old.containers[0], there[0])]
    assert start_of(there[0]) != start_of(dataclasses.replace(there[0], restarts=1))
