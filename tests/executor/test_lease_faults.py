"""Leases under faults, with the real program and a real podman: all has stopped at their end.

The containers write the time since the box's start again and again: their last line tells when
they really ran last.
"""

import dataclasses
import os
import signal
import time

import pytest
from tests.executor.client import Client, asked, leased
from tests.executor.orders import container, granted, instance, order, signed
from tests.executor.test_listen import Held, over

from lab.processes import wait_for
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.lease import KILL_MARGIN_S
from skerry_wire.lifecycle import Lease

# It hears no SIGTERM, as the first process of its namespace without a handler.
WRITES = ("/bin/sh", "-c", "while read t rest </proc/uptime; do echo $t; sleep 0.02; done")
LAST_S = KILL_MARGIN_S + 0.6
"""The last lease that is granted."""


@pytest.fixture
def held(tmp_path, podman):
    held = Held(tmp_path, idle_s="60")
    (tmp_path / "policy.toml").write_text('[images]\nallow = ["localhost"]\n')
    held.environment["SKERRY_EXECUTOR_RUNTIME_SOCKET"] = str(podman.socket)
    held.start()
    yield held
    held.process.stop()
    podman.run("rm", "--all", "--force", "--time=0")


def run(held, *names):
    """Have instances run with a long lease, then with a short one; return when that ends."""
    part = container(command=WRITES, restart="always")
    wanted = [
        dataclasses.replace(instance(name, containers=[part]), lease=Lease(duration_s=60.0))
        for name in names
    ]
    assert not asked(held.path, signed(order(*wanted))).reached
    given = {name.replace("-", "_"): 60.0 for name in names}
    assert leased(held.path, **given).visit
    assert asked(held.path).reached
    begun = since_boot_s()
    assert leased(held.path, **dict.fromkeys(given, LAST_S)).error is None
    return begun + LAST_S


def last_line(podman, name="a-0"):
    # Of a log that is written meanwhile podman shows a line more than asked for, now and then.
    return float(podman.run("logs", "--tail", "1", f"skerry-{name}-web").split()[-1])


def running(podman):
    return podman.run("ps", "--quiet").split()


def until_ended(podman):
    wait_for("the end", lambda: not running(podman), 20)


def kill(held):
    for child in held.children():
        os.kill(child, signal.SIGKILL)


def test_without_an_agent_it_ends_in_time_and_starts_again_only_when_renewed(held, podman):
    end = run(held, "a-0", "b-0")
    until_ended(podman)
    for name in ("a-0", "b-0"):
        assert end - LAST_S < last_line(podman, name) < end - KILL_MARGIN_S + 0.5
    outcome = asked(held.path)
    assert {one.reason for one in outcome.instances} == {"its lease ended; the hub must renew it"}
    assert not running(podman)
    assert leased(held.path, a_0=60.0).visit
    asked(held.path)
    assert len(running(podman)) == 1
    wait_for("it to write", lambda: last_line(podman) > end)


def test_kill_9_of_the_run_again_and_again_delays_nothing(held, podman):
    end = run(held, "a-0")
    kills = 0
    while running(podman):
        # Several for each question, which takes a second on a busy machine.
        for _ in range(3):
            kill(held)
            kills += 1
            time.sleep(0.15)
        assert since_boot_s() < end + 5
    assert last_line(podman) < end
    assert kills >= 3


def test_a_hung_runtime_delays_nothing(held, podman):
    end = run(held, "a-0")
    pid = podman.run("inspect", "--format", "{{.State.Pid}}", "skerry-a-0-web").strip()
    os.kill(podman._service.pid, signal.SIGSTOP)
    try:
        kill(held)  # nor that the run which knew the processes is gone
        wait_for("the end", lambda: over(int(pid)), 10)
    finally:
        os.kill(podman._service.pid, signal.SIGCONT)
    assert since_boot_s() < end
    assert last_line(podman) < end


def test_a_run_that_was_suspended_ends_it_first_of_all(held, podman):
    end = run(held, "a-0")
    (child,) = held.children()
    os.kill(child, signal.SIGSTOP)
    time.sleep(end - KILL_MARGIN_S - since_boot_s() + 0.3)
    assert running(podman), "a process that is stopped can do nothing"
    os.kill(child, signal.SIGCONT)
    resumed = since_boot_s()
    until_ended(podman)
    assert last_line(podman) < resumed + 0.5


def test_an_executor_that_was_away_ends_it_first_of_all(held, podman):
    end = run(held, "a-0")
    held.process.kill()
    time.sleep(end - KILL_MARGIN_S - since_boot_s() + 0.3)
    assert running(podman)
    begun = since_boot_s()
    held.start()
    until_ended(podman)
    assert last_line(podman) < begun + 3.0, "it imports what it needs, then ends what is over"


def test_what_crashes_within_its_lease_is_started_again_without_an_agent(held, podman):
    part = container(command=("/bin/sleep", "1000"))
    wanted = dataclasses.replace(instance("a-0", containers=[part]), lease=Lease(duration_s=60.0))
    asked(held.path, signed(order(wanted)))
    leased(held.path, a_0=60.0)
    asked(held.path)
    before = podman.run("ps", "--format", "{{.StartedAt}}")
    podman.run("kill", "skerry-a-0-web")
    wait_for("it to run again", lambda: running(podman), 20)
    assert podman.run("ps", "--format", "{{.StartedAt}}") != before


def test_a_grant_counts_once_and_only_for_its_challenge(held, podman):
    wanted = dataclasses.replace(instance("a-0"), lease=Lease(duration_s=60.0))
    data = granted(Client(held.path).challenge() or b"0" * 32, {"a-0": 60.0})
    assert "has accepted no order" in Client(held.path).grant(data).error
    asked(held.path, signed(order(wanted)))
    data = granted(Client(held.path).challenge(), {"a-0": 60.0})
    assert Client(held.path).grant(data).visit
    for again in (data, granted(b"0" * 32, {"a-0": 600.0})):
        assert "it answers no challenge of this box" in Client(held.path).grant(again).error
