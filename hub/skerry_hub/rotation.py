"""The changes of the order key: which there were, what a node lacks of them, how far one is. Pure.

Every change is kept for ever. Each is signed by a key that was trusted before it, so a box that was
away for years follows them from the key that it knows to the one that signs today.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Annotated

from skerry_hub.model import Node
from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope
from skerry_wire.order_keys import MAX_CHANGES, KeyChanges, KeyId, KeySequence
from skerry_wire.schema import Items


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptChange:
    """One change as it was signed."""

    sequence: KeySequence
    at: float
    envelope: Annotated[bytes, Items(2048)]
    by: KeyId
    """The key that signed it."""
    retires: Annotated[tuple[KeyId, ...], Items(8)] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeysRecord:
    """Which key signs, which one is to take its place, and every change so far, oldest first.

    `stolen`: the change to `next` has retired `current` already, for somebody else may have it.
    """

    current: KeyId
    next: KeyId | None = None
    began_at: float = 0.0
    stolen: bool = False
    changes: Annotated[tuple[KeptChange, ...], Items(4096)] = ()

    @property
    def sequence(self) -> int:
        """Return the number of the newest change, 0 where there was none."""
        return self.changes[-1].sequence if self.changes else 0

    def next_sequence(self, now: float) -> int:
        """Return the number of the next change.

        By the clock, so that a hub that was restored to before its last changes does not make
        others of the same numbers, which boxes would pass over.
        """
        return max(self.sequence + 1, int(now))


def public_of(record: KeysRecord, key_id: str | None) -> bytes | None:
    """Return a key that a change told boxes to trust, where one did."""
    for one in reversed(record.changes if key_id is not None else ()):
        with contextlib.suppress(WireError):
            change = envelope.open_key_change(codec.decode(Envelope, one.envelope))
            for key in change.trusted:
                if envelope.key_id_of(key) == key_id:
                    return key
    return None


def lacking(record: KeysRecord, node: Node) -> Sequence[KeptChange]:
    """Return the next changes that a node has not taken, as far as is known; () where it has all.

    They begin with the first that it can take: a node that joined lately knows none of the keys
    that signed those before. One that tells nothing of keys has software that knows no changes.
    """
    told = node.report.keys if node.report is not None else None
    if told is None or told.sequence >= record.sequence:
        return ()
    missing = [one for one in record.changes if one.sequence > told.sequence]
    first = next((n for n, one in enumerate(missing) if one.by in told.trusted), len(missing))
    return tuple(missing[first : first + MAX_CHANGES])


def message_of(changes: Iterable[KeptChange]) -> bytes:
    """Return the message that brings changes to a node."""
    return codec.encode(KeyChanges(changes=tuple(one.envelope for one in changes)))


def trusts(node: Node, key_id: str) -> bool:
    """Say whether a node tells that it trusts a key."""
    told = node.report.keys if node.report is not None else None
    return told is not None and key_id in told.trusted


def obstacle(record: KeysRecord, node: Node, key_id: str) -> str | None:
    """Return why a node does not trust a key yet, in words; None where it does."""
    if trusts(node, key_id):
        return None
    if node.report is None:
        return "it has not reported since it was installed"
    told = node.report.keys
    if told is None:
        return "its software tells of no keys: update skerry-agent there"
    refused = next((one for one in node.report.problems if "order keys" in one), None)
    if refused is not None:
        return refused
    if told.sequence >= record.sequence:
        return f"it has taken change {told.sequence}, and trusts other keys: is it of another hub?"
    if not told.trusted:
        return "it trusts no key at all: root must put the public key there, or join it anew"
    if not lacking(record, node):
        names = ", ".join(told.trusted)
        return f"it trusts {names} alone, no key of this hub: root must join it anew"
    return f"it is {node.liveness.value}, and is told as soon as it can be reached"
