"""What is on a box: its files, and which of them a package left behind."""

from __future__ import annotations

import re
from collections.abc import Collection

LIST = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /dev \\) "
    "-prune -o -print"
)
"""Prints every path of a box's own disk."""
OWNED = "cat /var/lib/dpkg/info/*.list"
"""Prints every path of every package that is installed."""

_OTHERS = re.compile(
    r"/(var/(lib/(dpkg|apt|containers|systemd|private|ucf)|cache|log|tmp|backups)"
    r"|usr/share/mime|etc/ssl|root)(/|$)|\.pyc$|/__pycache__$|^/etc/[^/]+-$"
)
"""What dpkg, apt, podman, systemd and Python write on their own account."""
NAME = "skerry"
_ITS_NAME_STAYS = re.compile(r"^/var/(lib/(apt|containers)|cache/apt|log)/")
"""Lists and archives that apt fetched, images and layers of podman, and the journal."""


def left(
    before: Collection[str], after: Collection[str], owned: Collection[str], alone: bool
) -> list[str]:
    """Return the paths that came, belong to no package, and have the name of Skerry.

    Wherever they lie, but for what others fetched or logged. Where the package came `alone`, any
    other path as well that is not others' to write: with it come packages whose scripts write, too.
    """
    came = set(after) - set(before) - set(owned)
    return sorted(
        path
        for path in came
        if (NAME in path and not _ITS_NAME_STAYS.search(path))
        or (alone and not _OTHERS.search(path))
    )
