"""Kills what is over before a run imports anything else.

On a loaded box the imports of a run take seconds, and whoever killed the last run just before the
end of a lease may kill this one, too. So the moments and processes of the terms are kept once more,
on tmpfs, in lines that need no reader: the boot's id, then `KILL_S PID STARTED` each.
"""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Iterable

from skerry_executor import pidfds
from skerry_executor.boot_clock import since_boot_s

FILE = "overdue"
BOOT_ID = "proc/sys/kernel/random/boot_id"
MAX_BYTES = 4 * 1024 * 1024


def lines(boot_id: str, ends: Iterable[tuple[float, int, int]]) -> bytes:
    """Return the file's content: each process by its number and start, and when it is killed."""
    each = (f"{kill_s:.3f} {pid} {started}" for kill_s, pid, started in ends)
    return "\n".join((boot_id, *each, "")).encode()


def kill(folder: pathlib.Path, root: pathlib.Path = pathlib.Path("/")) -> int:
    """Kill what is over by now; return how many processes. What cannot be read is left alone."""
    try:
        with open(folder / FILE, "rb") as file:
            of_boot, *rest = file.read(MAX_BYTES).split(b"\n")
        boot = (root / BOOT_ID).read_bytes().strip()
    except OSError:
        return 0
    if of_boot != boot:
        return 0
    now_s = since_boot_s()
    killed = 0
    for line in rest:
        try:
            kill_s, pid, started = line.split()
            if float(kill_s) <= now_s:
                killed += _kill(int(pid), int(started))
        except (ValueError, OverflowError, OSError):
            continue  # no such line was written whole, or it is another user's
    return killed


def _kill(pid: int, started: int) -> bool:
    fd = pidfds.opened(pid, started)
    if fd is None:
        return False
    try:
        pidfds.send(fd, signal.SIGKILL)
    finally:
        os.close(fd)
    return True
