"""Which orders are the hub's, for this node, and new."""

import dataclasses
import zlib

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.executor.orders import (
    INCARNATION,
    KEY,
    KEYS,
    NODE,
    PUBLIC,
    STRANGER,
    container,
    instance,
    order,
    sealed,
    signed,
)

from skerry_executor import order as verification
from skerry_executor.order import HighWater, Identity, Verified, verify
from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope, Refusal

US = Identity(node=NODE, incarnation=INCARNATION)
GOOD = order(instance(), generation=5)


def judged(data, high_water=None, keys=KEYS):
    return verify(data, keys, US, high_water)


def code_of(data, high_water=None, keys=KEYS):
    found = judged(data, high_water, keys)
    assert isinstance(found, Refusal), found
    return found.code


def signed_payload(payload, kind=envelope.PLAIN, key=KEY):
    """Return an envelope around any bytes, rightly signed."""
    signature = key.sign(envelope.signing_bytes(kind, payload)).signature
    key_id = envelope.key_id_of(bytes(key.verify_key))
    return codec.encode(Envelope(type=kind, key_id=key_id, payload=payload, signature=signature))


def with_fields(**fields):
    return signed_payload(msgpack.packb({**codec.to_plain(GOOD), **fields}))


def test_the_hubs_order_is_taken():
    found = judged(signed(GOOD))
    assert found == Verified(order=GOOD, digest=envelope.digest_of(sealed(GOOD).payload))


def test_a_large_order_is_taken_compressed():
    large = order(*(instance(f"shop-web-{n}") for n in range(300)))
    assert sealed(large).type == envelope.COMPRESSED
    assert judged(signed(large)).order == large


def test_an_order_of_another_key_is_refused():
    assert code_of(signed(GOOD, STRANGER)) == verification.UNKNOWN_KEY
    assert code_of(signed(GOOD), keys={}) == verification.UNKNOWN_KEY


def test_an_order_that_only_names_the_hubs_key_is_refused():
    forged = signed(GOOD, STRANGER, key_id=envelope.key_id_of(PUBLIC))
    assert code_of(forged) == verification.BAD_SIGNATURE


@pytest.mark.parametrize("length", [0, 1, 32, 63])
def test_a_signature_of_the_wrong_length_is_refused(length):
    short = dataclasses.replace(sealed(GOOD), signature=b"\x00" * length)
    assert code_of(codec.encode(short)) == verification.BAD_SIGNATURE


def test_the_signature_covers_the_type():
    payload = zlib.compress(codec.pack(GOOD))
    good = codec.decode(Envelope, signed_payload(payload, envelope.COMPRESSED))
    plain = dataclasses.replace(good, type=envelope.PLAIN)
    assert code_of(codec.encode(plain)) == verification.BAD_SIGNATURE


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_changed_byte_passes(data):
    good = signed(GOOD)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    found = judged(bytes(bad))
    # Another byte may only be another spelling of the same envelope.
    if isinstance(found, Verified):
        assert codec.decode(Envelope, bytes(bad)) == sealed(GOOD)


@given(st.integers(0, len(signed(GOOD)) - 1))
def test_a_truncated_order_is_malformed(length):
    assert code_of(signed(GOOD)[:length]) == verification.MALFORMED


@given(st.binary(max_size=400))
def test_random_bytes_are_malformed(data):
    assert code_of(data) == verification.MALFORMED
    assert code_of(signed_payload(data)) == verification.MALFORMED


def test_a_bomb_is_malformed_although_it_is_signed():
    bomb = zlib.compress(b"\x00" * (envelope.MAX_ORDER_BYTES + 1), 9)
    assert code_of(signed_payload(bomb, envelope.COMPRESSED)) == verification.MALFORMED
    assert code_of(signed_payload(b"\x91" * 5000)) == verification.MALFORMED


def test_a_compressed_order_with_something_behind_it_is_malformed():
    payload = zlib.compress(codec.pack(GOOD))
    assert code_of(signed_payload(payload + b"x", envelope.COMPRESSED)) == verification.MALFORMED
    assert code_of(signed_payload(payload[:-3], envelope.COMPRESSED)) == verification.MALFORMED


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"sudo": True}, "sudo"),
        ({"generation": "5"}, "generation"),
        ({"generation": 5.0}, "generation"),
        ({"generation": -1}, "generation"),
        ({"instances": {}}, "instances"),
        ({"instances": [{**codec.to_plain(instance()), "sudo": 1}]}, "instances[0].sudo"),
        ({"node": None}, "node"),
        ({"node": "../x"}, "node"),
        ({"issued_at": float("nan")}, "issued_at"),
    ],
)
def test_an_unknown_or_mistyped_field_is_refused_by_name(fields, names):
    found = judged(with_fields(**fields))
    assert found.code == verification.MALFORMED
    assert names in found.reason


def test_an_unknown_field_deep_in_a_container_is_refused_by_name():
    plain = codec.to_plain(instance())
    plain["containers"][0]["devices_cgroup_rules"] = ["a *:* rwm"]
    found = judged(with_fields(instances=[plain]))
    assert found.code == verification.MALFORMED
    assert "instances[0].containers[0].devices_cgroup_rules" in found.reason


def test_what_the_hub_keeps_for_itself_is_no_unknown_field():
    kept = dataclasses.replace(instance(), origin=b"anything")
    assert isinstance(judged(signed(order(kept))), Verified)


def test_an_order_for_another_node_or_incarnation_is_refused():
    elsewhere = judged(signed(order(node="box-2", generation=9)))
    assert (elsewhere.code, elsewhere.generation) == (verification.OTHER_NODE, 9)
    assert "box-2" in elsewhere.reason
    assert code_of(signed(order(incarnation="f" * 32))) == verification.OTHER_INCARNATION


@pytest.mark.parametrize(
    ("generation", "digest", "code"),
    [
        (6, "same", verification.STALE_GENERATION),
        (2**53 - 1, "other", verification.STALE_GENERATION),
        (5, "other", verification.CONFLICTING_GENERATION),
        (5, "same", None),
        (4, "other", None),
    ],
)
def test_only_what_is_not_older_than_the_high_water_mark_is_taken(generation, digest, code):
    digests = {"same": envelope.digest_of(sealed(GOOD).payload), "other": "0" * 64}
    found = judged(signed(GOOD), HighWater(generation=generation, digest=digests[digest]))
    assert (found.code if isinstance(found, Refusal) else None) == code


@pytest.mark.parametrize(
    "contradiction",
    [
        order(generation=0),
        order(instance(), instance()),
        order(instance(containers=[container("a"), container("a")])),
        # The names of their containers are the same: skerry-a-0-b-c.
        order(
            instance("a-0-b", containers=[container("c")]),
            instance("a-0", containers=[container("b-c")]),
        ),
        order(instance(environment={"A=B": "x"})),
        order(instance(environment={"": "x"})),
        order(instance(labels={"io.skerry.node=box-2": "x"})),
    ],
)
def test_an_order_that_contradicts_itself_is_malformed(contradiction):
    assert code_of(signed(contradiction)) == verification.MALFORMED


def test_every_reason_fits_its_field():
    long = dataclasses.replace(instance(), id="a" * 120)
    found = judged(signed(order(long, long)))
    assert codec.decode(Refusal, codec.encode(found)) == found
