"""The box's policy as part of what the agent says the node has."""

import dataclasses

import pytest
from tests.agent.test_core import Box, converges, order_bytes, published

from skerry_agent import effects
from skerry_agent import events as ev
from skerry_wire import codec
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import Hardware, System
from skerry_wire.images import parse_pattern
from skerry_wire.local import Outcome
from skerry_wire.messages import Refusal
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.topics import NodeTopic

HERE = BoxPolicy(images=(parse_pattern("registry.example/shop"),), devices=("/dev/ttyUSB*",))
OTHER = dataclasses.replace(HERE, privileged=True)
FOUND = Hardware(system=System(hostname="quay"))
PODMAN = RuntimeInUse(name="podman", version="4.3.1")
KUBELET = RuntimeInUse(name="kubelet")
REACHED = Outcome(reached=True)


def told(box, policy, outcome=REACHED):
    return box.on(ev.ExecutorDone(box.state.run, outcome, policy))


def capabilities(done):
    return [(one.hardware.policy, one.revision) for one in published(done, NodeTopic.CAPABILITY)]


def probed(hardware=FOUND):
    return ev.HardwareProbed(hardware, codec.revision_of(hardware))


def revision(policy):
    return codec.revision_of(dataclasses.replace(FOUND, policy=policy))


@pytest.mark.parametrize("policy_first", [True, False])
def test_policy_and_hardware_are_one_capability_whichever_comes_first(policy_first):
    box = Box()
    box.on(ev.Started())
    box.on(ev.Connected(1))
    steps = [lambda: told(box, HERE), lambda: box.on(probed())]
    done = [step() for step in (steps if policy_first else reversed(steps))]
    assert capabilities(done[-1]) == [(HERE, revision(HERE))]
    assert box.state.hardware == dataclasses.replace(FOUND, policy=HERE)


def test_without_an_executor_no_policy_is_told():
    box = Box()
    box.on(ev.Started())
    box.on(ev.Connected(1))
    box.on(ev.ExecutorFailed(box.state.run, "no socket"))
    assert capabilities(box.on(probed())) == [(None, revision(None))]


def test_a_policy_is_told_again_only_when_it_has_changed():
    box = Box()
    box.on(ev.Started())
    box.on(ev.Connected(1))
    box.on(probed())
    assert len(capabilities(told(box, HERE))) == 1
    box.on(ev.ReloadAsked())
    assert capabilities(told(box, HERE)) == []
    assert capabilities(box.on(probed())) == [], "equal hardware beside an equal policy"
    box.on(ev.ReloadAsked())
    assert capabilities(told(box, None)) == [], "an executor of before: what was told stays"
    box.on(ev.ReloadAsked())
    assert capabilities(told(box, OTHER)) == [(OTHER, revision(OTHER))]


def test_the_runtime_that_is_driven_is_told_with_the_hardware_and_again_when_it_changes():
    box = Box()
    box.on(ev.Started())
    box.on(ev.Connected(1))
    box.on(probed())
    seen = []
    for runtime in (PODMAN, PODMAN, None, KUBELET):
        done = box.on(ev.ExecutorDone(box.state.run, REACHED, None, None, runtime))
        seen += [one.hardware.runtime_in_use for one in published(done, NodeTopic.CAPABILITY)]
        box.on(ev.ReloadAsked())
    assert seen == [PODMAN, KUBELET], "one that cannot be had now is the same as before"
    assert box.state.hardware == dataclasses.replace(FOUND, runtime_in_use=KUBELET)


def test_a_refusal_by_policy_brings_the_policy_along():
    box = Box().up()
    box.on(probed())
    box.wait(1.0)
    box.on(ev.OrderArrived(order_bytes(1)))
    refused = Outcome(refusal=Refusal(generation=1, code="policy", reason="privileged"))
    done = told(box, HERE, refused)
    assert capabilities(done) == [(HERE, revision(HERE))]
    assert published(done, NodeTopic.REPORT)[-1].refusal == refused.refusal


def test_an_administrator_has_the_policy_read_again():
    box = Box().up()
    (visit,) = converges(box.on(ev.ReloadAsked()))
    assert visit.order is None
    assert converges(box.on(ev.ReloadAsked())) == [], "one visit at a time"
    told(box, HERE)
    assert len(converges(box.wait(5.0))) == 1, "the file may have changed since it was read"
    told(box, HERE)
    assert converges(box.wait(30.0)) == [], "nothing is asked again and again"


def test_an_order_that_waits_goes_with_the_visit():
    box = Box().up()
    box.wait(1.0)
    box.on(ev.OrderArrived(order_bytes(1)))
    box.on(ev.ExecutorFailed(box.state.run, "no socket"))
    assert box.on(ev.ReloadAsked())[-1] == effects.Converge(box.state.run, order_bytes(1))
