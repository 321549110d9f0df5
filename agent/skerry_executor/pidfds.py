"""Descriptors of processes, which go on to mean the same one when its number is used again.

By number and start, as the kernel tells both. Imports next to nothing: `overdue` comes first.
"""

from __future__ import annotations

import os
import signal

PARENT, SESSION, STARTED = 1, 3, 19
"""Fields 4, 6 and 22 of /proc/PID/stat, counted from the state, which follows the name."""


def opened(pid: int, started: int) -> int | None:
    """Return a descriptor of a process that was noted before; None when it has ended."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return None
    # After opening: the number belongs to what was opened as long as that is not gone.
    if started_at(pid) == started:
        return fd
    os.close(fd)
    return None


def started_at(pid: int) -> int | None:
    """Return when a process started, in ticks since the box's start; None when it has ended."""
    fields = stat(pid)
    return None if fields is None else int(fields[STARTED])


def stat(pid: int) -> list[str] | None:
    """Return the fields after the name, which may hold anything; None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return fields if len(fields) > STARTED else None


def send(fd: int, number: int) -> None:
    """Send a signal; to what has ended, none."""
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return
