"""The keys whose orders this box obeys, in /etc/skerry/trusted-keys.d: root's, for the executor.

One key a file. A join puts the hub's there; what else lies there stays.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from skerry_agent.joining import files
from skerry_agent.joining.failure import JoinError

FOLDER = pathlib.Path("/etc/skerry/trusted-keys.d")
FILE = "hub.pub"
MOST_KEYS = 8
_MOST_BYTES = 4096


def names(count: int) -> list[str]:
    """Return the names of the files of so many keys: two while a hub changes its key."""
    return [FILE, *(f"hub-{number}.pub" for number in range(2, count + 1))]


def try_out(folder: pathlib.Path) -> None:
    """Raise JoinError where no key could be put there."""
    with files.public(folder) as place:
        place.try_out()


def put(folder: pathlib.Path, keys: Sequence[str]) -> None:
    """Have the box obey these keys in place of those of an earlier join. Raises JoinError."""
    if not keys:
        raise JoinError("the hub's answer names no key of its orders; nothing is kept")
    with files.public(folder) as place:
        for name, key in zip(names(len(keys)), keys, strict=True):
            content = f"# The key of the hub's orders; `skerry-agent join` put it here.\n{key}\n"
            if place.read(name, _MOST_BYTES) != content.encode():
                place.write(name, content.encode(), 0o644)
        # Only once the new ones are there.
        for name in names(MOST_KEYS)[len(keys) :]:
            place.remove(name)
