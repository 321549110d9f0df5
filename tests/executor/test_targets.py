"""Targets of round-trip times: whose they are, and for whom."""

import dataclasses

import pytest
from tests.executor.orders import KEY, KEYS, NODE, STRANGER, order, signed

from skerry_executor.targets import verify
from skerry_wire import codec, envelope
from skerry_wire.messages import Target, Targets

ERP = Target(name="endpoint/erp", host="erp.example", port=443)
TARGETS = Targets(node=NODE, issued_at=1_790_000_000.0, targets=(ERP,))


def sealed(targets=TARGETS, key=KEY):
    key_id = envelope.key_id_of(bytes(key.verify_key))
    return envelope.seal_targets(targets, key_id, lambda data: key.sign(data).signature)


def test_what_the_hub_signed_for_this_node_is_taken():
    assert verify(codec.encode(sealed()), KEYS, NODE) == TARGETS


def test_an_order_is_no_list_of_targets_though_the_hub_signed_it():
    assert "is no list of targets" in verify(signed(order()), KEYS, NODE)


def forged(**changes):
    return codec.encode(dataclasses.replace(sealed(), **changes))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (codec.encode(TARGETS), "it is not signed: "),
        (b"\xc1", "it is not signed: "),
        (codec.encode(sealed(key=STRANGER)), "is not among the box's trusted keys"),
        (forged(key_id=envelope.key_id_of(bytes(KEY.verify_key)), signature=b"s" * 64),
         "the signature is not that of key"),
        (forged(signature=b""), "the signature is not that of key"),
        (forged(payload=codec.pack(Targets(node=NODE))), "the signature is not that of key"),
        (forged(type=envelope.PLAIN), "the signature is not that of key"),
        (codec.encode(sealed(dataclasses.replace(TARGETS, node="box-2"))),
         "they are for node box-2, this is box-1"),
        (codec.encode(sealed(dataclasses.replace(TARGETS, node=None))), "for node None"),
    ],
)  # fmt: skip
def test_all_else_is_refused_with_the_reason(data, reason):
    assert reason in verify(data, KEYS, NODE)
