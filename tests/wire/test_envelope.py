"""Signed orders: exactly what is signed, and what does not open."""

import dataclasses
import random
import zlib

import pytest
from tests.wire.samples import ORDER

from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope, Order, Targets

SMALL = Order(node="a", incarnation="0" * 16, generation=1, issued_at=0.0)


def seal(order):
    seen = []

    def sign(data):
        seen.append(data)
        return b"s" * 64

    return envelope.seal(order, "0" * 16, sign), seen[0]


def test_a_sealed_order_opens_the_same():
    for order in (SMALL, ORDER):
        assert envelope.open_payload(seal(order)[0]) == order


def test_the_signature_covers_type_and_payload_as_sent():
    sealed, signed = seal(SMALL)
    kind = b"skerry.order.v1"
    expected = (
        b"DSSEv1 15 " + kind + b" " + str(len(sealed.payload)).encode() + b" " + sealed.payload
    )
    assert signed == expected


def test_targets_open_the_same_and_neither_stands_for_the_other():
    targets = Targets(node="a", issued_at=1.0)
    sealed = envelope.seal_targets(targets, "0" * 16, lambda _: b"s" * 64)
    assert envelope.open_targets(sealed) == targets
    with pytest.raises(WireError, match="is no order"):
        envelope.open_payload(sealed)
    with pytest.raises(WireError, match="is no list of targets"):
        envelope.open_targets(seal(SMALL)[0])


def test_only_what_is_larger_than_a_kibibyte_is_compressed():
    big = dataclasses.replace(ORDER, instances=ORDER.instances * 3)
    assert seal(SMALL)[0].type == envelope.PLAIN
    sealed = seal(big)[0]
    assert sealed.type == envelope.COMPRESSED
    assert len(sealed.payload) < len(codec.pack(big))


def sealed_with(payload, kind=envelope.COMPRESSED):
    return Envelope(type=kind, key_id="0" * 16, payload=payload, signature=b"")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (zlib.compress(b"\x00" * (envelope.MAX_ORDER_BYTES + 1)), "more than"),
        (zlib.compress(codec.pack(SMALL))[:-5], "cut off"),
        (zlib.compress(codec.pack(SMALL)) + b"more", "cut off"),
        (b"not zlib", "does not decompress"),
        (zlib.compress(b"\xc1"), "not msgpack"),
    ],
)
def test_a_payload_that_does_not_inflate_is_refused(payload, reason):
    with pytest.raises(WireError, match=reason):
        envelope.open_payload(sealed_with(payload))


def test_an_order_that_would_not_fit_is_refused_when_it_is_sealed():
    noise = random.Random(1).randbytes(300_000).hex()
    container = dataclasses.replace(
        ORDER.instances[0].containers[0], environment={"X": noise[:32000]}
    )
    many = tuple(
        dataclasses.replace(
            container, name=f"c{i}", environment={"X": noise[i * 30000 : i * 30000 + 32000]}
        )
        for i in range(20)
    )
    instance = dataclasses.replace(ORDER.instances[0], containers=many)
    with pytest.raises(WireError):
        seal(dataclasses.replace(ORDER, instances=(instance,)))


def test_key_ids_and_digests_are_the_documented_ones():
    # sha256("abc"), FIPS 180-2 appendix B.1
    whole = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert envelope.digest_of(b"abc") == whole
    assert envelope.key_id_of(b"abc") == whole[:16]
