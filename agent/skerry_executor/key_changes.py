"""Which keys a box trusts after the hub's signed changes of them. Pure.

What root put on the box is trusted, and what a change added that was signed by a trusted key; less
what a change retired. A retired key stays so whatever comes later, also where root's file is still
there: else an old change, which anybody on the way may have kept, could bring a stolen key back.

All that was learned goes back, change by change, to one of root's files. Where root takes that
away, as a join at another hub does, nothing that was learned by it counts any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from skerry_executor.signed import opened
from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.order_keys import MAX_TRUSTED, KeyChange, KeyChanges, KeySequence, PublicKey, fault
from skerry_wire.schema import Items

MAX_RETIRED = 1024


@frozen(kw_only=True)
class LearnedKey:
    """A key that a change added. `root` is the key of root's file to which that goes back."""

    key: PublicKey
    root: PublicKey


@frozen(kw_only=True)
class KeyRing:
    """What this box has learned of changes. `sequence` is that of the newest one taken."""

    sequence: KeySequence = 0
    learned: Annotated[tuple[LearnedKey, ...], Items(MAX_TRUSTED)] = ()
    retired: Annotated[tuple[PublicKey, ...], Items(MAX_RETIRED)] = ()


@frozen(kw_only=True)
class Taken:
    """The keys after some changes, and why the last of them was not taken, if so."""

    ring: KeyRing
    refused: str | None = None


def trusted(ring: KeyRing, by_root: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the keys that are trusted, by their ids."""
    learned = {envelope.key_id_of(one.key): one.key for one in counting(ring, by_root)}
    retired = set(ring.retired)
    return {name: key for name, key in {**by_root, **learned}.items() if key not in retired}


def ever_trusted(ring: KeyRing, by_root: Mapping[str, bytes]) -> frozenset[bytes]:
    """Return every key known to sign orders or to have signed them, retired ones as well."""
    return frozenset((*by_root.values(), *(one.key for one in ring.learned), *ring.retired))


def counting(ring: KeyRing, by_root: Mapping[str, bytes]) -> list[LearnedKey]:
    """Return what was learned by a key that is one of root's still, be it retired meanwhile."""
    roots = set(by_root.values())
    return [one for one in ring.learned if one.root in roots]


def taken(data: bytes, ring: KeyRing, by_root: Mapping[str, bytes]) -> Taken | str:
    """Return the keys after KeyChanges as they came, or why their bytes are none.

    Each change is judged after those before it, so that one may be signed by a key that an earlier
    one brought. What was taken before, and what nobody whom this box trusts has signed, is passed
    over: the changes are those of the whole fleet, and a box may have joined in the midst of them.
    """
    try:
        changes = codec.decode(KeyChanges, data)
    except WireError as error:
        return f"they are no changes of keys: {error}"
    refused = None
    for one in changes.changes:
        found = _after(one, ring, by_root)
        refused = found if isinstance(found, str) else None
        ring = ring if isinstance(found, str) else found
    return Taken(ring=ring, refused=refused)


def _after(data: bytes, ring: KeyRing, by_root: Mapping[str, bytes]) -> KeyRing | str:
    """Return the keys after one change, or why it is refused."""
    sealed = opened(data, trusted(ring, by_root))
    if isinstance(sealed, str):
        return sealed
    try:
        change = envelope.open_key_change(sealed)
    except WireError as error:
        return f"change of keys: {error}"
    wrong = fault(change)
    if wrong is not None:
        return f"change {change.sequence}: {wrong}"
    if change.sequence == ring.sequence:
        return ring
    if change.sequence < ring.sequence:
        return f"change {change.sequence} is older than {ring.sequence}, which was taken"
    return _carried_out(change, ring, by_root, signer=sealed.key_id)


def _carried_out(
    change: KeyChange, ring: KeyRing, by_root: Mapping[str, bytes], signer: str
) -> KeyRing | str:
    again = set(change.trusted) & set(ring.retired)
    if again:
        names = ", ".join(sorted(map(envelope.key_id_of, again)))
        return f"change {change.sequence} would bring back {names}, which was retired"
    retired = tuple(dict.fromkeys((*ring.retired, *change.retired)))
    held = {one.key: one.root for one in counting(ring, by_root)}
    root = by_root.get(signer) or next(
        root for key, root in held.items() if envelope.key_id_of(key) == signer
    )
    fresh = {key: root for key in change.trusted if key not in held}
    learned = tuple(
        LearnedKey(key=key, root=root)
        for key, root in {**held, **fresh}.items()
        if key not in retired
    )
    if len(learned) > MAX_TRUSTED or len(retired) > MAX_RETIRED:
        return f"change {change.sequence}: this box would have to remember too many keys"
    return KeyRing(sequence=change.sequence, learned=learned, retired=retired)
