"""Jobs under faults, with the real program and a real podman."""

import dataclasses
import os
import signal
import time

import pytest
from tests.executor.client import Client, asked
from tests.executor.orders import container, instance, order, signed
from tests.executor.test_lease_faults import held  # noqa: F401 - a fixture

from lab.processes import wait_for
from skerry_wire.lifecycle import Job


def job(command, name="job-0", **about):
    part = container(command=("/bin/sh", "-c", command), stop_grace_s=0.0)
    return dataclasses.replace(instance(name, containers=[part]), job=Job(**about))


def kill(held):  # noqa: F811
    for child in held.children():
        os.kill(child, signal.SIGKILL)


def status(held):  # noqa: F811
    (found,) = asked(held.path).instances
    return found


def until(held, test):  # noqa: F811
    return wait_for("the job", lambda: (s := status(held)) and test(s) and s, 20)


@pytest.mark.parametrize("frames", [1, 3])
def test_kill_9_while_it_begins_leaves_one_attempt_and_what_is_done_stays_done(
    held,  # noqa: F811
    podman,
    frames,
):
    client = Client(held.path).ask(signed(order(job("exit 0"))))
    for _ in range(frames):
        client.next()
    kill(held)
    done = until(held, lambda s: s.state == "exited")
    assert (done.exit_code, done.job.runs, done.job.attempts) == (0, 1, 1)
    podman.run("rm", "--all")
    kill(held)
    asked(held.path, signed(order(job("exit 0"), generation=2)))
    assert status(held).job == done.job
    assert podman.run("ps", "--all", "--quiet") == ""


def test_a_deadline_is_kept_without_an_agent_and_after_kill_9(held, podman):  # noqa: F811
    asked(held.path, signed(order(job("sleep 1000", deadline_s=1.0))))
    begun = time.monotonic()
    while podman.run("ps", "--quiet"):
        kill(held)
        time.sleep(0.2)
        assert time.monotonic() - begun < 10
    found = status(held)
    assert (found.state, found.job.succeeded) == ("failed", False)
    assert "its deadline of 1 s is over" in found.reason


def test_what_ends_at_once_is_seen_to_have_ended(held, podman):  # noqa: F811
    wanted = [job("exit 0", name=f"job-{n}") for n in range(6)]
    outcome = asked(held.path, signed(order(*wanted)))
    assert {one.state for one in outcome.instances} == {"exited"}
    assert all(one.job.succeeded for one in outcome.instances)
    assert outcome.look_after_s == 0.05
