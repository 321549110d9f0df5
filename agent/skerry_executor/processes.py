"""Processes of the box by pidfd, which goes on to mean the same process when its number is reused.

What is told of one on disk (number and start) is turned back into a pidfd only while both fit.
"""

from __future__ import annotations

import os
import pathlib
import signal

from skerry_executor import pidfds
from skerry_executor.lease import Process
from skerry_executor.pidfds import PARENT, SESSION, STARTED, send

FAMILY_LOOKS = 5


def of_pidfd(fd: int) -> Process | None:
    """Return the process of a pidfd; None when it has ended."""
    try:
        lines = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    pid = next((int(line[4:]) for line in lines if line.startswith("Pid:")), -1)
    return of_pid(pid) if pid > 0 else None


def opened(process: Process) -> int | None:
    """Return a pidfd of a process that was noted before; None when it has ended."""
    return pidfds.opened(process.pid, process.started)


def kill(fd: int) -> None:
    """End a process at once. As the first of its container's, all others there end with it."""
    send(fd, signal.SIGKILL)


def of_pid(pid: int) -> Process | None:
    """Return the process that has a number now; None when there is none."""
    started = pidfds.started_at(pid)
    return None if started is None else Process(pid=pid, started=started)


def kill_family(first: Process) -> None:
    """End a process with all that it started, and all of the session that it began.

    It may have ended itself: its session has its number as long as anybody is in it. What left both
    (a child of a child that ended, in a session of its own) goes on.
    """
    held: dict[Process, int] = {}
    try:
        # Stopped before any is killed: none starts another, and no number is given anew meanwhile.
        for _ in range(FAMILY_LOOKS):
            fresh = [one for one in _family(first) if one not in held]
            if not fresh:
                break
            for one in fresh:
                if (fd := opened(one)) is not None:
                    held[one] = fd
                    send(fd, signal.SIGSTOP)
        for known in held.values():
            kill(known)
    finally:
        for known in held.values():
            os.close(known)


def _family(first: Process) -> list[Process]:
    stats = {int(name): stat for name in os.listdir("/proc")
             if name.isdecimal() and (stat := pidfds.stat(int(name))) is not None}  # fmt: skip
    if first.pid in stats and int(stats[first.pid][STARTED]) != first.started:
        return []  # its number was given anew, so nobody is left in its session

    def belongs(pid: int) -> bool:
        for _ in range(len(stats)):
            if pid == first.pid:
                return True
            stat = stats.get(pid)
            if stat is None:
                return False
            if int(stat[SESSION]) == first.pid:
                return True
            pid = int(stat[PARENT])
        return False

    return [Process(pid=pid, started=int(stat[STARTED]))
            for pid, stat in stats.items() if belongs(pid)]  # fmt: skip
