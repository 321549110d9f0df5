"""What is answered to nodes that ask for their leases."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from tests.hub.records import FIRST, SECOND, assignment, kept, node

from skerry_hub.keys import OrderKey
from skerry_hub.leases import Place
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.orders import Issued
from skerry_hub.state import Known
from skerry_hub.writer.leasing import Leasing
from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope, LeaseRequest

KEY = OrderKey(Ed25519PrivateKey.generate())
AT = 1000.0


def asks(seq=1, boot=1, incarnation=FIRST, challenge=b"c" * 32):
    return LeaseRequest(incarnation=incarnation, boot=boot, seq=seq, challenge=challenge)


def known(**lifecycle):
    return Known(
        [node(generation=1)],
        [kept(lifecycle=Lifecycle(**lifecycle))],
        [assignment()],
        [Issued(node="box-1", incarnation=FIRST, generation=1, content="c" * 16, envelope=b"")],
    )


def answered(leasing, request, mono_s=AT, of=None, name="box-1"):
    """Return what was published, opened, and who was alive."""
    said = []
    alive = leasing.answer([(name, request)], of or known(lease_s=60.0), said.append, mono_s)
    found = []
    for one in said:
        sealed = codec.decode(Envelope, one.payload)
        signed = envelope.signing_bytes(sealed.type, sealed.payload)
        Ed25519PublicKey.from_public_bytes(KEY.public).verify(sealed.signature, signed)
        assert (one.topic, one.retain, one.qos) == (f"skerry/v1/nodes/{name}/grant", False, 0)
        assert one.expiry_s
        found.append(envelope.open_grant(sealed))
    return found, alive


def test_a_signed_answer_to_the_challenge_for_what_is_ordered_there():
    leasing = Leasing(KEY, 0.0)
    (grant,), alive = answered(leasing, asks())
    assert (grant.node, grant.incarnation, grant.challenge) == ("box-1", FIRST, b"c" * 32)
    assert grant.instances == {"shop-web-0": 60.0}
    assert alive == ["box-1"]


def test_it_is_remembered_until_when():
    leasing = Leasing(KEY, 0.0)
    place = Place(node="box-1", incarnation=FIRST, generation=1, since=0.0, lease_s=60.0)
    before = leasing.leases.end("shop-web-0", place)
    answered(leasing, asks(), mono_s=AT)
    assert leasing.leases.end("shop-web-0", place) == pytest.approx(before + AT)


def test_not_more_often_than_that():
    leasing = Leasing(KEY, 0.0)
    assert len(answered(leasing, asks(1), AT)[0]) == 1
    assert answered(leasing, asks(2), AT + 0.5) == ([], ["box-1"])
    assert len(answered(leasing, asks(3), AT + 1.5)[0]) == 1


def test_an_old_request_is_not_answered_again():
    leasing = Leasing(KEY, 0.0)
    answered(leasing, asks(5, boot=2), AT)
    assert answered(leasing, asks(5, boot=2), AT + 10) == ([], [])
    assert answered(leasing, asks(9, boot=1), AT + 10) == ([], [])
    assert len(answered(leasing, asks(1, boot=3), AT + 10)[0]) == 1
    leasing.forget("box-1")
    assert len(answered(leasing, asks(1, boot=1), AT + 20)[0]) == 1


def test_who_has_no_lease_gets_no_answer():
    assert answered(Leasing(KEY, 0.0), asks(), of=known()) == ([], ["box-1"])


@pytest.mark.parametrize(
    ("name", "request_"), [("box-9", asks()), ("box-1", asks(incarnation=SECOND))]
)
def test_nobody_else_gets_one(name, request_):
    assert answered(Leasing(KEY, 0.0), request_, name=name) == ([], [])
