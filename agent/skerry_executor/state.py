"""What the executor must remember: whom it serves, and the newest order that it accepted.

One file, written whole: it holds either what it held before or all of the new content, also
after a power cut. A damaged file is an error that says what to do; it is never begun anew, for
then an old order would be taken again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import stat
import time
from collections.abc import Iterator
from typing import Annotated, TypeVar

from skerry_executor import whole_file
from skerry_executor.order import HighWater, Identity
from skerry_executor.whole_file import DamagedError
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import Digest
from skerry_wire.schema import Items
from skerry_wire.types import Generation, Incarnation, NodeId

FILE = "accepted.state"
LOCK = "lock"
MAX_STATE_BYTES = 512 * 1024
_MAGIC = b"skerry-executor accepted 1\n"

T = TypeVar("T")


class StateError(Exception):
    """The state cannot be read or written; says why and what to do."""


@frozen(kw_only=True)
class Accepted:
    """The newest accepted order, whose signature had been verified. It pins the identity."""

    node: NodeId
    incarnation: Incarnation
    generation: Generation
    digest: Digest
    envelope: Annotated[bytes, Items(codec.MAX_MESSAGE_BYTES)]

    @property
    def identity(self) -> Identity:
        """Return the node and incarnation that later orders must be for."""
        return Identity(node=self.node, incarnation=self.incarnation)

    @property
    def high_water(self) -> HighWater:
        """Return what later orders must not be older than."""
        return HighWater(generation=self.generation, digest=self.digest)


def load(folder: pathlib.Path) -> Accepted | None:
    """Return what was accepted last, or None when nothing ever was. Raises StateError."""
    path = folder / FILE
    try:
        return read_record(Accepted, path, _MAGIC, MAX_STATE_BYTES)
    except DamagedError as error:
        advice = "put back a copy, or forget it with `skerry-executor reset --yes`"
        raise StateError(f"{path} is damaged ({error}): {advice}") from None


def save(folder: pathlib.Path, accepted: Accepted) -> None:
    """Replace what was accepted before, durably.

    Raises StateError; then the old one counts on. (Should only the folder's sync have failed, it
    is the new one, which is as good: it is offered again, and taken as the same.)
    """
    write_record(folder / FILE, _MAGIC, accepted)


def forget(folder: pathlib.Path) -> bool:
    """Remove the pinned identity and the high-water mark; say whether there was any."""
    try:
        os.unlink(folder / FILE)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(f"{folder / FILE} cannot be removed: {error.strerror}") from None
    whole_file.sync_folder(folder)
    return True


def read_record(
    kind: type[T], path: pathlib.Path, magic: bytes, most: int, *, strict: bool = True
) -> T | None:
    """Return what `write_record` wrote, None where there is no file. `strict`: of this version.

    Raises DamagedError where it is not what was written, StateError where it cannot be read.
    """
    try:
        data = whole_file.read(path, most)
        if data is None:
            return None
        return codec.decode(kind, whole_file.body_of(magic, data), strict=strict, most=most)
    except WireError as error:
        raise DamagedError(str(error)) from None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from None


def write_record(path: pathlib.Path, magic: bytes, record: object, *, durable: bool = True) -> None:
    """Replace a file by a record, whole. Raises StateError; then the old one counts on."""
    prepare(path.parent)
    try:
        whole_file.write(path, whole_file.checked(magic, codec.pack(record)), durable=durable)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def locked(folder: pathlib.Path, wait_s: float) -> Iterator[None]:
    """Hold the state for this process alone, as long as the body runs. Raises StateError."""
    prepare(folder)
    try:
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{folder} cannot be used: {error.strerror}") from None
    try:
        _lock(fd, folder, time.monotonic() + wait_s)
        yield
    finally:
        os.close(fd)


def prepare(folder: pathlib.Path) -> None:
    """Make the folder, so that only this user can change what is in it. Raises StateError."""
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole_file.sync_folder(folder.parent)
        found = folder.stat()
    except OSError as error:
        raise StateError(f"{folder} cannot be used: {error.strerror}") from None
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        advice = "chown it to the executor's user and chmod go-w, after a look at who wrote there"
        raise StateError(f"{folder} can be changed by other users: {advice}")


def _lock(fd: int, folder: pathlib.Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                message = f"another skerry-executor is at work with {folder}"
                raise StateError(message) from None
            time.sleep(0.05)
        else:
            return
