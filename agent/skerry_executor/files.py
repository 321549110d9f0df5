"""The files that orders bring for containers, on the box's disk: written, found again, removed.

They stay on the disk because the runtime starts containers by itself when the box does, long
before anybody could open a secret again. Only the executor's user enters the folders; a container
sees the single file that is mounted into it, with the owner and mode that were asked for.

A folder for each container's spec: while a container is replaced, both have theirs.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from skerry_executor.whole_file import sync_folder
from skerry_wire.lifecycle import File

FOLDER = "files"


class Owner(NamedTuple):
    """A container by what its files are kept under."""

    instance: str
    container: str
    spec: str


def of_state(state: pathlib.Path) -> pathlib.Path:
    """Return where the files of all containers are."""
    return state / FOLDER


def folder_of(state: pathlib.Path, owner: Owner) -> pathlib.Path:
    """Return where the files of a container are."""
    return of_state(state) / owner.instance / f"{owner.container}.{owner.spec}"


def written(folder: pathlib.Path, number: int, file: File, content: bytes) -> pathlib.Path:
    """Return the path of a file with this content; it is written only where it is not so yet.

    Whatever happens meanwhile there is a whole file, or none. Raises OSError.
    """
    path = folder / str(number)
    if _is_written(path, file, content):
        return path
    for one in (folder.parent.parent, folder.parent, folder):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(fresh, flags, 0o600)
    with open(fd, "wb") as target:
        target.write(content)
        target.flush()
        # Before its owner: who gave a file away may not change its mode.
        os.fchmod(fd, file.mode)
        if (file.uid, file.gid) != (os.geteuid(), os.getegid()):
            os.fchown(fd, file.uid, file.gid)
        # A container that the runtime starts after a power cut must not find an empty file.
        os.fdatasync(fd)
    os.replace(fresh, path)
    sync_folder(folder)
    return path


def missing(folder: pathlib.Path, count: int) -> bool:
    """Say whether any of a container's files is not there."""
    return any(not (folder / str(number)).is_file() for number in range(count))


def remove_others(state: pathlib.Path, keep: Collection[Owner]) -> None:
    """Remove the files of containers that are neither wanted nor there any more.

    One that cannot be removed is tried again the next time.
    """
    kept = {folder_of(state, owner) for owner in keep}
    for instance in _folders(state / FOLDER):
        for folder in _folders(instance):
            if folder not in kept:
                import shutil  # noqa: PLC0415 - seldom, and brings three packers with it

                shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            instance.rmdir()  # only an empty one goes


def _is_written(path: pathlib.Path, file: File, content: bytes) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    with open(fd, "rb") as found:
        there = os.fstat(fd)
        as_asked = (there.st_mode & 0o7777, there.st_uid, there.st_gid)
        return (
            as_asked == (file.mode, file.uid, file.gid) and found.read(len(content) + 1) == content
        )


def _folders(parent: pathlib.Path) -> Iterator[pathlib.Path]:
    with contextlib.suppress(FileNotFoundError), os.scandir(parent) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                yield pathlib.Path(entry.path)
