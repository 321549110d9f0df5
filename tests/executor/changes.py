"""Changes of keys as a hub of our own signs them, for the executor's tests."""

import nacl.signing
from tests.executor.orders import KEY, STRANGER

from skerry_wire import codec, envelope
from skerry_wire.order_keys import KeyChange, KeyChanges

OLD = KEY
NEW = nacl.signing.SigningKey(b"\x03" * 32)
NEWEST = nacl.signing.SigningKey(b"\x04" * 32)
THIEF = STRANGER


def public(key):
    return bytes(key.verify_key)


def name(key):
    return envelope.key_id_of(public(key))


def change(sequence, by, trusted, retired=()):
    """Return a signed change as bytes."""
    what = KeyChange(
        sequence=sequence, trusted=tuple(map(public, trusted)), retired=tuple(map(public, retired))
    )
    return codec.encode(envelope.seal_key_change(what, name(by), lambda d: by.sign(d).signature))


def several(*changes):
    return codec.encode(KeyChanges(changes=changes))


ROTATED = change(10, OLD, [OLD, NEW])
RETIRED = change(11, NEW, [NEW], [OLD])
AGAIN = change(20, NEW, [NEW, NEWEST])
RETIRED_AGAIN = change(21, NEWEST, [NEWEST], [NEW])
CHAIN = (ROTATED, RETIRED, AGAIN, RETIRED_AGAIN)
"""Two rotations, each with the end of the key before."""
