"""What a cgroup uses now, of either version, read from the kernel's files."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from skerry_wire.lifecycle import Usage

ROOT = pathlib.Path("/sys/fs/cgroup")
MICROSECONDS, NANOSECONDS = 1_000_000, 1_000_000_000


def usage(group: str, container: str, root: pathlib.Path = ROOT) -> Usage | None:
    """Return what the processes of a group, such as `/skerry/x`, use; None where it is not."""
    place = group.lstrip("/")
    unified = root / place
    if (unified / "memory.current").exists():
        cpu_s = _counts(unified / "cpu.stat").get("usage_usec", 0) / MICROSECONDS
        memory, processes = _number(unified / "memory.current"), _lines(unified / "cgroup.procs")
    else:
        memory = _number(root / "memory" / place / "memory.usage_in_bytes")
        cpu_s = (_number(root / "cpuacct" / place / "cpuacct.usage") or 0) / NANOSECONDS
        processes = _lines(root / "memory" / place / "cgroup.procs")
    if memory is None:
        return None
    return Usage(container=container, cpu_s=cpu_s, memory_bytes=memory, processes=processes)


def _number(path: pathlib.Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _lines(path: pathlib.Path) -> int | None:
    """Return how many processes a group has: pids.current would count their threads."""
    try:
        return len(path.read_text().splitlines())
    except OSError:
        return None


def _counts(path: pathlib.Path) -> Mapping[str, int]:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
