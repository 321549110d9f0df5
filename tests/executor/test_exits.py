"""Ends that a runtime learns of later than the kernel."""

import dataclasses
import os
import subprocess

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, instance, order
from tests.executor.test_converge import DIGEST, Told
from tests.executor.test_reconcile import actual

from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.converge import Convergence
from skerry_executor.exits import Exits
from skerry_executor.runtimes.base import Failure, RuntimeFailure


class SlowToNotice(FakeRuntime):
    """Says of a container that its process runs, some looks longer than that is true."""

    def __init__(self, looks):
        super().__init__(images=[IMAGE])
        self.looks_left = looks
        self.pid = None

    def start(self, reference):
        super().start(reference)
        child = subprocess.Popen(["true"])
        child.wait()
        self.pid = child.pid
        self.put(self._found(reference), pid=child.pid)

    def container(self, reference):
        found = super().container(reference)
        if found is not None and found.pid is not None and found.pid == self.pid:
            self.looks_left -= 1
            if self.looks_left < 0:
                self.put(found, phase=Phase.EXITED, pid=None, exit_code=3)
                found = super().container(reference)
        return found


def run(runtime, wanted):
    return Convergence(wanted, DIGEST, runtime, Cancel(), Told(), lambda _: None).run()


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_what_ends_before_anybody_watches_is_seen_to_have_ended(looks):
    wanted = order(instance("a-0", restart="no"))
    (status,) = run(SlowToNotice(looks), wanted).instances
    assert (status.state, status.exit_code) == ("exited", 3)


def test_at_a_visit_too_what_has_just_ended_is_not_taken_for_running():
    runtime = SlowToNotice(10_000)
    wanted = order(instance("a-0", restart="no"))
    # The first run gives up to wait; the next visit sees the end that the runtime noticed late.
    assert run(runtime, wanted).instances[0].state == "running"
    runtime.looks_left = 3
    assert run(runtime, wanted).instances[0].state == "exited"


def test_what_runs_costs_no_look_more():
    runtime = FakeRuntime(images=[IMAGE])
    wanted = order(instance("a-0"))
    run(runtime, wanted)
    before = len(runtime.calls)
    run(runtime, wanted)
    assert [verb for verb, _ in runtime.calls[before:]] == ["list"]
    (one,) = runtime.containers("box-1")
    assert dataclasses.replace(one).pid == os.getpid()


def test_what_has_ended_and_is_damaged_is_said_to_be():
    child = subprocess.Popen(["true"])
    child.wait()
    runtime, exits = FakeRuntime(images=[IMAGE]), Exits(Told())
    one = actual(instance("a-0"), pid=child.pid)
    runtime.fails["look"] = RuntimeFailure(Failure.DAMAGED, "the store is damaged")
    (found,) = exits.looked(runtime, [one])
    assert (found.phase, found.pid, found.error) == (Phase.DAMAGED, None, "the store is damaged")
    exits.watch([dataclasses.replace(one, id="other")])
    runtime.fails["look"] = RuntimeFailure(Failure.UNREACHABLE, "gone")
    with pytest.raises(RuntimeFailure, match="gone"):
        exits.looked(runtime, [dataclasses.replace(one, id="other")])
