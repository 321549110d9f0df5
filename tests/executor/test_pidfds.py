"""A descriptor is of the process that was noted, and of no other that has its number now."""

import os
import signal
import subprocess

import pytest

from skerry_executor import pidfds


@pytest.fixture
def child():
    with subprocess.Popen(["sleep", "60"]) as one:
        yield one
        one.kill()


def test_what_was_noted_is_found_again_and_gets_its_signal(child):
    started = pidfds.started_at(child.pid)
    fd = pidfds.opened(child.pid, started)
    pidfds.send(fd, signal.SIGTERM)
    assert child.wait(10) == -15
    pidfds.send(fd, signal.SIGTERM)  # no error: it is gone
    os.close(fd)
    assert (pidfds.opened(child.pid, started), pidfds.started_at(child.pid)) == (None, None)


def test_another_process_of_that_number_is_not_it(child):
    before = set(os.listdir("/proc/self/fd"))
    assert pidfds.opened(child.pid, pidfds.started_at(child.pid) - 1) is None
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_name_with_brackets_and_blanks_hides_no_field(tmp_path):
    program = tmp_path / "a) b (c"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as one:
        fields = pidfds.stat(one.pid)
        assert int(fields[pidfds.PARENT]) == os.getpid()
        one.kill()
