"""The labels that people gave this box: [labels] of its settings, and those set by command.

What `skerry-agent label` sets lies in `labels.json` in the state folder, and wins. The folder is
the agent's own user's, while the command is run by root: so nothing in it is trusted, no link in
it followed, and what is written belongs to the folder's owner.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import pathlib
import stat
import time
from collections.abc import Callable, Iterator, Mapping

from skerry_agent.config import MOST_LABELS, Config, ConfigError, of_ignored, read_labels
from skerry_wire.labels import wrong

log = logging.getLogger(__name__)

FILE = "labels.json"
MOST_BYTES = 64 * 1024
LOCK_S = 5.0


class LabelsError(Exception):
    """The labels cannot be read or written; the text says why and what to do."""


def digest_of(labels: Mapping[str, str]) -> str:
    """Return what tells these labels from any others."""
    return hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16]


def read(config: Config) -> dict[str, str]:
    """Return all labels that people gave this box, as they stand now. Raises LabelsError."""
    try:
        of_file, ignored = read_labels(config)
    except ConfigError as error:
        raise LabelsError(str(error)) from None
    if ignored:
        log.warning("labels %s", of_ignored(ignored))
    return {**of_file, **stored(config.state)}


def stored(folder: pathlib.Path) -> dict[str, str]:
    """Return the labels that were set by command. Raises LabelsError."""
    path = folder / FILE
    try:
        data = _content(os.fspath(path), None)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _not_used(path, "read", error) from None
    return _parsed(data, path)


def change(
    folder: pathlib.Path, changed: Callable[[dict[str, str]], Mapping[str, str]]
) -> dict[str, str]:
    """Replace the stored labels by what `changed` makes of them, and return that.

    Durable when this returns; two at a time wait for each other. Raises LabelsError.
    """
    import json  # noqa: PLC0415 - an agent without such labels does without

    path = folder / FILE
    try:
        with _opened(folder) as handle:
            before = _parsed(_content(FILE, handle), path) if _is_there(handle) else {}
            after = dict(changed(before))
            data = json.dumps({"labels": after}, indent=1, sort_keys=True).encode() + b"\n"
            if len(after) > MOST_LABELS or len(data) > MOST_BYTES:
                raise LabelsError(
                    f"{len(after)} labels of {len(data)} bytes are too many: at most "
                    f"{MOST_LABELS} of {MOST_BYTES}"
                )
            if after != before:
                _replace(handle, data)
            return after
    except OSError as error:
        raise _not_used(path, "written", error) from None


@contextlib.contextmanager
def _opened(folder: pathlib.Path) -> Iterator[int]:
    """Open the folder for one writer."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise LabelsError(
                        f"another command has been changing {folder / FILE} for {LOCK_S:g} s"
                    ) from None
                time.sleep(0.02)
        yield handle
    finally:
        os.close(handle)


def _is_there(folder: int) -> bool:
    try:
        os.stat(FILE, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _content(path: str, folder: int | None) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags, dir_fd=folder), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(MOST_BYTES + 1)


def _parsed(data: bytes, path: pathlib.Path) -> dict[str, str]:
    import json  # noqa: PLC0415

    damaged = LabelsError(f"{path} is damaged; remove it, and set the labels again")
    if len(data) > MOST_BYTES:
        raise damaged
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError):
        raise damaged from None
    labels = plain.get("labels") if isinstance(plain, dict) else None
    if not isinstance(labels, dict) or len(labels) > MOST_LABELS:
        raise damaged
    for key, value in labels.items():
        if not isinstance(value, str) or wrong(key, value) is not None:
            raise damaged
    return labels


def _replace(folder: int, data: bytes) -> None:
    beside = f"{FILE}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(beside, flags, 0o600, dir_fd=folder)
    try:
        with open(handle, "wb") as file:
            owner = os.fstat(folder)
            if os.geteuid() != owner.st_uid:
                os.fchown(handle, owner.st_uid, owner.st_gid)
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.replace(beside, FILE, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
    os.fsync(folder)


def _not_used(path: pathlib.Path, done: str, error: OSError) -> LabelsError:
    what = f"{path} cannot be {done}: {(error.strerror or str(error)).lower()}"
    if error.errno in (errno.EACCES, errno.EPERM):
        what += "; do it as root (sudo)"
    return LabelsError(what)
