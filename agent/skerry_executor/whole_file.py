"""Small files that are written whole: each holds what it held before, or all of what is new."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Callable


class DamagedError(ValueError):
    """A file is not what was written; says why."""


Sync = Callable[[int], None]
"""Has on the disk what a descriptor stands for, a file or a folder, as os.fsync does."""


def write(
    path: pathlib.Path,
    data: bytes,
    *,
    durable: bool,
    fresh: pathlib.Path | None = None,
    sync: Sync = os.fsync,
) -> None:
    """Replace a file. `durable`: once this returns, a power cut loses it no more. Raises OSError.

    Only one thread and process may write a file at a time. `fresh` is where it is written first, in
    the same folder; its name with `.new` where not given.
    """
    fresh = fresh or path.with_name(path.name + ".new")
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                sync(fd)
        os.replace(fresh, path)
        if durable:
            sync_folder(path.parent, sync)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def read(path: pathlib.Path, most: int) -> bytes | None:
    """Return a file's content; None when it is not there. Raises OSError, or DamagedError."""
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    if len(data) > most:
        raise DamagedError(f"more than {most} bytes")
    return data


def checked(magic: bytes, body: bytes) -> bytes:
    """Return a content that `body_of` can tell from a damaged one."""
    return magic + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def body_of(magic: bytes, data: bytes) -> bytes:
    """Return what `checked` was given. Raises DamagedError."""
    if not data.startswith(magic):
        raise DamagedError("not a file of this program, or of a newer one")
    head = len(magic) + 65
    if hashlib.sha256(data[head:]).hexdigest().encode() + b"\n" != data[len(magic) : head]:
        raise DamagedError("its checksum does not fit")
    return data[head:]


def sync_folder(folder: pathlib.Path, sync: Sync = os.fsync) -> None:
    """Let what was made, renamed or removed in a folder be so after a power cut. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(fd)
    finally:
        os.close(fd)
