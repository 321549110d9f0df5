"""The checks of a look: which are done, what is remembered for the next run, and what is not."""

import contextlib
import dataclasses
import socket

import pytest
from tests.executor.orders import container, instance
from tests.executor.test_reconcile import actual

from skerry_executor.actual import CheckResult, Phase
from skerry_executor.checks import Checks
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.lifecycle import TcpProbe
from skerry_wire.messages import Health
from skerry_wire.workload import HealthCheck


class Asked:
    """A runtime that runs the commands of checks."""

    counts_checks = True

    def __init__(self, says):
        self.says = says
        self.why = ""
        self.asked = []

    def checked(self, reference):
        self.asked.append(reference)
        if isinstance(self.says, RuntimeFailure):
            raise self.says
        return CheckResult(self.says, self.why)


class Box:
    def __init__(self, folder, says=Health.HEALTHY):
        self.folder = folder
        self.runtime = Asked(says)
        self.now_s = 1000.0
        self.boot = "a"

    def look(self, wanted, *there):
        """Look once, as a run of its own."""
        checks = Checks(self.folder, self.boot, self.runtime, lambda: self.now_s)
        return [one.health for one in checks([wanted], there)]


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path / "run")


@contextlib.contextmanager
def port():
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def probed(number, **changes):
    check = HealthCheck(command=(), tcp=TcpProbe(port=number), retries=2, **changes)
    return instance(health=check, network="host")


def test_a_probe_is_done_when_due_and_kept_for_the_next_run(box):
    with port() as number:
        wanted = probed(number)
        assert box.look(wanted, actual(wanted)) == [Health.HEALTHY]
    for at_s, health in ((1029.0, "healthy"), (1030.0, "healthy"), (1059.0, "healthy"),
                         (1060.0, "unhealthy")):  # fmt: skip
        box.now_s = at_s
        assert box.look(wanted, actual(wanted)) == [Health(health)], at_s


def test_another_start_or_another_boot_begins_anew(box):
    with port() as number:
        wanted = probed(number)
        box.look(wanted, actual(wanted))
    assert box.look(wanted, actual(wanted, restarts=1)) == [Health.STARTING]
    with port() as number:
        wanted = probed(number)
        box.look(wanted, actual(wanted))
    box.boot = "b"
    assert box.look(wanted, actual(wanted)) == [Health.STARTING]


def test_what_cannot_be_reached_or_does_not_run_is_not_healthy(box):
    wanted = instance(health=HealthCheck(command=(), tcp=TcpProbe(port=1)))
    assert box.look(wanted, actual(wanted)) == [Health.UNKNOWN]
    ended = actual(wanted, phase=Phase.EXITED, exit_code=1)
    assert box.look(wanted, ended) == [Health.NONE]


def test_many_are_done_at_once_and_others_are_left_alone(box):
    with port() as number:
        parts = [container(f"c{n}", network="host",
                           health=HealthCheck(command=(), tcp=TcpProbe(port=number)))
                 for n in range(20)]  # fmt: skip
        wanted = instance(containers=[*parts, container("plain")])
        there = [actual(wanted, part) for part in wanted.containers]
        assert box.look(wanted, *there) == [Health.HEALTHY] * 20 + [Health.NONE]
        foreign = actual(instance("other-0"))
        assert box.look(wanted, foreign) == [Health.NONE]


COMMANDED = instance(health=HealthCheck(command=("/bin/true",)))


def test_a_command_is_run_by_the_runtime_while_it_is_not_healthy_yet(box):
    starting = actual(COMMANDED, health=Health.STARTING)
    assert box.look(COMMANDED, starting) == [Health.HEALTHY]
    assert box.look(COMMANDED, starting) == [Health.HEALTHY], "its interval is not over"
    box.now_s += 30.0
    assert box.look(COMMANDED, starting) == [Health.HEALTHY]
    assert box.look(COMMANDED, dataclasses.replace(starting, health=Health.HEALTHY)) == [
        Health.HEALTHY
    ]
    assert len(box.runtime.asked) == 2


def test_a_runtime_that_cannot_run_it_is_believed_as_it_is(tmp_path):
    box = Box(tmp_path, says=RuntimeFailure(Failure.OTHER, "no"))
    assert box.look(COMMANDED, actual(COMMANDED, health=Health.STARTING)) == [Health.STARTING]


def test_a_damaged_file_or_a_folder_that_cannot_be_written_costs_the_count_only(box):
    with port() as number:
        wanted = probed(number)
        box.look(wanted, actual(wanted))
        (box.folder / "checks").write_bytes(b"damage")
        assert box.look(wanted, actual(wanted)) == [Health.HEALTHY]
        (box.folder / "checks").unlink()
        (box.folder / "checks.new").mkdir()
        assert box.look(wanted, actual(wanted)) == [Health.HEALTHY]


def look_whole(box, wanted, *there):
    checks = Checks(box.folder, box.boot, box.runtime, lambda: box.now_s)
    return [(one.health, one.health_reason) for one in checks([wanted], there)]


def test_why_a_probe_failed_is_told_and_kept_until_it_passes(box):
    with port() as number:
        wanted = probed(number)
    refused = f"port {number}, tcp: connection refused"
    once = f"1 of 2 failures: {refused}"
    assert look_whole(box, wanted, actual(wanted)) == [(Health.STARTING, once)]
    box.now_s += 1
    assert look_whole(box, wanted, actual(wanted)) == [(Health.STARTING, once)]
    box.now_s += 30
    assert look_whole(box, wanted, actual(wanted)) == [(Health.UNHEALTHY, refused)]


def test_a_port_to_which_there_is_no_way_is_told(box):
    wanted = instance(health=HealthCheck(command=(), tcp=TcpProbe(port=5)))
    told = [(Health.UNKNOWN, "the box has no way to its port 5")]
    assert look_whole(box, wanted, actual(wanted)) == told


def test_why_a_command_failed_is_told_until_it_is_run_again(tmp_path):
    box = Box(tmp_path, says=Health.UNHEALTHY)
    box.runtime.why = "its command ended with 1: no database"
    starting = actual(COMMANDED, health=Health.STARTING)
    told = [(Health.UNHEALTHY, "its command ended with 1: no database")]
    assert look_whole(box, COMMANDED, starting) == told
    box.now_s += 1
    unhealthy = dataclasses.replace(starting, health=Health.UNHEALTHY)
    assert look_whole(box, COMMANDED, unhealthy) == told, "the runtime keeps no reason"
    own = dataclasses.replace(unhealthy, health_reason="the runtime's own")
    assert look_whole(box, COMMANDED, own) == [(Health.UNHEALTHY, "the runtime's own")]
    well = dataclasses.replace(starting, health=Health.HEALTHY)
    assert look_whole(box, COMMANDED, well) == [(Health.HEALTHY, "")]


def due_in(box, wanted, *there):
    checks = Checks(box.folder, box.boot, box.runtime, lambda: box.now_s)
    return [one.check_in_s for one in checks([wanted], there)]


def test_when_a_check_is_due_again_is_told_and_nothing_of_who_has_none(box):
    with port() as number:
        check = HealthCheck(command=(), tcp=TcpProbe(port=number))
        parts = [container("a", health=check, network="host"), container("b")]
        wanted = instance(containers=parts)
        there = [actual(wanted, part) for part in parts]
        assert due_in(box, wanted, *there) == [30.0, None]
        box.now_s += 12.0
        assert due_in(box, wanted, *there) == [18.0, None]
    box.now_s += 40.0
    assert due_in(box, wanted, *there) == [30.0, None], "one that fails is due no sooner"
    ended = [actual(wanted, part, phase=Phase.EXITED, exit_code=1) for part in parts]
    assert due_in(box, wanted, *ended) == [None, None]


@pytest.mark.parametrize(
    ("health", "due_s"), [("starting", 30.0), ("unhealthy", 30.0), ("healthy", None)]
)
def test_a_command_is_due_while_its_runtime_does_not_say_that_it_went_well(box, health, due_s):
    assert due_in(box, COMMANDED, actual(COMMANDED, health=Health(health))) == [due_s]


def test_a_command_that_its_runtime_does_not_count_is_counted(tmp_path):
    box = Box(tmp_path, says=Health.UNHEALTHY)
    box.runtime.counts_checks, box.runtime.why = False, "ended with 1"
    starting = actual(COMMANDED, health=Health.STARTING)
    for health, reason in (("starting", "1 of 3 failures: "), ("starting", "2 of 3 failures: "),
                           ("unhealthy", "")):  # fmt: skip
        assert look_whole(box, COMMANDED, starting) == [(Health(health), f"{reason}ended with 1")]
        box.now_s += 30.0
    box.runtime.says = Health.HEALTHY
    assert look_whole(box, COMMANDED, starting) == [(Health.HEALTHY, "")]
    box.now_s += 10.0
    assert look_whole(box, COMMANDED, starting) == [(Health.HEALTHY, "")], "until the next one"
