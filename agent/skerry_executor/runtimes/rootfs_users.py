"""The user of an image by name, looked up in the image's own /etc/passwd and /etc/group.

The layers are read where containerd keeps them, the uppermost first; nothing is mounted. They are
somebody else's files: no symbolic link within them is followed, and no more than a piece is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.oci import User

MAX_BYTES = 256 * 1024


def resolve(text: str, layers: Sequence[str]) -> User:
    """Return whom `user[:group]` means, in names or numbers; empty is root.

    `layers` are folders, the uppermost first. Raises RuntimeFailure for a name that is not there.
    """
    name, _, group = text.partition(":")
    if not name:
        return User()
    passwd = list(_lines(layers, "passwd")) if not name.isdecimal() or not group else []
    groups = list(_lines(layers, "group"))
    entry = next((one for one in passwd if name in (one[0], one[2])), None)
    if entry is None and not name.isdecimal():
        raise RuntimeFailure(Failure.OTHER, f"user {name!r} is not in the image's /etc/passwd")
    uid = int(name) if entry is None else int(entry[2])
    gid = 0 if entry is None else int(entry[3])
    if group:
        return User(uid=uid, gid=_group(group, groups))
    own = () if entry is None else _own_groups(entry[0], groups)
    return User(uid=uid, gid=gid, groups=own)


def _group(text: str, groups: Sequence[list[str]]) -> int:
    if text.isdecimal():
        return int(text)
    entry = next((one for one in groups if one[0] == text), None)
    if entry is None:
        raise RuntimeFailure(Failure.OTHER, f"group {text!r} is not in the image's /etc/group")
    return int(entry[2])


def _own_groups(name: str, groups: Sequence[list[str]]) -> tuple[int, ...]:
    return tuple(int(one[2]) for one in groups if name in one[-1].split(","))


def _lines(layers: Sequence[str], name: str) -> Iterator[list[str]]:
    """Yield the entries of a file of /etc that have numbers where these belong."""
    for line in _content(layers, name).decode(errors="replace").splitlines():
        parts = line.split(":")
        numbers = parts[2:4] if name == "passwd" else parts[2:3]
        if len(parts) >= (4 if name == "passwd" else 3) and all(n.isdecimal() for n in numbers):
            yield parts


def _content(layers: Sequence[str], name: str) -> bytes:
    for layer in layers:
        try:
            folder = os.open(f"{layer}/etc", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        except OSError:
            return b""  # a link, or removed by this layer
        try:
            found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            continue
        except OSError:
            return b""
        finally:
            os.close(folder)
        with os.fdopen(found, "rb") as file:
            # A layer removes a file by a device of that name.
            is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return file.read(MAX_BYTES) if is_file else b""
    return b""
