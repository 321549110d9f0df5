"""Writes a file whole or not at all, also through a power cut: a reader sees the old or the new."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import BinaryIO


def write_whole(path: pathlib.Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file beside the place, sync it, and move it there. Raises OSError."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)  # a killed hub's may have another mode
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def new_file(path: pathlib.Path, stays: Callable[[], bool] = lambda: False) -> Iterator[BinaryIO]:
    """Give a new file for this user alone, whose name survives a power cut. Raises OSError.

    Where what follows fails it is deleted, unless it `stays`.
    """
    path = path.absolute()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        try:
            sync_folder(path.parent)
            yield file
        except BaseException:
            if not stays():
                with contextlib.suppress(OSError):
                    path.unlink()
            raise


def sync_folder(folder: pathlib.Path) -> None:
    """Have what was renamed in a folder survive a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
