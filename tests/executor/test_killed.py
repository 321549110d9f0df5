"""kill -9 of the executor in the middle of its work, on a real podman."""

import os
import signal

import pytest
from tests.executor.client import Client, asked
from tests.executor.orders import instance, order, signed
from tests.executor.test_listen import Held

from lab.processes import wait_for

COUNT = 4


@pytest.fixture
def held(tmp_path, podman):
    held = Held(tmp_path, idle_s="60")
    (tmp_path / "policy.toml").write_text('[images]\nallow = ["localhost"]\n')
    held.environment["SKERRY_EXECUTOR_RUNTIME_SOCKET"] = str(podman.socket)
    held.start()
    yield held
    held.process.stop()
    podman.run("rm", "--all", "--force", "--time=0")


@pytest.mark.parametrize("frames", [1, 4, 9])
def test_after_a_kill_the_same_order_is_reached_and_nothing_is_doubled(held, podman, frames):
    wanted = [instance(f"a-{n}", stop_grace_s=0.0) for n in range(COUNT)]
    client = Client(held.path).ask(signed(order(*wanted)))
    for _ in range(frames):
        client.next()
    for child in held.children():
        os.kill(child, signal.SIGKILL)
    started = podman.run("ps", "--format", "{{.ID}} {{.StartedAt}}").split("\n")

    def reached():
        outcome = asked(held.path)
        return outcome if outcome.reached else None

    outcome = wait_for("the order", reached)
    assert [one.state for one in outcome.instances] == ["running"] * COUNT
    now = podman.run("ps", "--all", "--format", "{{.ID}} {{.StartedAt}}").split("\n")
    assert len(list(filter(None, now))) == COUNT
    assert set(started) <= set(now), "what ran already was not started again"
    asked(held.path, signed(order(generation=2)))
    wait_for("the end of all", reached)
    assert podman.run("ps", "--all", "--quiet") == ""
