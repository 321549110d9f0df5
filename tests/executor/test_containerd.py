"""A real containerd alone: what its restart monitor does without us, and what it cannot do."""

import json
import time

import pytest
from tests.executor.more_surroundings import RealContainerd
from tests.executor.orders import IMAGE, NODE
from tests.executor.surroundings import NAME, made, started, stopped

from lab.processes import wait_for
from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import containerd as runtimes_containerd
from skerry_executor.runtimes.base import Failure, LogWish, RuntimeFailure
from skerry_executor.runtimes.containerd_api import Containerd as Api
from skerry_executor.runtimes.cri import Cri
from skerry_wire.lifecycle import LogLimits
from skerry_wire.workload import PortMapping

MONITOR_S = 2.5
"""More than two of the lab's looks; containerd's own settings look every ten seconds."""


@pytest.fixture
def box(containerd):
    found = RealContainerd(containerd)
    yield found
    found.clear()


def running(box):
    found = box.runtime.container(NAME)
    return found if found.phase is Phase.RUNNING else None


def test_what_ends_is_started_again_without_us(box):
    before = started(box.runtime, restart="always")
    box.lab.run("tasks", "kill", "--signal", "KILL", before.id)
    again = lambda: (f := running(box)) and f.pid != before.pid and f  # noqa: E731
    assert wait_for("it to run again", again).id == before.id


@pytest.mark.parametrize(("restart", "runs"), [("always", True), ("no", False)])
def test_after_a_boot_runs_what_shall_run_always(box, restart, runs):
    before = started(box.runtime, restart=restart)
    box.lab.stop_tasks_and_restart()
    if runs:
        assert wait_for("it to run again", lambda: running(box)).id == before.id
        return
    time.sleep(MONITOR_S)
    assert box.runtime.container(NAME).phase is Phase.CREATED
    box.runtime.start(NAME)
    assert running(box)


@pytest.mark.parametrize(("restart", "code"), [("no", 0), ("no", 3), ("on-failure", 0)])
def test_what_was_done_is_so_after_a_boot(box, restart, code):
    command = ("/bin/sh", "-c", f"exit {code}")
    started(box.runtime, restart=restart, command=command)
    ended = lambda: (f := box.runtime.container(NAME)).phase is Phase.EXITED and f  # noqa: E731
    assert wait_for("its end", ended).exit_code == code
    box.lab.stop_tasks_and_restart()
    (after,) = box.runtime.containers(NODE)
    assert (after.phase, after.exit_code) == (Phase.EXITED, code)
    box.runtime.start(NAME)
    box.lab.stop_tasks_and_restart()
    assert box.runtime.container(NAME).phase is Phase.CREATED, "nobody has seen this end"


def test_the_daemon_may_go_and_come_back(box):
    before = started(box.runtime, restart="always")
    box.lab.stop()
    with pytest.raises(RuntimeFailure) as failure:
        box.runtime.containers(NODE)
    assert failure.value.kind is Failure.UNREACHABLE
    box.lab.serve()
    time.sleep(MONITOR_S)
    (after,) = box.runtime.containers(NODE)
    assert (after.pid, after.started_at) == (before.pid, before.started_at)


def test_what_was_stopped_stays_so(box):
    started(box.runtime, restart="always")
    box.runtime.stop(NAME, 0.0, Cancel())
    time.sleep(MONITOR_S)
    found = box.runtime.container(NAME)
    assert (found.phase, found.exit_code) == (Phase.EXITED, 137)
    box.runtime.start(NAME)
    assert running(box)


def test_a_start_that_fails_is_not_tried_on_by_the_monitor(box):
    made(box.runtime, entrypoint=("/nothere",), restart="always")
    with pytest.raises(RuntimeFailure):
        box.runtime.start(NAME)
    labels = json.loads(box.lab.run("containers", "info", box.runtime.container(NAME).id))["Labels"]
    assert "containerd.io/restart.status" not in labels


def test_limits_and_user_are_as_asked_for(box):
    text = "busybox id -u; busybox id -g; grep -c ' / ' /proc/mounts; exec sleep 1000"
    made(
        box.runtime,
        command=("/bin/sh", "-c", text),
        user="1234:99",
        cpu_limit_milli=250,
        memory_limit_bytes=64 * 2**20,
        read_only=True,
    )
    box.runtime.start(NAME)
    found = box.runtime.container(NAME)
    spec = json.loads(box.lab.run("containers", "info", found.id))["Spec"]
    resources = spec["linux"]["resources"]
    assert resources["memory"]["limit"] == 64 * 2**20
    assert resources["cpu"]["quota"] / resources["cpu"]["period"] == 0.25
    said = lambda: b"".join(w.data for w in box.runtime.logs(NAME, LogWish(), Cancel())).split()  # noqa: E731
    wait_for("its words", lambda: said() == [b"1234", b"99", b"1"])


def test_a_name_of_a_user_that_the_image_has_not_is_said_and_leaves_nothing(box):
    with pytest.raises(RuntimeFailure) as failure:
        made(box.runtime, user="nobody")
    assert "user 'nobody' is not in the image's /etc/passwd" in failure.value.reason
    assert box.runtime.containers(NODE) == ()
    made(box.runtime, user="0")


def test_what_it_cannot_do_is_refused_by_name(box):
    with pytest.raises(RuntimeFailure) as failure:
        made(box.runtime, network="bridge", init=True, ports=(PortMapping(host=1, container=1),))
    assert failure.value.kind is Failure.OTHER
    for words in ("containerd runs here with network_mode: host only", "ports: ", "init: "):
        assert words in failure.value.reason


def test_a_log_is_cut_while_it_is_written(box):
    script = "i=0; while [ $i -lt 3000 ]; do echo line-$i; i=$((i+1)); done; exec sleep 1000"
    started(box.runtime, command=("/bin/sh", "-c", script), log=LogLimits(max_bytes=8192))
    # Looked at as it is: who asks for it cuts it, and what comes right meanwhile is lost.
    log = next((box.lab.socket.parent / "skerry" / "logs").iterdir())
    wait_for("the last line", lambda: log.read_bytes().endswith(b"line-2999\n"))
    box.runtime.containers(NODE)
    whole = b"".join(w.data for w in box.runtime.logs(NAME, LogWish(), Cancel()))
    assert len(whole) <= 8192
    assert whole.startswith(b"line-")
    assert whole.endswith(b"line-2999\n")


def test_a_runtime_that_hangs_is_said_in_time(box, tmp_path):
    started(box.runtime)
    path = str(box.lab.socket)
    api, cri = Api(path, call_s=0.5), Cri(path, look_s=0.5)
    hasty = runtimes_containerd.ContainerdRuntime(api, cri, (1, 6), tmp_path, tmp_path)
    with stopped(box.lab.pid):
        for act in (lambda: hasty.containers(NODE), lambda: hasty.has_image(IMAGE), hasty.images):
            with pytest.raises(RuntimeFailure) as failure:
                act()
            assert failure.value.kind is Failure.TIMED_OUT
    assert running(box)
