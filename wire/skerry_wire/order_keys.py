"""Which keys a box trusts to sign its orders, and how the hub changes that. No I/O.

A change is signed by a key that the box trusts already, so that nobody has to touch the box. It
adds keys and retires others; what was retired never comes back by a change, whoever signed it.
"""

from __future__ import annotations

from typing import Annotated

from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Range, Text

KEY_BYTES = 32
MAX_CHANGES = 32
"""Most changes of one message: a box that lacks more is sent the next ones when it has these."""
MAX_TRUSTED = 64
"""Most keys that a box learns from changes."""

KeyId = Annotated[str, Text(32, "[0-9a-f]{16}")]
PublicKey = Annotated[bytes, Items(KEY_BYTES)]
KeySequence = Annotated[int, Range(0, 2**53 - 1)]


@frozen(kw_only=True)
class KeyChange:
    """From now on these keys are trusted too, and those no more. Always signed.

    `sequence` is above that of every earlier change; a box takes none that is not above the last
    one that it took. It is the same for all boxes: who trusts the key that signed it takes it.
    """

    sequence: KeySequence
    trusted: Annotated[tuple[PublicKey, ...], Items(8)] = ()
    retired: Annotated[tuple[PublicKey, ...], Items(8)] = ()


@frozen(kw_only=True)
class KeyChanges:
    """The changes that a box may lack, oldest first, each an Envelope as it was signed.

    Each is signed by a key that the one before it made trusted, or that was trusted before: so a
    box that was away for long follows from the key that it knows to the one that signs today.
    """

    changes: Annotated[tuple[Annotated[bytes, Items(2048)], ...], Items(MAX_CHANGES)] = ()


@frozen(kw_only=True)
class KeyStanding:
    """Which keys a box trusts by now, by their ids, and the newest change that it has taken."""

    sequence: KeySequence = 0
    trusted: Annotated[tuple[KeyId, ...], Items(2 * MAX_TRUSTED)] = ()


def fault(change: KeyChange) -> str | None:
    """Return what makes a change impossible that its schema allows."""
    if change.sequence == 0:
        return "sequence 0 is none"
    if not change.trusted:
        return "it names no key to be trusted"
    for key in (*change.trusted, *change.retired):
        if len(key) != KEY_BYTES:
            return f"a key of {len(key)} bytes; an Ed25519 public key has {KEY_BYTES}"
    if set(change.trusted) & set(change.retired):
        return "a key is trusted and retired at once"
    return None
