"""Child processes end within their time, or are left to the kernel."""

import os
import subprocess
import sys
import time

from skerry_agent import host_live
from skerry_agent.host import Ended, NotEnded


def run(code, timeout_s=10.0):
    command = (sys.executable, "-c", code)
    return host_live.run_child(command, timeout_s=timeout_s, most=1000, environment=None)


def test_a_child_that_ends():
    assert run("print('fine')") == Ended(0, b"fine\n")


def test_a_child_that_closes_its_output_and_goes_on_is_killed():
    assert run("import os, time; os.close(1); os.close(2); time.sleep(60)") == NotEnded(
        "closed its output and went on"
    )


class Stuck:
    """A child that hangs inside the kernel: no signal ends it, and waiting for it is in vain."""

    def __init__(self, pid):
        self.pid = pid

    def wait(self, timeout):
        raise subprocess.TimeoutExpired("stuck", timeout)


def test_nobody_waits_for_a_child_that_cannot_be_killed():
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        assert host_live._kill(Stuck(child.pid)) is False


def test_a_child_that_was_killed_leaves_nothing_behind():
    before = len(os.listdir("/proc/self/fd"))
    started = time.monotonic()
    assert run("import time; time.sleep(60)", timeout_s=0.2) == NotEnded("took too long")
    assert time.monotonic() - started < 5
    assert len(os.listdir("/proc/self/fd")) == before
