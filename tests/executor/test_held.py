"""Runs on a box that holds updates back or has no room, with other instances beside."""

import dataclasses

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, instance, order
from tests.executor.test_converge import DIGEST, Told, states
from tests.executor.test_switches import Kept

from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.converge import Convergence
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.switches import Switches
from skerry_executor.switching import Entry, Held, Moment, content_of
from skerry_wire.lifecycle import Switch
from skerry_wire.workload import PortMapping

PORT = (PortMapping(host=80, container=80),)


@pytest.fixture
def runtime():
    return FakeRuntime(images=[IMAGE])


def run(runtime, wanted, kept=None, **options):
    switches = Switches(
        wanted.generation,
        kept or Kept(),
        lambda: Moment(boot="a", boot_s=1000.0),
        **options,
    )
    return Convergence(
        wanted, DIGEST, runtime, Cancel(), Told(), lambda _: None, switches=switches,
        patience_s=0.0,
    ).run()  # fmt: skip


def held(workload):
    return Held(reason="ask Ann", look_after_s=60.0) if workload == "a" else None


def test_what_is_held_is_left_exactly_as_it_is_and_the_others_go_on(runtime):
    run(runtime, order(instance("a-0"), instance("b-0"), instance("c-0")))
    (before,) = (one for one in runtime.containers("box-1") if one.instance == "a-0")
    wanted = order(instance("a-0", "2"), instance("b-0", "2"), instance("a-1"), generation=2)
    outcome = run(runtime, wanted, held=held)
    assert states(outcome) == {"a-0": "running", "b-0": "running", "a-1": "running"}
    first, second, new = outcome.instances
    assert (first.revision, first.update.state, first.update.reason) == (
        "1" * 16,
        "held",
        "ask Ann",
    )
    assert (second.revision, second.update, new.update) == ("2" * 16, None, None)
    assert before in runtime.containers("box-1")
    assert (outcome.reached, outcome.look_after_s) == (False, 60.0)
    assert run(runtime, wanted).reached


def test_what_the_order_removes_does_not_wait(runtime):
    run(runtime, order(instance("a-0")))
    assert run(runtime, order(generation=2), held=held).reached
    assert runtime.containers("box-1") == ()


def test_what_has_not_begun_gives_up_no_port_for_another(runtime):
    old = instance("a-0", ports=PORT)
    run(runtime, order(old))
    before = runtime.containers("box-1")
    new = dataclasses.replace(instance("a-0", "2"), switch=Switch())
    kept = Kept(a_0=Entry(earlier=old))
    wanted = order(new, instance("b-0", ports=PORT), generation=2)
    outcome = run(runtime, wanted, kept, lacking=lambda *_: "no room")
    first, second = outcome.instances
    assert (first.state, first.revision, first.update.reason) == ("running", "1" * 16, "no room")
    assert before[0] in runtime.containers("box-1"), "it was never touched"
    assert second.reason == "port 80 is already in use on this box"
    # Whether the one gives it up before the other takes it is chance, but not for long.
    assert any(run(runtime, wanted, kept).reached for _ in range(3))


class Rotten(FakeRuntime):
    """Its first container is damaged, which shows when it is started again."""

    def start(self, reference):
        if self._find(reference).phase is Phase.EXITED:
            self._call("start", reference)
            raise RuntimeFailure(Failure.DAMAGED, "its layers are damaged")
        super().start(reference)


def test_what_is_damaged_after_its_box_went_back_is_made_anew_as_it_was():
    runtime = Rotten(images=[IMAGE])
    old = dataclasses.replace(instance("a-0"), switch=Switch())
    run(runtime, order(old))
    (before,) = runtime.containers("box-1")
    runtime.put(before, phase=Phase.EXITED, exit_code=137, pid=None)
    new = dataclasses.replace(instance("a-0", "2"), switch=Switch())
    tried = content_of(new)
    went_back = Entry(earlier=old, phase="rolled_back", tried=tried, reason="bad")
    outcome = run(runtime, order(new, generation=2), Kept(a_0=went_back))
    (after,) = runtime.containers("box-1")
    assert after.id != before.id
    assert (after.phase, after.revision) == (Phase.RUNNING, old.revision)
    assert outcome.instances[0].update.state == "rolled_back"
