"""Taking over what a held node runs: it becomes what is wanted, and a revision."""

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hub.records import (
    NOW,
    assignment,
    capability,
    changed,
    kept,
    node,
    report,
    settled,
    work_on,
    workload,
)
from tests.hub.test_desired import GPU, applied, check, fleet, held

from skerry_hub import adopting, desired
from skerry_hub.keys import OrderKey
from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.model import Hold, Resources
from skerry_hub.orders import instances
from skerry_hub.state import Known
from skerry_hub.terms import DeviceRequest
from skerry_hub.work import RefusedError
from skerry_hub.writer.issuing import issue
from skerry_wire import codec, envelope
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import SerialPort, UsbDevice
from skerry_wire.messages import Envelope

KEY = OrderKey(Ed25519PrivateKey.generate())


def ordered(known, node_id="box-1"):
    """Return the order that a hub that knows this issues to a node, and its bytes."""
    work = work_on(known)
    work.draft.touched.add(node_id)
    issue(work.draft, {node_id}, KEY, NOW)
    sealed = codec.decode(Envelope, work.draft.outbox[0].payload)
    return (
        envelope.open_payload(sealed),
        envelope.digest_of(sealed.payload),
        work.draft.outbox[0].payload,
    )


def adopted(known, record, order):
    work = work_on(known)
    work.draft.nodes.put(record.id, record)
    found = adopting.adopt(work, record, *order)
    check(work)
    return found, work


def test_what_a_node_was_ordered_becomes_what_is_wanted():
    shop = workload(replicas=2, labels={"tier": "front"})
    _, lost = applied(fleet("box-1"), shop, workload("tool-x"))
    order = ordered(lost)
    record = held(1)
    found, work = adopted(Known([record]), record, order)
    assert (found.diverged, found.generation, found.digest) == (None, 1, order[1])
    after = settled(Known([record]), work.draft)
    assert after.workloads["shop-web"].workload == shop
    assert after.workloads["tool-x"].workload.replicas == 1
    assert after.assignments == lost.assignments
    assert issue(work.draft, {"box-1"}, KEY, NOW) == {}
    assert work.draft.outbox == [], "the node has this order already"


def test_what_the_hub_wanted_of_a_node_and_it_does_not_run_is_placed_anew():
    _, lost = applied(fleet("box-1"), workload("shop-web"))
    _, known = applied(fleet("box-1"), workload("other-web"))
    record = held(1)
    known.nodes["box-1"] = record
    _, work = adopted(known, record, ordered(lost))
    after = settled(known, work.draft)
    assert set(after.assignments) == {"shop-web-0"}
    assert set(after.workloads) == {"shop-web", "other-web"}
    assert desired.wanting(work.draft) == ["other-web"]


def test_an_instance_that_was_thought_to_be_elsewhere_is_taken_to_be_here():
    _, lost = applied(fleet("box-1"), workload())
    known = Known([held(1), node("box-2")], [kept()], [assignment(node="box-2")])
    _, work = adopted(known, known.nodes["box-1"], ordered(lost))
    assert {one.id: one.node for one in work.draft.assignments.values()} == {"shop-web-0": "box-1"}
    assert "box-2" in work.draft.touched


def test_instances_elsewhere_follow_the_content_that_was_adopted():
    new = workload(image="localhost/web:2", replicas=2)
    _, lost = applied(fleet("box-1"), new)
    lost.assignments.pop("shop-web-1")
    lost = Known(lost.nodes.values(), lost.workloads.values(), lost.assignments.values())
    old = [assignment("shop-web-0", "box-1"), assignment("shop-web-1", "box-2")]
    known = Known([held(1), node("box-2")], [kept(replicas=2)], old)
    _, work = adopted(known, known.nodes["box-1"], ordered(lost))
    after = settled(known, work.draft)
    assert {one.revision for one in after.of_workload("shop-web")} == {new.revision}
    assert {one.id: one.node for one in after.of_workload("shop-web")} == {
        "shop-web-0": "box-1",
        "shop-web-1": "box-2",
    }
    names = {"shop-web": after.workloads["shop-web"].workload}
    for one in instances(after.of_workload("shop-web"), names):
        assert one.containers[0].image == "localhost/web:2"


def test_accelerators_that_a_node_had_given_are_held_again():
    gpu = workload(resources=Resources(devices=(DeviceRequest(kind="gpu"),)))
    equipped = capability(accelerators=(GPU,))
    _, lost = applied(fleet("box-1", capability=equipped), gpu)
    record = held(1, capability=equipped)
    _, work = adopted(Known([record]), record, ordered(lost))
    (one,) = work.draft.assignments.values()
    assert one.held == (Hold(device=f"gpu/{GPU.address}"),)
    assert one == lost.assignments["shop-web-0"]


def test_accelerators_that_are_named_by_cdi_are_held_again():
    gpu = workload(resources=Resources(devices=(DeviceRequest(kind="gpu"),)))
    name = f"x.y/gpu={GPU.address}"
    policy = BoxPolicy(any_image=True, devices=(name,))
    equipped = capability(accelerators=(GPU,), cdi_devices=(name,), policy=policy)
    _, lost = applied(fleet("box-1", capability=equipped), gpu)
    before = lost.assignments["shop-web-0"]
    assert (before.devices, before.cdi_devices) == ((), (name,))
    record = held(1, capability=equipped)
    _, work = adopted(Known([record]), record, ordered(lost))
    (one,) = work.draft.assignments.values()
    assert one == before


@pytest.mark.parametrize("kind", ["usb", "serial"])
def test_devices_that_are_named_by_their_place_are_held_again(kind):
    adapter = UsbDevice(path="1-3", vendor="0403", product="6001")
    port = SerialPort(name="ttyUSB0", path="/dev/ttyUSB0", bus="usb", address="1-3")
    equipped = capability(usb=(adapter,), serial_ports=(port,))
    asked = workload(resources=Resources(devices=(DeviceRequest(kind=kind),)))
    _, lost = applied(fleet("box-1", capability=equipped), asked)
    before = lost.assignments["shop-web-0"]
    assert (before.devices, before.bus_devices[0].address) == ((), "1-3")
    record = held(1, capability=equipped)
    _, work = adopted(Known([record]), record, ordered(lost))
    (one,) = work.draft.assignments.values()
    assert one == before


def test_an_order_of_another_node_or_incarnation_is_not_adopted():
    _, lost = applied(fleet("box-1"), workload())
    order, digest, data = ordered(lost)
    record = held(1)
    for wrong in (changed(order, node="box-2"), changed(order, incarnation="c" * 32)):
        with pytest.raises(RefusedError) as raised:
            adopting.adopt(work_on(Known([record])), record, wrong, digest, data)
        assert raised.value.status == 409


# --- revisions and rollouts ---------------------------------------------------------------


def shop(number, replicas=3, **update):
    return workload(
        image=f"localhost/web:{number}",
        replicas=replicas,
        lifecycle=Lifecycle(update=Update(**update)),
    )


def known_of(*contents):
    """Return a fleet of three boxes with one instance each, after these applies."""
    known = fleet("box-1", "box-2", "box-3")
    for content in contents:
        _, known = applied(known, content)
    return known


def after_adopting(known, order, node_id="box-1"):
    """Return what is known once a box, held for an order of its own, is adopted."""
    record = dataclasses.replace(known.nodes[node_id], diverged="ahead", report=report(accepted=1))
    found, work = adopted(known, record, order)
    assert found.diverged is None
    assert issue(work.draft, {node_id}, KEY, NOW) == {}, "the box has its order already"
    return settled(known, work.draft), work.draft


def states(known):
    return {key: one.state for key, one in sorted(known.updates.members.items())}


def on(known, node_id):
    return next(one.id for one in known.assignments.values() if one.node == node_id)


def test_a_content_that_is_new_is_a_revision_and_comes_to_the_others_by_a_rollout():
    known, theirs = known_of(shop(1)), known_of(shop(1), shop(5, strategy="at-once"))
    mine = on(theirs, "box-1")
    after, draft = after_adopting(known, ordered(theirs))
    assert [(one.number, one.cause) for one in draft.updates.records.values()] == [(2, "adopt")]
    assert after.workloads["shop-web"].workload.containers == shop(5).containers
    rolling = known_of(shop(1))
    after, draft = after_adopting(rolling, ordered(known_of(shop(6))))
    rollout = after.updates.rollouts["shop-web"]
    assert (rollout.number, rollout.cause, rollout.state) == (2, "adopt", "progressing")
    assert (rollout.total, rollout.already, rollout.stable) == (3, 1, 1)
    assert set(states(after).values()) == {"waiting"}
    assert mine not in states(after)
    assert after.updates.contents["shop-web", 1].containers == shop(1).containers


def test_a_workload_that_is_not_known_begins_its_history():
    after, draft = after_adopting(known_of(), ordered(known_of(shop(3))))
    assert [(one.number, one.cause) for one in draft.updates.records.values()] == [(1, "adopt")]
    assert after.updates.rollouts == {}
    assert after.workloads["shop-web"].workload.replicas == 1


def test_a_rollout_under_way_ends_for_the_content_that_is_adopted():
    known = known_of(shop(1), shop(2))
    assert set(states(known).values()) == {"waiting"}
    after, draft = after_adopting(known, ordered(known_of(shop(7))))
    rollout = after.updates.rollouts["shop-web"]
    assert (rollout.number, rollout.cause, rollout.stable) == (3, "adopt", 1)
    assert [(one.number, one.cause) for one in draft.updates.records.values()] == [(3, "adopt")]
    assert {one.number for one in after.updates.members.values()} == {1}, "what they have still"
    assert len(after.updates.members) == 2


def test_what_a_rollout_has_not_come_to_yet_waits_on():
    known = known_of(shop(1), shop(2))
    before = known.updates.rollouts["shop-web"]
    after, draft = after_adopting(known, ordered(known_of(shop(1))))
    assert draft.updates.records == {}
    assert after.updates.rollouts["shop-web"] == before
    assert set(states(after).values()) == {"waiting"}
    assert len(states(after)) == 3
    assert {one.revision for one in after.assignments.values()} == {shop(2).revision}


def test_what_has_the_newest_content_already_is_looked_at_as_if_it_had_just_come():
    known = known_of(shop(1), shop(2))
    mine = on(known, "box-1")
    after, _ = after_adopting(known, ordered(known_of(shop(2))))
    assert states(after)[mine] == "updating"
    assert sorted(states(after).values()) == ["updating", "waiting", "waiting"]


def test_of_blue_green_the_second_set_ends_and_none_is_begun():
    blue = shop(1, strategy="blue-green")
    known = known_of(blue, shop(2, strategy="blue-green"))
    assert known.updates.rollouts["shop-web"].surge == 3
    after, _ = after_adopting(known, ordered(known_of(shop(8, strategy="blue-green"))))
    rollout = after.updates.rollouts["shop-web"]
    assert (rollout.surge, rollout.strategy, rollout.cause) == (0, "rolling", "adopt")
    assert after.workloads["shop-web"].workload.replicas == 3


def test_an_instance_that_the_box_does_not_run_is_nobodys_to_update():
    known = known_of(shop(1), shop(2))
    mine = on(known, "box-1")
    empty = known_of(workload("tool-x"))
    node_id = next(one.node for one in empty.assignments.values())
    mine = on(known, node_id)
    after, _ = after_adopting(known, ordered(empty, node_id), node_id)
    assert mine not in states(after)
