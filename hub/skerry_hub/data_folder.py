"""The hub's data folder: who holds it, and whether what is in it is whole."""

from __future__ import annotations

import fcntl
import os
import pathlib

RESTORING = "restore-under-way"
"""There while a restore puts its files in place: what lies in the folder meanwhile is no hub."""


def claim(data: pathlib.Path) -> int:
    """Make the folder, and hold it against a second hub; closing what is returned lets it go.

    Raises OSError.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise OSError(None, "another hub is using this data folder", str(data)) from None
    return lock


def claim_whole(data: pathlib.Path) -> int:
    """Do so, unless a restore was broken off there. Raises OSError."""
    lock = claim(data)
    if (data / RESTORING).exists():
        os.close(lock)
        reason = "a restore was broken off here: give `skerry-hub restore` again"
        raise OSError(None, reason, str(data))
    return lock
