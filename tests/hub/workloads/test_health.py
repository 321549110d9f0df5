"""Health checks."""

import pytest
from tests.hub.workloads.samples import container, refusals

from skerry_wire.lifecycle import HttpProbe, TcpProbe
from skerry_wire.workload import HealthCheck


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("curl -f x || exit 1", ("CMD-SHELL", "curl -f x || exit 1")),
        ('["CMD", "curl", "$$x"]', ("CMD", "curl", "$x")),
        ('["CMD-SHELL", "curl"]', ("CMD-SHELL", "curl")),
        ('["NONE"]', ("NONE",)),
    ],
)
def test_a_command(written, command):
    assert container(f"healthcheck: {{test: {written}}}").health.command == command


def test_times_and_their_defaults():
    found = container("healthcheck: {test: x}").health
    assert (found.interval_s, found.timeout_s, found.start_period_s, found.retries) == (
        30,
        30,
        0,
        3,
    )
    part = "healthcheck: {test: x, interval: 2m, timeout: 1.5s, start_period: 0s, retries: 7}"
    found = container(part).health
    assert (found.interval_s, found.timeout_s, found.start_period_s, found.retries) == (
        120,
        1.5,
        0,
        7,
    )


def test_switching_the_images_own_off():
    assert container("healthcheck: {disable: true}").health.command == ("NONE",)
    assert container("healthcheck: {disable: true, test: x}").health.command == ("NONE",)
    assert container("healthcheck: {disable: false, test: x}").health.command[1] == "x"


def test_probes_of_the_node():
    found = container("healthcheck: {x-http: {port: 80, path: /a%20b, scheme: https}, retries: 2}")
    assert found.health == HealthCheck(
        command=(), http=HttpProbe(port=80, path="/a%20b", scheme="https"), retries=2
    )
    found = container("healthcheck: {x-tcp: {port: 5432}}").health
    assert (found.command, found.http, found.tcp) == ((), None, TcpProbe(port=5432))
    found = container("healthcheck: {x-tcp: {port: 5432}, disable: true}").health
    assert (found.command, found.tcp) == (("NONE",), None)


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{interval: 1s}", ".test", "is missing"),
        ("{disable: false}", ".test", "is missing"),
        ("{test: []}", ".test", "must be a text"),
        ("{test: [curl]}", ".test", "must be a text"),
        ("{test: [CMD]}", ".test", "must be a text"),
        ("{test: [CMD-SHELL, a, b]}", ".test", "must be a text"),
        ("{test: [NONE, a]}", ".test", "must be a text"),
        ('{test: ""}', ".test", "is empty"),
        ("{test: x, interval: 10}", ".interval", "write 10s for seconds"),
        ("{test: x, interval: 0s}", ".interval", "must be 0.1s to 86400s"),
        ("{test: x, timeout: 25h}", ".timeout", "must be 0.1s to 86400s"),
        ("{test: x, retries: 0}", ".retries", "from 1 to 1000"),
        ("{test: x, start_interval: 1s}", ".start_interval", "is not supported"),
        ("{test: x, disable: 'true'}", ".disable", "true or false"),
        ("curl", "", "must be a mapping"),
        ("{test: x, x-tcp: {port: 1}}", ".x-tcp", "cannot stand beside test"),
        ("{x-http: {port: 80}, x-tcp: {port: 1}}", ".x-tcp", "cannot stand beside x-http"),
        ("{x-http: {path: /}}", ".x-http.port", "is missing"),
        ("{x-http: {port: 0}}", ".x-http.port", "from 1 to 65535"),
        ("{x-http: {port: 80, path: ready}}", ".x-http.path", "is not a path like /ready"),
        ("{x-http: {port: 80, path: /a b}}", ".x-http.path", "write %20"),
        ("{x-http: {port: 80, scheme: ftp}}", ".x-http.scheme", "one of http, https"),
        ("{x-tcp: {port: 80, host: x}}", ".x-tcp.host", "is not a key of a TCP probe"),
    ],
)
def test_what_is_no_health_check(written, field, reason):
    ((_, at, said),) = refusals(f"healthcheck: {written}")
    assert at == f"healthcheck{field}"
    assert reason in said
