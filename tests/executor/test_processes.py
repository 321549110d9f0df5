"""Processes by pidfd and by what is noted of them."""

import os
import select
import signal
import subprocess

import pytest

from skerry_executor import processes
from skerry_executor.lease import Process


@pytest.fixture
def child():
    child = subprocess.Popen(["sleep", "100"])
    yield child
    child.kill()
    child.wait()


def test_what_is_noted_of_a_process_finds_it_again(child):
    fd = os.pidfd_open(child.pid)
    noted = processes.of_pidfd(fd)
    assert noted.pid == child.pid
    again = processes.opened(noted)
    processes.kill(again)
    assert child.wait(10) == -signal.SIGKILL
    processes.kill(again)  # no error: it is gone
    assert processes.of_pidfd(fd) is None
    assert processes.opened(noted) is None
    for one in (fd, again):
        os.close(one)


def test_a_number_that_was_used_again_is_another_process(child):
    fd = os.pidfd_open(child.pid)
    noted = processes.of_pidfd(fd)
    os.close(fd)
    assert processes.opened(Process(pid=noted.pid, started=noted.started - 1)) is None


def test_what_is_no_pidfd_is_no_process():
    read, write = os.pipe()
    assert processes.of_pidfd(read) is None
    os.close(read)
    os.close(write)


def test_a_process_is_ended_with_what_it_started_and_with_who_is_left_of_its_session():
    script = "sleep 101 & (sleep 102; true) & echo $!; exec cat"
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
    for leaves_first in (False, True):
        with subprocess.Popen(["sh", "-c", script], **options) as shell:
            child = os.pidfd_open(int(shell.stdout.readline()))
            first = processes.of_pid(shell.pid)
            if leaves_first:
                shell.stdin.close()
                shell.wait(10)
            processes.kill_family(first)
            assert select.select([child], [], [], 10)[0], "it goes on"
            os.close(child)


def test_a_number_that_another_has_now_is_nobodys_family(child):
    now = processes.of_pid(child.pid)
    processes.kill_family(Process(pid=now.pid, started=now.started - 1))
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.2)
