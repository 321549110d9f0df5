"""Doing something in a hub's folder as the user whose it is, also for root who gives a command."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def as_owner(folder: pathlib.Path) -> Iterator[None]:
    """Leave root meanwhile: what root made there the hub could not read. Raises OSError.

    Of the whole process, so for one thread alone.
    """
    about = folder.stat()
    if os.geteuid() != 0 or about.st_uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups([about.st_gid])
        os.setegid(about.st_gid)
        os.seteuid(about.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
