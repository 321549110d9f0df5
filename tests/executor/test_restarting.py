"""A container that its runtime starts again by itself is watched again: each end is heard."""

import os
import select
import signal

import pytest
from tests.executor.orders import NODE
from tests.executor.surroundings import NAME, made

from lab.processes import wait_for
from skerry_executor.actual import Phase
from skerry_executor.exits import Exits

RESTARTS_S = 30.0
"""A runtime waits a little longer before each start; containerd's monitor looks every 10 s."""


class Ends:
    """Keeps the pidfds that are handed over, as the agent does."""

    def __init__(self):
        self.watched = []

    def progress(self, outcome):
        pass

    def watch(self, watched):
        self.watched += [(instance, os.dup(fd)) for instance, fd in watched]

    def ended(self):
        """Wait for the end of what was handed over last; return whose it was."""
        instance, fd = self.watched[-1]
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(10_000), "no end is heard"
        os.close(fd)
        return instance


@pytest.mark.lacking(
    containerd="its monitor looks every 10 s: see test_containerd",
    kubelet="its second start waits 10 s: tried by hand",
)
def test_each_end_of_what_restarts_is_heard(real):
    runtime, ends, heard = real.runtime, Ends(), []
    made(runtime, restart="always", command=("/bin/sleep", "1000"))
    runtime.start(NAME)
    pids = set()

    def runs_anew():
        found = runtime.container(NAME)
        running = found is not None and found.phase is Phase.RUNNING
        return found if running and found.pid is not None and found.pid not in pids else None

    for _ in range(2):
        one = wait_for("the start by the runtime", runs_anew, RESTARTS_S)
        pids.add(one.pid)
        # A visit, as the agent makes one after each end.
        (seen,) = Exits(ends).looked(runtime, runtime.containers(NODE))
        assert seen.pid == one.pid
        assert len(ends.watched) == len(pids), "each of its processes is handed over once"
        os.kill(one.pid, signal.SIGKILL)
        heard.append(ends.ended())
    assert heard == ["shop-web-0", "shop-web-0"]
    wait_for("the start by the runtime", runs_anew, RESTARTS_S)
