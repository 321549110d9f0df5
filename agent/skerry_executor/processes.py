"""Processes of the box by pidfd, which goes on to mean the same process when its number is reused.

What is told of one on disk (number and start) is turned back into a pidfd only while both fit.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal

from skerry_executor.lease import Process

_STARTED = 19
"""Field 22 of /proc/PID/stat, counted from the state, which follows the name in brackets."""


def of_pidfd(fd: int) -> Process | None:
    """Return the process of a pidfd; None when it has ended."""
    try:
        lines = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    pid = next((int(line[4:]) for line in lines if line.startswith("Pid:")), -1)
    started = _started(pid) if pid > 0 else None
    return None if started is None else Process(pid=pid, started=started)


def opened(process: Process) -> int | None:
    """Return a pidfd of a process that was noted before; None when it has ended."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return None
    # After opening: the number belongs to what was opened as long as that is not gone.
    if _started(process.pid) == process.started:
        return fd
    os.close(fd)
    return None


def kill(fd: int) -> None:
    """End a process at once. As the first of its container's, all others there end with it."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(fd, signal.SIGKILL)


def _started(pid: int) -> int | None:
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return int(text.rpartition(")")[2].split()[_STARTED])
    except (OSError, IndexError, ValueError):
        return None
