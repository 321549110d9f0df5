"""Instances of which nothing may run: what is done, and what is told."""

import dataclasses

from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, NODE, container, instance, order
from tests.executor.test_converge import DIGEST, Told

from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.converge import Convergence
from skerry_executor.halt import OPEN, Gate, Halt
from skerry_executor.specs import spec_of, supervised
from skerry_wire.lifecycle import Job, Lease
from skerry_wire.messages import InstanceState

LEASE = Lease(duration_s=60.0)


def converged(runtime, wanted, gate=OPEN):
    return Convergence(wanted, DIGEST, runtime, Cancel(), Told(), lambda _: None, gate=gate).run()


def test_what_runs_of_a_halted_instance_is_stopped_and_kept_and_nothing_is_made():
    runtime = FakeRuntime(images=[IMAGE])
    wanted = order(instance("a-0"), instance("b-0"))
    converged(runtime, wanted)
    (kept,) = (one for one in runtime.containers(NODE) if one.instance == "a-0")
    halts = {
        "a-0": Halt(state=InstanceState.EXITED, reason="over"),
        "b-0": Halt(state=InstanceState.EXITED, exit_code=0, reached=True),
    }
    outcome = converged(runtime, wanted, Gate(halts=halts))
    first, second = outcome.instances
    assert (first.state, first.reason, first.exit_code) == ("exited", "over", 137)
    assert (second.state, second.reason, second.exit_code) == ("exited", None, 0)
    assert not outcome.reached
    assert {one.phase for one in runtime.containers(NODE)} == {Phase.EXITED}
    del halts["a-0"]
    before = runtime.changes()
    outcome = converged(runtime, wanted, Gate(halts=halts))
    assert outcome.reached
    assert runtime.changes()[len(before) :] == [("start", kept.id)]


def test_a_halted_instance_that_is_not_there_is_neither_pulled_nor_made():
    runtime = FakeRuntime(registry=["registry.example/web:1"])
    wanted = order(instance("a-0", image="registry.example/web:1"))
    gate = Gate(halts={"a-0": Halt(state=InstanceState.PENDING, reason="waits")})
    (one,) = converged(runtime, wanted, gate).instances
    assert (one.state, one.reason) == ("pending", "waits")
    assert runtime.changes() == []


def test_an_older_revision_of_a_halted_instance_is_stopped_too():
    runtime = FakeRuntime(images=[IMAGE])
    converged(runtime, order(instance("a-0")))
    gate = Gate(halts={"a-0": Halt(state=InstanceState.PENDING, reason="waits")})
    (one,) = converged(runtime, order(instance("a-0", revision="2"), generation=2), gate).instances
    assert (one.state, one.revision) == ("pending", "1" * 16)
    assert [one.phase for one in runtime.containers(NODE)] == [Phase.EXITED]


def test_what_waits_as_the_order_wants_it_is_of_the_orders_revision():
    runtime = FakeRuntime(images=[IMAGE])
    converged(runtime, order(instance("a-0")))
    gate = Gate(halts={"a-0": Halt(state=InstanceState.PENDING, reason="waits", reached=True)})
    wanted = order(instance("a-0", revision="2"), generation=2)
    converged(runtime, wanted, gate)
    outcome = converged(runtime, wanted, gate)
    assert [(one.state, one.revision) for one in outcome.instances] == [("pending", "2" * 16)]
    assert outcome.reached


def test_a_start_is_asked_about_right_before_it():
    runtime = FakeRuntime(images=[IMAGE])
    gate = Gate(permit=lambda name: f"{name} is over")
    outcome = converged(runtime, order(instance("a-0")), gate)
    assert outcome.instances[0].reason == "a-0 is over"
    assert [one.phase for one in runtime.containers(NODE)] == [Phase.CREATED]


def test_the_runtime_starts_nothing_by_itself_that_has_a_lease_or_is_a_job():
    plain = instance("a-0")
    leased = dataclasses.replace(plain, lease=LEASE)
    job = dataclasses.replace(plain, job=Job())
    part = container(restart="on-failure", restart_retries=3)
    assert supervised(plain, part) is part
    for one in (leased, job):
        assert supervised(one, part).restart == "no"
        assert supervised(one, part).restart_retries == 0
        assert spec_of(one, part) != spec_of(plain, part)


def test_what_a_lease_lets_run_is_started_again_by_its_own_restart_policy():
    runtime = FakeRuntime(images=[IMAGE])
    wanted = order(dataclasses.replace(instance("a-0"), lease=LEASE))
    converged(runtime, wanted)
    (one,) = runtime.containers(NODE)
    runtime.put(one, phase=Phase.EXITED, exit_code=0)
    assert converged(runtime, wanted).reached
    assert runtime.containers(NODE)[0].phase is Phase.RUNNING
