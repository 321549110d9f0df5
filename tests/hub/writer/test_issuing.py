"""Which nodes get an order, in the same transaction as what makes it due."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from tests.hub.records import (
    FIRST,
    NOW,
    SECOND,
    assignment,
    finished,
    kept,
    node,
    report,
    settled,
)

from skerry_hub.keys import OrderKey
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.state import Draft, Known
from skerry_hub.writer.issuing import issue
from skerry_wire import codec, envelope
from skerry_wire.lifecycle import Job
from skerry_wire.messages import Envelope

KEY = OrderKey(Ed25519PrivateKey.generate())


def touched(known, *nodes, heard=("box-1",)):
    """Return the draft after orders were made for what was touched, and the failures."""
    draft = Draft(known)
    draft.touched.update(nodes or ["box-1"])
    return draft, issue(draft, heard, KEY, NOW)


def opened(draft):
    (publication,) = draft.outbox
    sealed = codec.decode(Envelope, publication.payload)
    signed = envelope.signing_bytes(sealed.type, sealed.payload)
    Ed25519PublicKey.from_public_bytes(KEY.public).verify(sealed.signature, signed)
    return publication, sealed, envelope.open_payload(sealed)


def test_an_order_is_signed_recorded_and_put_into_the_outbox():
    draft, failures = touched(Known([node()], [kept()], [assignment()]))
    publication, sealed, order = opened(draft)
    assert failures == {}
    assert publication.topic == "skerry/v1/nodes/box-1/order"
    assert publication.retain
    assert sealed.key_id == KEY.id
    assert [one.id for one in order.instances] == ["shop-web-0"]
    after = draft.nodes.get("box-1")
    assert (after.generation, after.digest) == (1, envelope.digest_of(sealed.payload))
    issued = draft.orders.get("box-1")
    assert (issued.generation, issued.incarnation) == (1, FIRST)
    assert issued.envelope == publication.payload
    assert draft.touched == set()


def test_the_same_content_is_not_ordered_again():
    known = Known([node()], [kept()], [assignment()])
    draft, _ = touched(known)
    again, _ = touched(settled(known, draft))
    assert again.empty


def test_less_than_before_is_another_order():
    known = Known([node()], [kept()], [assignment()])
    draft, _ = touched(known)
    known = settled(known, draft)
    draft = Draft(known)
    draft.assignments.remove("shop-web-0")
    draft.touched.add("box-1")
    issue(draft, {"box-1"}, KEY, NOW)
    _, _, order = opened(draft)
    assert (order.generation, order.instances) == (2, ())


@pytest.mark.parametrize(
    ("record", "heard"),
    [
        (node(), ()),
        (node(diverged="it is ahead of this hub"), ("box-1",)),
    ],
)
def test_a_node_that_was_not_heard_or_is_held_gets_none(record, heard):
    draft, failures = touched(Known([record], [kept()], [assignment()]), heard=heard)
    assert (draft.empty, failures) == (True, {})


def test_a_node_that_is_not_touched_or_not_known_gets_none():
    known = Known([node()], [kept()], [assignment()])
    draft = Draft(known)
    assert issue(draft, {"box-1"}, KEY, NOW) == {}
    assert draft.empty
    draft, _ = touched(known, "ghost-1", heard={"ghost-1"})
    assert draft.empty


def test_a_node_that_never_ran_anything_needs_no_order_to_run_nothing():
    draft, _ = touched(Known([node()]))
    assert draft.empty


def test_a_node_that_runs_what_this_hub_never_ordered_gets_the_order_to_run_nothing():
    draft, _ = touched(Known([node(report=report(accepted=4), generation=4)]))
    _, _, order = opened(draft)
    assert (order.generation, order.instances) == (5, ())


def test_a_new_incarnation_gets_its_own_order_of_a_later_generation():
    known = Known([node()], [kept()], [assignment()])
    draft, _ = touched(known)
    known = settled(known, draft)
    renewed = node(incarnation=SECOND, report=report(incarnation=SECOND), generation=1)
    known.nodes["box-1"] = renewed
    draft, _ = touched(known)
    _, _, order = opened(draft)
    assert (order.incarnation, order.generation) == (SECOND, 2)


def test_what_a_node_would_refuse_to_read_is_not_signed():
    many = [assignment(f"shop-web-{number}") for number in range(513)]
    draft, failures = touched(Known([node()], [kept()], many))
    assert draft.empty
    assert "512" in failures["box-1"]
    assert "host-box-1" in failures["box-1"]


def test_one_order_that_does_not_fit_holds_up_no_other():
    many = [assignment(f"shop-web-{number}") for number in range(513)]
    other = assignment("shop-web-600", node="box-2")
    known = Known([node(), node("box-2")], [kept()], [*many, other])
    draft, failures = touched(known, "box-1", "box-2", heard={"box-1", "box-2"})
    assert set(failures) == {"box-1"}
    assert [one.topic for one in draft.outbox] == ["skerry/v1/nodes/box-2/order"]


@pytest.mark.parametrize(("incarnation", "ordered"), [(FIRST, ["shop-web-0"]), (SECOND, [])])
def test_a_finished_job_is_ordered_only_of_the_installation_that_finished_it(incarnation, ordered):
    box = node(incarnation=incarnation, report=report(incarnation, accepted=1))
    draft, _ = touched(Known([box], [kept(lifecycle=Lifecycle(job=Job()))], [finished()]))
    _, _, order = opened(draft)
    assert [one.id for one in order.instances] == ordered
