"""Changes of the keys that boxes trust: what no change may be."""

import pytest

from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.local import MAX_KEYS_BYTES
from skerry_wire.order_keys import MAX_CHANGES, KeyChange, KeyChanges, fault

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_change_that_adds_or_retires_has_no_fault():
    assert fault(KeyChange(sequence=1, trusted=(OLD, NEW))) is None
    assert fault(KeyChange(sequence=1, trusted=(NEW,), retired=(OLD,))) is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (KeyChange(sequence=0, trusted=(NEW,)), "sequence 0"),
        (KeyChange(sequence=1, retired=(OLD,)), "no key to be trusted"),
        (KeyChange(sequence=1, trusted=(b"short",)), "5 bytes"),
        (KeyChange(sequence=1, trusted=(NEW,), retired=(b"",)), "0 bytes"),
        (KeyChange(sequence=1, trusted=(NEW, OLD), retired=(OLD,)), "at once"),
    ],
)
def test_what_no_change_may_be(change, word):
    assert word in fault(change)


def test_a_sealed_change_opens_the_same_and_stands_for_nothing_else():
    change = KeyChange(sequence=1, trusted=(NEW,), retired=(OLD,))
    sealed = envelope.seal_key_change(change, "0" * 16, lambda _: b"s" * 64)
    assert envelope.open_key_change(sealed) == change
    for other in (envelope.open_payload, envelope.open_grant, envelope.open_approval):
        with pytest.raises(WireError, match="type"):
            other(sealed)


def test_the_most_changes_fit_what_an_executor_is_handed():
    change = KeyChange(sequence=2**53 - 1, trusted=(NEW,) * 8, retired=(OLD,) * 8)
    sealed = codec.encode(envelope.seal_key_change(change, "0" * 16, lambda _: b"s" * 64))
    data = codec.encode(KeyChanges(changes=(sealed,) * MAX_CHANGES))
    assert len(data) < MAX_KEYS_BYTES
    assert codec.encode(KeyChanges(changes=(b"x" * 2048,) * MAX_CHANGES)).__len__() < MAX_KEYS_BYTES


def test_signed_anew_is_the_same_payload_under_another_key():
    change = KeyChange(sequence=1, trusted=(NEW,))
    sealed = envelope.seal_key_change(change, "0" * 16, lambda _: b"s" * 64)
    anew = envelope.signed_anew(sealed, "1" * 16, lambda _: b"t" * 64)
    assert (anew.type, anew.payload) == (sealed.type, sealed.payload)
    assert (anew.key_id, anew.signature) == ("1" * 16, b"t" * 64)
