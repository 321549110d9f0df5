"""The keys that this hub signs with: one, and while it is changed another; on disk, in the store.

Files hold the private halves, the store which of them signs and every change so far. A kill between
the two is healed at the next start: which file is meant, the store says by the key's id. One that
it does not name counts for nothing, and no change begins with it: a thief may have it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import pathlib
import threading
from collections.abc import Iterable
from typing import Protocol

import structlog

from skerry_hub.keys import PRIVATE, OrderKey, OrderKeyError, load, make, write_public
from skerry_hub.model import Node
from skerry_hub.rotation import (
    KeptChange,
    KeysRecord,
    lacking,
    message_of,
    obstacle,
    public_of,
    trusts,
)
from skerry_hub.whole_file import sync_folder
from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.order_keys import KeyChange

log = structlog.get_logger("order_keys")

SETTING = "order_keys"
NEXT = f"{PRIVATE}.next"
FRESH = f"{PRIVATE}.fresh"
"""The next key until the store says so: the one before it, which boxes may trust, is kept so long.
"""
MAX_RECORD_BYTES = 16 * 2**20


class Settings(Protocol):
    """Where the record is kept; `store.Store` is one."""

    def setting(self, key: str, otherwise: str) -> str:
        """Return a value; at the first time keep `otherwise`."""

    def set_setting(self, key: str, value: str) -> None:
        """Keep a value, durably."""


class RotationError(Exception):
    """The key cannot be changed as was asked; the text says why and what to do."""


class OrderKeys:
    """The keys of one hub. Any thread."""

    def __init__(self, folder: pathlib.Path, settings: Settings) -> None:
        """`folder` holds the keys, made at the first start. Raises OrderKeyError, StoreError."""
        self._folder = folder
        self._settings = settings
        self._lock = threading.RLock()
        self.current = load(folder) or make(folder / PRIVATE)
        self.next: OrderKey | None = None
        fresh = KeysRecord(current=self.current.id)
        self.record = _unpacked(settings.setting(SETTING, _packed(fresh)))
        self._follow()
        write_public(folder, self.current)

    def _follow(self) -> None:
        """Bring the files and what the store says together. Raises OrderKeyError, StoreError."""
        record = self.record
        if record.current == self.current.id:
            self.next = self._beside(record.next)
            if record.next is not None and self.next is None:
                log.error("the next order key is not there: put it back from a backup, or rotate",
                          file=str(self._folder / NEXT), key=record.next)  # fmt: skip
        elif (beside := self._beside(record.current)) is not None:
            self._take_over(beside)  # a hub that was killed in the midst of it
        else:
            # A backup of the one without the other: the file is what can sign.
            log.warning("the database knows of another order key: it, or the file, is of a backup",
                        file=self.current.id, database=record.current)  # fmt: skip
            self._keep(
                dataclasses.replace(record, current=self.current.id, next=None, stolen=False)
            )

    def _beside(self, key_id: str | None) -> OrderKey | None:
        """Return the key of an id that lies beside the current one, now by the next one's name."""
        if key_id is None:
            return None
        found = load(self._folder, NEXT)
        if found is not None and found.id == key_id:
            return found
        fresh = load(self._folder, FRESH)
        if fresh is None or fresh.id != key_id:
            return None
        self._renamed(FRESH, NEXT)  # a hub that was killed right after the store had it
        return fresh

    # --- reading ------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Return the id of the key that signs."""
        return self.current.id

    @property
    def public(self) -> bytes:
        """Return the public half of the key that signs."""
        return self.current.public

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Return the keys that a box which joins now must trust."""
        with self._lock:
            if self.next is None:
                return (self.current.public,)
            if self.record.stolen:
                return (self.next.public,)
            return self.current.public, self.next.public

    def for_node(self, node: Node | None) -> OrderKey:
        """Return the key to sign with for a node: the next one where it tells that it trusts it."""
        following = self.next
        if following is not None and node is not None and trusts(node, following.id):
            return following
        return self.current

    def lacking(self, node: Node) -> tuple[KeptChange, ...]:
        """Return the changes that a node is to be told."""
        return tuple(lacking(self.record, node))

    @staticmethod
    def message_of(changes: Iterable[KeptChange]) -> bytes:
        """Return the message that tells changes."""
        return message_of(changes)

    @property
    def wanted(self) -> OrderKey:
        """Return the key that every box shall trust."""
        return self.next or self.current

    def without(self, nodes: Iterable[Node]) -> dict[str, str]:
        """Return the nodes that do not trust the wanted key, each with why."""
        record, key_id = self.record, self.wanted.id
        found = ((node.id, obstacle(record, node, key_id)) for node in nodes)
        return {node: reason for node, reason in found if reason is not None}

    # --- changing -----------------------------------------------------------------------------

    def rotate(self, now: float, *, stolen: bool = False) -> None:
        """Begin to change the key: make the next one, and sign that boxes trust it.

        `stolen`: the same change retires the present one; and the next one, where a change is under
        way: who copied the folder has both. Raises RotationError, OrderKeyError, StoreError; then
        nothing has begun, or a change that the store had taken when it failed.
        """
        with self._lock:
            self._read_again()
            if self.next is not None and not stolen:
                raise RotationError(
                    f"the key is being changed to {self.next.id} already: look at "
                    "`skerry key status`; `skerry key retire` ends it, and where somebody may have "
                    "both keys `skerry key rotate --stolen` begins anew"
                )
            following = self._fresh()
            change, signer = self._change_to(following, now, stolen=stolen)
            begun = dataclasses.replace(self.record, next=following.id, began_at=now, stolen=stolen)
            self._keep(_with(begun, change, signer, now))
            self.next = following
            self._renamed(FRESH, NEXT)
            log.info("order key: change begun", old=self.id, new=following.id, stolen=stolen)

    def _read_again(self) -> None:
        """Read what the store has: a change of which it told that it failed may be there."""
        self.record = _unpacked(self._settings.setting(SETTING, _packed(self.record)))
        self._follow()

    def _fresh(self) -> OrderKey:
        """Make a key that was never before. Raises OrderKeyError."""
        path = self._folder / FRESH
        try:
            path.unlink(missing_ok=True)  # of a change that never began
        except OSError as error:
            raise OrderKeyError(f"{path} cannot be removed: {error.strerror}") from None
        return make(path)

    def _change_to(
        self, following: OrderKey, now: float, *, stolen: bool
    ) -> tuple[KeyChange, OrderKey]:
        """Return the change that begins, and the key that signs it."""
        old, new = self.current.public, following.public
        between = public_of(self.record, self.record.next)
        # Boxes that have heard of a stolen key trust the one after it alone.
        signer = self.next if self.record.stolen and self.next is not None else self.current
        retired = ((old,) if stolen else ()) + ((between,) if between is not None else ())
        change = KeyChange(
            sequence=self.record.next_sequence(now),
            trusted=(new,) if stolen else (old, new),
            retired=retired,
        )
        return change, signer

    def retire(self, now: float, left: Iterable[str] = (), *, force: bool = False) -> None:
        """End the change: sign with the next key alone, and have boxes distrust the old one.

        `left` are the nodes that do not trust the next one yet. Raises RotationError,
        OrderKeyError, StoreError.
        """
        with self._lock:
            following, left = self.next, list(left)
            if following is None:
                raise RotationError("the key is not being changed: `skerry key rotate` begins that")
            if left and not force:
                count = "1 box does" if len(left) == 1 else f"{len(left)} boxes do"
                raise RotationError(
                    f"{count} not trust {following.id} yet ({', '.join(left[:5])}"
                    f"{', ...' if len(left) > 5 else ''}): see `skerry key status`. With --force "
                    "they get no orders until they were told, as soon as they can be reached"
                )
            ended = dataclasses.replace(
                self.record, current=following.id, next=None, stolen=False, began_at=0.0
            )
            if not self.record.stolen:
                change = KeyChange(
                    sequence=self.record.next_sequence(now),
                    trusted=(following.public,),
                    retired=(self.current.public,),
                )
                ended = _with(ended, change, following, now)
            self._keep(ended)
            old = self.id
            self._take_over(following)
            log.info("order key: changed", old=old, new=following.id, left=len(left))

    def _take_over(self, following: OrderKey) -> None:
        """Have the next key's file be the key's."""
        self.current, self.next = following, None
        self._beside(following.id)  # so that it surely has the next one's name
        self._renamed(NEXT, PRIVATE)
        write_public(self._folder, following)

    def _renamed(self, name: str, to: str) -> None:
        path = self._folder / name
        try:
            path.rename(self._folder / to)
            sync_folder(self._folder)
        except OSError as error:
            reason = f"{path} cannot be renamed to {to}: {error.strerror}"
            raise OrderKeyError(f"{reason}; it is done at the next start") from None

    def _keep(self, record: KeysRecord) -> None:
        self._settings.set_setting(SETTING, _packed(record))
        self.record = record


def _with(record: KeysRecord, change: KeyChange, key: OrderKey, now: float) -> KeysRecord:
    """Return the record with one more change, signed."""
    kept = KeptChange(
        sequence=change.sequence,
        at=now,
        by=key.id,
        envelope=codec.encode(envelope.seal_key_change(change, key.id, key.sign)),
        retires=tuple(map(envelope.key_id_of, change.retired)),
    )
    return dataclasses.replace(record, changes=(*record.changes, kept))


def _unpacked(text: str) -> KeysRecord:
    with contextlib.suppress(WireError, binascii.Error):
        data = base64.b64decode(text, validate=True)
        return codec.decode(KeysRecord, data, most=MAX_RECORD_BYTES)
    raise OrderKeyError(
        f"the changes of the order key in the database (hub, {SETTING}) are damaged: put back a "
        "backup"
    )


def _packed(record: KeysRecord) -> str:
    return base64.b64encode(codec.pack(record)).decode()
