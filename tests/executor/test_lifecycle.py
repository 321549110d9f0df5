"""What of an order may run at a visit, on the fake runtime and a made-up wall clock."""

import contextlib
import dataclasses

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, NODE, container, instance, order
from tests.executor.test_converge import DIGEST, Told
from tests.executor.test_leasing import grant

from skerry_executor import job_store
from skerry_executor.actual import Phase
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.cancel import Cancel
from skerry_executor.converge import Convergence
from skerry_executor.job import Clock
from skerry_executor.leasing import Leasing
from skerry_executor.lifecycle import Lifecycle, clock_of, lease_s
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.lifecycle import Job, Lease
from skerry_wire.messages import InstanceState

LEASED = dataclasses.replace(instance("a-0"), lease=Lease(duration_s=60.0))


def job(name="job-0", command="exit 0", **about):
    part = container("run", command=("/bin/sh", "-c", command), restart="always")
    return dataclasses.replace(instance(name, containers=[part]), job=Job(**about))


class Box:
    """A lifecycle with its folder, a runtime, and a clock of its own."""

    def __init__(self, folder, leasing):
        self.folder, self.leasing = folder, leasing
        self.runtime = FakeRuntime(images=[IMAGE])
        self.boot_s, self.wall_s = 100.0, 1_800_000_000.0
        self.lifecycle = Lifecycle(folder / "state", leasing, clock=self.clock)
        self.generation = 0

    def clock(self):
        return Clock(boot_id="boot-1", boot_s=self.boot_s, wall_s=self.wall_s)

    def wait(self, seconds):
        self.boot_s += seconds
        self.wall_s += seconds

    def visit(self, *instances):
        self.generation += 1
        wanted = order(*instances, generation=self.generation)
        prepared = self.lifecycle.prepare(wanted, self.runtime)
        work = Convergence(
            prepared.order,
            DIGEST,
            self.runtime,
            Cancel(),
            Told(),
            lambda _: None,
            gate=prepared.gate,
        )
        outcome = prepared.told(work.run())
        self.ended = prepared.has_ended(outcome)
        return outcome

    def starts(self):
        return [name for verb, name in self.runtime.calls if verb == "start"]


@pytest.fixture
def box(tmp_path):
    with contextlib.closing(Leasing(tmp_path / "run", lambda: box.runtime)) as leasing:
        box = Box(tmp_path, leasing)
        yield box


def test_what_has_a_lease_waits_for_it(box):
    outcome = box.visit(LEASED, instance("b-0"))
    first, second = outcome.instances
    assert (first.state, second.state) == ("pending", "running")
    assert first.reason == "it has no lease since the box's start; the hub must grant one"
    assert (outcome.reached, outcome.lease_s) == (False, 60.0)
    box.leasing.renew(grant(60.0), since_boot_s(), [LEASED])
    outcome = box.visit(LEASED, instance("b-0"))
    assert outcome.reached
    assert outcome.instances[0].state == "running"


def test_after_its_end_it_is_stopped_and_told(box):
    box.leasing.renew(grant(60.0), since_boot_s(), [LEASED])
    box.visit(LEASED)
    box.leasing.renew(grant(1.0), since_boot_s(), [LEASED])
    (status,) = box.visit(LEASED).instances
    assert (status.state, status.reason) == ("exited", "its lease ended; the hub must renew it")
    assert [one.phase for one in box.runtime.containers(NODE)] == [Phase.EXITED]


def test_right_before_a_start_the_lease_is_asked_again(box):
    box.leasing.renew(grant(60.0), since_boot_s(), [LEASED])
    prepared = box.lifecycle.prepare(order(LEASED, instance("b-0")), box.runtime)
    assert prepared.gate.permit("a-0") is None
    box.leasing.renew(grant(1.0), since_boot_s(), [LEASED])
    assert prepared.gate.permit("a-0") == "its lease ended; the hub must renew it"
    assert prepared.gate.permit("b-0") is None


def test_a_job_runs_to_its_end_and_never_again(box):
    box.visit(job())
    for _ in range(3):
        box.wait(100)
        outcome = box.visit(job())
        (status,) = outcome.instances
        assert (status.state, status.exit_code, status.job.succeeded) == ("exited", 0, True)
        assert (outcome.reached, outcome.look_after_s) == (True, None)
    for one in box.runtime.containers(NODE):
        box.runtime.remove(one.id)
    (status,) = box.visit(job()).instances
    assert (status.state, status.exit_code) == ("exited", 0)
    assert len(box.starts()) == 1


def test_a_job_that_fails_is_begun_anew_in_a_new_container(box):
    wanted = job(command="exit 3", retries=1)
    box.visit(wanted)
    assert box.ended
    (first,) = box.runtime.containers(NODE)
    outcome = box.visit(wanted)
    assert (outcome.instances[0].exit_code, outcome.look_after_s) == (3, 10.0)
    assert box.runtime.containers(NODE) == (first,), "its log can still be read"
    box.wait(10)
    box.visit(wanted)
    (second,) = box.runtime.containers(NODE)
    assert second.id != first.id
    (status,) = box.visit(wanted).instances
    assert (status.state, status.exit_code, status.job.attempts) == ("failed", 3, 2)
    assert len(box.starts()) == 2


def test_a_deadline_is_handed_to_the_timer_and_taken_back(box):
    wanted = job(command="sleep 1000", deadline_s=1000.0)
    assert box.visit(wanted).instances[0].state == "running"
    (term,) = box.leasing.terms.terms
    assert (term.kind, term.end_s, term.grace_s) == ("deadline", 1100.0, 10.0)
    box.wait(1001)
    (status,) = box.visit(wanted).instances
    assert (status.state, "deadline" in status.reason) == ("failed", True)
    assert box.leasing.terms.terms == ()
    assert [one.phase for one in box.runtime.containers(NODE)] == [Phase.EXITED]


def test_a_job_that_is_removed_and_ordered_again_runs_again(box):
    box.visit(job())
    box.visit(job())
    box.visit()
    assert job_store.load(box.folder / "state") == {}
    box.visit(job())
    assert len(box.starts()) == 2


def test_what_cannot_be_remembered_is_not_begun(box):
    (box.folder / "state").mkdir(mode=0o700)
    (box.folder / "state" / "jobs.state.new").mkdir()
    outcome = box.visit(job(), instance("b-0"))
    first, second = outcome.instances
    assert (first.state, second.state) == ("pending", "running")
    assert "it is not begun: " in first.reason
    assert "cannot be written" in outcome.problems[0]
    assert not outcome.reached
    (box.folder / "state" / "jobs.state.new").rmdir()
    box.visit(job(), instance("b-0"))
    assert box.visit(job(), instance("b-0")).instances[0].job.succeeded


def test_only_to_look_begins_and_keeps_nothing(box):
    prepared = box.lifecycle.prepare(order(job()), box.runtime, only_look=True)
    assert prepared.gate.halts["job-0"].state == InstanceState.PENDING
    assert not (box.folder / "state").exists()


def test_a_runtime_that_cannot_be_asked_changes_no_job(box):
    box.visit(job(command="sleep 1000"))
    before = job_store.load(box.folder / "state")
    box.runtime.fails["list"] = RuntimeFailure(Failure.UNREACHABLE, "gone")
    with pytest.raises(RuntimeFailure):
        box.lifecycle.prepare(order(job(command="sleep 1000")), box.runtime)
    assert job_store.load(box.folder / "state") == before


def test_orders_without_jobs_and_leases_are_as_they_were(box):
    wanted = order(instance("a-0"))
    prepared = box.lifecycle.prepare(wanted, box.runtime)
    assert prepared.order == wanted
    assert (prepared.gate.halts, prepared.jobs, lease_s(wanted)) == ({}, {}, None)
    assert box.runtime.calls == []
    assert not list(box.folder.iterdir())


def test_the_boxs_clocks_are_read(tmp_path):
    clock = clock_of(tmp_path.__class__("/"))
    assert clock.boot_s > 0
    assert clock.wall_s > 1_700_000_000
    assert len(clock.boot_id) == 36
