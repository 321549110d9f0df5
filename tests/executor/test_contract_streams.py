"""What the executor relies on in a runtime about what programs write, use, and are asked."""

import dataclasses
import threading
import time

import pytest
from tests.executor.orders import NODE, container, instance
from tests.executor.surroundings import NAME, made, started

from lab.processes import wait_for
from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.runtimes.base import Failure, LogWish, Program, RuntimeFailure, Written
from skerry_wire.lifecycle import LogLimits
from skerry_wire.messages import Health
from skerry_wire.workload import HealthCheck

LINES = (("out", "first"), ("err", "second"), ("out", "third"))
END_S = 0.5
"""Asked to end, a call ends in 0.2 s; the rest is for a busy machine."""


def joined(written):
    """Return whole texts by stream, whatever the pieces were."""
    texts = {"out": b"", "err": b""}
    for one in written:
        texts[one.stream] += one.data
    return {stream: text.decode().split() for stream, text in texts.items()}


def log_of(runtime, **wish):
    return joined(runtime.logs(NAME, LogWish(**wish), Cancel()))


# --- logs ---------------------------------------------------------------------------------


@pytest.mark.lacking(containerd="it keeps one file, without times and streams")
def test_a_log_is_told_by_its_streams_and_from_its_end(any_runtime):
    any_runtime.write(LINES)
    whole = {"out": ["first", "third"], "err": ["second"]}
    wait_for("the lines", lambda: log_of(any_runtime.runtime) == whole)
    assert log_of(any_runtime.runtime, tail=2) == {"out": ["third"], "err": ["second"]}
    assert log_of(any_runtime.runtime, tail=0) == {"out": [], "err": []}
    assert log_of(any_runtime.runtime, since_s=3600.0) == whole


@pytest.mark.lacking(containerd="it keeps one file, without times and streams")
def test_a_log_of_the_last_seconds_leaves_out_what_is_older(real):
    real.write(LINES)
    wait_for("the lines", lambda: len(log_of(real.runtime)["out"]) == 2)
    time.sleep(2.1)
    assert log_of(real.runtime, since_s=1.0) == {"out": [], "err": []}


def test_a_log_that_is_followed_ends_when_it_is_wished(any_runtime):
    any_runtime.write(LINES)
    cancel, found, ended = Cancel(), [], []

    def follow():
        try:
            for written in any_runtime.runtime.logs(NAME, LogWish(follow=True), cancel):
                found.append(written)  # noqa: PERF402 - as it comes
        except Cancelled:
            ended.append(time.monotonic())

    thread = threading.Thread(target=follow)
    thread.start()
    wait_for("the lines", lambda: "third" in joined(found)["out"])
    assert thread.is_alive()
    asked = time.monotonic()
    cancel.ask()
    thread.join(10)
    assert ended[0] - asked < END_S


def test_a_log_that_is_followed_ends_with_its_container(real):
    made(real.runtime, command=("/bin/sh", "-c", "echo first; sleep 0.3; echo last"))
    real.runtime.start(NAME)
    assert log_of(real.runtime, follow=True) == {"out": ["first", "last"], "err": []}


def test_there_is_no_log_of_what_is_not_there(any_runtime):
    with pytest.raises(RuntimeFailure) as failure:
        log_of(any_runtime.runtime)
    assert failure.value.kind is Failure.NOT_FOUND


@pytest.mark.lacking(kubelet="its limits are its own settings")
def test_a_log_is_limited(real):
    count = "i=0; while [ $i -lt 4000 ]; do echo line-$i; i=$((i+1)); done"
    # What is written the moment that containerd's is cut is lost: the last comes a while later.
    script = f"{count}; sleep 1; echo last; exec sleep 1000"
    limits = LogLimits(max_bytes=16 * 1024, files=2)
    started(real.runtime, command=("/bin/sh", "-c", script), log=limits)
    last = lambda: log_of(real.runtime, tail=1)["out"] == ["last"]  # noqa: E731
    wait_for("the last line", last)
    kept = sum(len(line) + 1 for line in log_of(real.runtime)["out"])
    assert kept <= limits.max_bytes * limits.files


# --- programs within ----------------------------------------------------------------------


def run(runtime, *command, stdin=b"", cancel=None):
    found = []
    program = Program(command, (stdin,) if stdin else ())
    code = runtime.execute(NAME, program, cancel or Cancel(), found.append)
    return code, b"".join(one.data for one in found if one.stream == "out")


def test_a_program_gets_its_input_and_tells_how_it_ended(any_runtime):
    started(any_runtime.runtime)
    assert run(any_runtime.runtime, "/bin/cat", stdin=b"a\0b\n") == (0, b"a\0b\n")
    assert run(any_runtime.runtime, "/bin/cat") == (0, b"")
    assert run(any_runtime.runtime, "/bin/sh", "-c", "exit 7") == (7, b"")


def test_a_program_may_write_much_before_it_reads(real):
    started(real.runtime)
    script = "busybox head -c 3000000 /dev/zero; cat | busybox wc -c >&2"
    found = []
    program = Program(("/bin/sh", "-c", script), (b"x" * 2_000_000,))
    assert real.runtime.execute(NAME, program, Cancel(), found.append) == 0
    assert sum(len(one.data) for one in found if one.stream == "out") == 3_000_000
    assert [one for one in found if one.stream == "err"] == [Written("err", b"2000000\n")]


def test_a_program_that_goes_on_is_ended_when_it_is_wished(any_runtime):
    started(any_runtime.runtime)
    cancel, ended = Cancel(), []

    def work():
        with pytest.raises(Cancelled):
            run(any_runtime.runtime, "/bin/sleep", "998", cancel=cancel)
        ended.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.5)
    assert thread.is_alive()
    asked = time.monotonic()
    cancel.ask()
    thread.join(10)
    assert ended[0] - asked < END_S


def test_what_was_run_and_given_up_does_not_stay(real):
    started(real.runtime)
    cancel = Cancel()
    timer = threading.Timer(0.5, cancel.ask)
    timer.start()
    with pytest.raises(Cancelled):
        run(real.runtime, "/bin/sleep", "997", cancel=cancel)
    usage = lambda: real.runtime.usage(NAME).processes == 1  # noqa: E731
    wait_for("the program to go", usage, 5)


@pytest.mark.parametrize("command", [("/nothere",), ("/bin/nothere", "x")])
def test_a_program_that_is_not_there_is_said(any_runtime, command):
    started(any_runtime.runtime)
    try:
        said = run(any_runtime.runtime, *command)
    except RuntimeFailure as failure:
        said = failure.reason
    assert command[0] in said if isinstance(said, str) else said[0] in (126, 127)


def test_nothing_is_run_in_what_does_not_run(any_runtime):
    made(any_runtime.runtime)
    with pytest.raises(RuntimeFailure):
        run(any_runtime.runtime, "/bin/cat")


# --- what it uses, and how it is ----------------------------------------------------------


def test_usage_is_told_of_what_runs(any_runtime):
    runtime = any_runtime.runtime
    assert runtime.usage(NAME) is None
    made(runtime)
    assert runtime.usage(NAME) is None
    runtime.start(NAME)
    found = runtime.usage(NAME)
    assert (found.container, found.processes) == ("web", 1)
    assert found.cpu_s > 0
    assert 0 < found.memory_bytes < 64 * 2**20
    runtime.stop(NAME, 0.0, Cancel())
    assert runtime.usage(NAME) is None


def test_a_check_is_told_as_it_is_now(real):
    check = HealthCheck(command=("/bin/test", "-e", "/tmp/good"), interval_s=0.2, retries=2)
    started(real.runtime, health=check)
    now = lambda wanted: real.runtime.checked(NAME).health is wanted  # noqa: E731
    wait_for("it to be ill", lambda: now(Health.UNHEALTHY))
    assert run(real.runtime, "/bin/touch", "/tmp/good")[0] == 0
    wait_for("it to be well", lambda: now(Health.HEALTHY))
    real.runtime.stop(NAME, 0.0, Cancel())
    assert real.runtime.checked(NAME).health is not Health.HEALTHY or real.runtime.name == "podman"


def test_without_a_check_there_is_no_health(any_runtime):
    assert any_runtime.runtime.checked("skerry-no-such").health is Health.NONE
    started(any_runtime.runtime)
    assert any_runtime.runtime.checked(NAME).health is Health.NONE


# --- where it is reached ------------------------------------------------------------------


@pytest.mark.lacking(containerd="its address is the box's")
def test_an_address_is_told_of_what_runs(any_runtime):
    made(any_runtime.runtime)
    assert any_runtime.runtime.container(NAME).address is None
    any_runtime.runtime.start(NAME)
    found = any_runtime.runtime.container(NAME)
    assert found.address.count(".") == 3
    assert found.address != "127.0.0.1"
    any_runtime.runtime.stop(NAME, 0.0, Cancel())
    assert any_runtime.runtime.container(NAME).address is None


@pytest.mark.lacking(kubelet="a pod always has a network")
def test_the_network_of_the_host_and_none(real):
    assert started(real.runtime, network="host").address == "127.0.0.1"
    real.runtime.remove(NAME)
    assert started(real.runtime, network="none").address is None


@pytest.mark.lacking(containerd="its address is the box's", kubelet="a pod ends as one")
def test_containers_that_share_a_network_have_one_address(real):
    both = (container(stop_grace_s=0.0), container("side", stop_grace_s=0.0))
    pair = dataclasses.replace(instance(containers=both), shared_network=True)
    names = [f"skerry-{pair.id}-{one.name}" for one in both]
    for name, one in zip(names, both, strict=True):
        made(real.runtime, name=name, of=pair, wanted=one)
    for name in names:
        real.runtime.start(name)
    web, side = map(real.runtime.container, names)
    assert web.address == side.address is not None
    assert (side.phase, side.detached, web.detached) == (Phase.RUNNING, False, False)
    assert (side.joins(web), web.joined) == (True, None)
    # Started again, the first has another network, and the other one has to be started anew.
    real.runtime.stop(names[0], 0.0, Cancel())
    assert not real.runtime.container(names[1]).detached
    real.runtime.start(names[0])
    assert real.runtime.container(names[1]).detached
    real.runtime.stop(names[1], 0.0, Cancel())
    real.runtime.start(names[1])
    web, side = map(real.runtime.container, names)
    assert (web.address == side.address is not None, side.detached) == (True, False)
    for name in reversed(names):
        real.runtime.remove(name)
    assert real.runtime.containers(NODE) == ()
