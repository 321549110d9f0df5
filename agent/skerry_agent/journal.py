"""The agent's durable state, which only a running agent writes.

    identity   node id and incarnation; made once, with the folder
    boot       how often the agent has started; written in place, so that a full disk cannot stop it
    journal    the order that was accepted last, and the events that are not yet acknowledged

Beside them lie what commands write too: the labels (`operator_labels`), the slow looks' answers.

A file is replaced as a whole: written beside, synced, renamed, the folder synced. After a power cut
it is the old or the new one.
"""

from __future__ import annotations

import base64
import contextlib
import os
import pathlib
import struct
import zlib
from typing import Annotated, TypeVar

from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import Event
from skerry_wire.schema import Items, Text
from skerry_wire.types import Incarnation, NodeId

MOST_BYTES = 2 * 1024 * 1024
M = TypeVar("M")


class JournalError(Exception):
    """The state folder cannot be used; the text says why and what to do."""


@frozen(kw_only=True)
class Identity:
    """Who this box is. `incarnation` tells it from itself before it was re-imaged."""

    node: NodeId
    incarnation: Incarnation


@frozen(kw_only=True)
class Saved:
    """What a power cut must not take."""

    order: Annotated[bytes, Items(codec.MAX_MESSAGE_BYTES)] | None = None
    events: Annotated[tuple[Event, ...], Items(1024)] = ()
    version: Annotated[str, Text(8)] = "1"


def fresh_node() -> str:
    """Return an id for a box that was given none."""
    return base64.b32encode(os.urandom(8))[:12].decode().lower()


class Journal:
    """The state folder of one agent; one process at a time, kept by a lock."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Make the folder if need be, and lock it. Raises JournalError."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(
                f"the state folder {folder} cannot be used: {error.strerror}; "
                "make it writable for the agent, or name another with --state"
            ) from None
        try:
            os.lockf(self._lock, os.F_TLOCK, 0)
        except OSError:
            raise JournalError(f"another agent is using the state folder {folder}") from None

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)

    def identity(self, node: str | None) -> Identity:
        """Return who this box is; at the first start, make it up (or take the given id).

        Raises JournalError when the file is damaged or says another id than the one asked for.
        """
        found = _load(Identity, self._folder / "identity")
        if found is None:
            found = Identity(node=node or fresh_node(), incarnation=os.urandom(16).hex())
            try:
                _replace(self._folder / "identity", codec.pack(found))
            except OSError as error:
                raise JournalError(f"the identity cannot be written: {error.strerror}") from None
        if node is not None and node != found.node:
            raise JournalError(
                f"this box is node {found.node} already, not {node}; to make it another node, "
                f"stop its workloads and remove {self._folder}"
            )
        return found

    def next_boot(self) -> int:
        """Count one start more, durably, and return the count.

        Two slots with a checksum are written in turn, over bytes that are already on the disk: a
        torn write leaves the other slot, and no free space is needed.
        """
        path = self._folder / "boot"
        try:
            return _advance(path)
        except OSError as error:
            raise JournalError(f"{path} cannot be written: {error.strerror}") from None

    def load(self) -> tuple[Saved, str | None]:
        """Return what was saved, and what is wrong with it.

        A damaged journal is put aside: the executor holds the order too, and the hub sends it.
        """
        path = self._folder / "journal"
        try:
            return _load(Saved, path) or Saved(), None
        except JournalError as error:
            with contextlib.suppress(OSError):
                path.rename(path.with_suffix(".damaged"))
            return Saved(), str(error)

    def save(self, saved: Saved) -> None:
        """Make it durable. Raises OSError; the old content is then still there."""
        _replace(self._folder / "journal", codec.pack(saved))


def _load(kind: type[M], path: pathlib.Path) -> M | None:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return codec.decode(kind, data, most=MOST_BYTES)
    except WireError as error:
        raise JournalError(f"{path} is damaged: {error}") from None


def _replace(path: pathlib.Path, data: bytes) -> None:
    beside = path.with_suffix(".new")
    try:
        with beside.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: pathlib.Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_SLOT = struct.Struct(">QI")
_SLOT_GAP = 4096
"""Bytes between the two slots: never in one sector, nor in one page."""


def _slot(count: int) -> bytes:
    return _SLOT.pack(count, zlib.crc32(count.to_bytes(8, "big")))


def _advance(path: pathlib.Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(handle).st_size < 2 * _SLOT_GAP:
            os.pwrite(handle, bytes(2 * _SLOT_GAP), 0)
            _sync_folder(path.parent)
        counts = []
        for slot in range(2):
            count, check = _SLOT.unpack(os.pread(handle, _SLOT.size, slot * _SLOT_GAP))
            good = check == zlib.crc32(count.to_bytes(8, "big"))
            counts.append(count if good else -1)
        count = max(0, *counts) + 1
        # The older slot is overwritten; the newer one stays until the next start.
        os.pwrite(handle, _slot(count), counts.index(min(counts)) * _SLOT_GAP)
        os.fsync(handle)
    finally:
        os.close(handle)
    return count
