"""What is over is ended: on real processes and the real clock, with a made-up runtime."""

import contextlib
import os
import select
import subprocess
import threading
import time

import pytest
from tests.executor.orders import NODE, granted, instance
from tests.executor.process_runtime import ProcessRuntime

from lab.processes import wait_for
from skerry_executor import lease, leasing, overdue
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.leasing import Leasing
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.specs import name_of
from skerry_wire import codec
from skerry_wire.messages import Envelope, Grant

WANTED = instance("a-0", stop_grace_s=0.2)
SOON_S = lease.KILL_MARGIN_S + 0.6


@pytest.fixture
def runtime():
    runtime = ProcessRuntime()
    yield runtime
    runtime.end_all()


def grant(duration_s, name="a-0"):
    sealed = codec.decode(Envelope, granted(b"c" * 32, {name: duration_s}))
    return codec.decode(Grant, sealed.payload)


def opened(folder, runtime):
    return contextlib.closing(Leasing(folder / "run", lambda: runtime))


def lend(one, seconds, child=None):
    """Grant a lease that ends in so many seconds, and hand over the process."""
    end = since_boot_s() + seconds
    one.renew(grant(120.0), end - 120.0 * (1 - lease.CLOCK_ERROR), [WANTED])
    if child is not None:
        fd = os.pidfd_open(child.pid)
        one.watch([("a-0", fd)])
        os.close(fd)
    return end


def attend_until(one, test, within_s=10.0):
    """Serve the descriptor as a run does, until something holds."""
    ended, until = set(), time.monotonic() + within_s
    while not test():
        assert time.monotonic() < until
        if select.select([one.fileno()], [], [], 0.05)[0]:
            ended |= one.attend()
    return ended


def test_the_runtime_stops_it_before_its_end(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        child = runtime.begin(WANTED)
        end = lend(one, SOON_S, child)
        assert one.are_held
        assert attend_until(one, lambda: not one.are_held) == {"a-0"}
        assert since_boot_s() < end - lease.KILL_MARGIN_S + 0.3
        assert runtime.changes()[-1][0] == "stop"
        assert child.returncode == -15


def test_what_is_over_is_kept_for_a_run_that_has_no_time(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        child = runtime.begin(WANTED)
        lend(one, lease.KILL_MARGIN_S + 1.0, child)
    assert overdue.kill(tmp_path / "run") == 0
    time.sleep(1.1)
    assert overdue.kill(tmp_path / "run") == 1
    assert child.wait(10) == -9


@pytest.mark.parametrize("trouble", ["hangs", "fails", "is gone"])
def test_whatever_the_runtime_does_it_is_killed_in_time(tmp_path, runtime, trouble):
    runtime.obeys = False
    if trouble == "hangs":
        runtime.hangs.set()
    if trouble == "is gone":
        runtime.fails["list"] = RuntimeFailure(Failure.UNREACHABLE, "gone")
    with opened(tmp_path, runtime) as one:
        child = runtime.begin(WANTED)
        end = lend(one, SOON_S, child)
        attend_until(one, lambda: child.poll() is not None)
        assert child.returncode == -9
        assert end - lease.KILL_MARGIN_S <= since_boot_s() < end


def test_a_run_that_follows_a_killed_one_knows_the_processes(tmp_path, runtime):
    child = runtime.begin(WANTED)
    runtime.fails["list"] = RuntimeFailure(Failure.UNREACHABLE, "gone")
    with opened(tmp_path, runtime) as one:
        end = lend(one, SOON_S, child)
    with opened(tmp_path, runtime) as one:
        assert one.are_held
        attend_until(one, lambda: child.poll() is not None)
    assert since_boot_s() < end


def test_what_was_over_while_no_run_was_up_is_ended_first(tmp_path, runtime):
    child = runtime.begin(WANTED)
    with opened(tmp_path, runtime) as one:
        lend(one, 0.1, child)
    time.sleep(0.2)
    with opened(tmp_path, runtime) as one:
        begun = time.monotonic()
        one.attend()
        child.wait(10)
        assert time.monotonic() - begun < 0.5
        assert child.returncode in (-9, -15)


def test_a_renewal_in_time_ends_nothing(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        child = runtime.begin(WANTED)
        lend(one, SOON_S, child)
        lend(one, 60.0)
        assert one.are_held
        assert one.terms.lease("a-0").processes, "the same process has the new lease"
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            if select.select([one.fileno()], [], [], 0.05)[0]:
                one.attend()
        assert child.poll() is None
        assert one.against("a-0") is None


def test_a_crash_is_told_and_its_lease_goes_on(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        child = runtime.begin(WANTED)
        lend(one, 60.0, child)
        child.kill()
        child.wait()
        assert select.select([one.fileno()], [], [], 5)[0]
        assert one.attend() == {"a-0"}
        assert one.against("a-0") is None
        assert one.terms.lease("a-0").processes == ()


def test_what_starts_late_is_ended_at_once(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        end = lend(one, 0.3)
        attend_until(one, lambda: not one.are_held)
        wait_for("the end", lambda: since_boot_s() > end)
        child = runtime.begin(WANTED)
        fd = os.pidfd_open(child.pid)
        one.watch([("a-0", fd)])
        os.close(fd)
        attend_until(one, lambda: child.poll() is not None, within_s=2.0)


def test_a_job_is_stopped_at_its_deadline(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        child = runtime.begin(WANTED)
        one.order(NODE, ["a-0"], {"a-0": (since_boot_s() + 0.3, 10.0)})
        fd = os.pidfd_open(child.pid)
        one.watch([("a-0", fd)])
        os.close(fd)
        attend_until(one, lambda: child.poll() is not None)
        assert child.returncode == -15
        wait_for("it to be known", lambda: not one.are_held)


def test_what_has_no_term_is_not_watched(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        child = runtime.begin(WANTED)
        fd = os.pidfd_open(child.pid)
        one.watch([("a-0", fd)])
        os.close(fd)
        assert not one.are_held
        child.kill()
        child.wait()
        assert not select.select([one.fileno()], [], [], 0.1)[0]
    assert not (tmp_path / "run" / leasing.FILE).exists()


def test_another_start_of_the_box_or_damage_holds_nothing(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        lend(one, 60.0)
    path = tmp_path / "run" / leasing.FILE
    assert leasing.kept(tmp_path / "run").held()
    other = tmp_path / "proc/sys/kernel/random/boot_id"
    other.parent.mkdir(parents=True)
    other.write_text("another-boot\n")
    assert leasing.kept(tmp_path / "run", tmp_path).terms == ()
    path.write_bytes(path.read_bytes()[:-1])
    assert leasing.kept(tmp_path / "run").terms == ()


def test_no_descriptor_is_left(tmp_path, runtime):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        child = runtime.begin(WANTED)
        with opened(tmp_path, runtime) as one:
            lend(one, 60.0, child)
            one.attend()
        runtime.remove(name_of("a-0", "web"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_many_end_together_in_time(tmp_path, runtime):
    count = 40
    names = [f"a-{n}" for n in range(count)]
    runtime.fails["list"] = RuntimeFailure(Failure.UNREACHABLE, "gone")
    with opened(tmp_path, runtime) as one:
        children = [subprocess.Popen(["sleep", "100"]) for _ in names]
        runtime.children += children
        now = since_boot_s()
        given = dict.fromkeys(names, SOON_S)
        sealed = codec.decode(Envelope, granted(b"c" * 32, given))
        one.renew(codec.decode(Grant, sealed.payload), now, [])
        for name, child in zip(names, children, strict=True):
            fd = os.pidfd_open(child.pid)
            one.watch([(name, fd)])
            os.close(fd)
        attend_until(one, lambda: all(child.poll() is not None for child in children))
        assert since_boot_s() < now + SOON_S * (1 - lease.CLOCK_ERROR)


def test_a_stop_that_comes_back_after_the_run_writes_nothing(tmp_path, runtime):
    runtime.begin(WANTED)
    runtime.hangs.set()
    with opened(tmp_path, runtime) as one:
        lend(one, 0.1)
        time.sleep(0.05)
        one.attend()
        wait_for("the stop to be asked", lambda: "stop" in dict(runtime.calls))
    path = tmp_path / "run" / leasing.FILE
    path.unlink()
    runtime.freed.set()
    wait_for("its thread to end", lambda: all(t.name != "ends" for t in threading.enumerate()))
    assert not path.exists(), "it belongs to the next run by now"


def test_an_order_of_nothing_writes_nothing(tmp_path, runtime):
    with opened(tmp_path, runtime) as one:
        one.order(NODE, [], {})
    assert not (tmp_path / "run").exists()
