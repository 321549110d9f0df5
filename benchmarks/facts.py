"""Facts about this machine, read from the kernel here and not by any tool that is compared."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Mapping

SYS = pathlib.Path("/sys")
CPUS = SYS / "devices" / "system" / "cpu"
RUNTIMES = ("podman", "dockerd", "containerd", "k3s")

Facts = Mapping[str, int]
"""How many of each thing there are, by the thing's name in the plural; memory in bytes.

What is not in it is not said. Zero is said.
"""

LIMITED = "processors and memory that its cgroup allows"
LABELS = "labels to place by"
MEMORY = "bytes of memory"
TOLERANCE = 0.05
"""Tools round memory, or count what the firmware keeps: so far it is the same amount."""


def of_this_machine() -> Facts:
    """Return what a tool can be right or wrong about here."""
    return {
        "logical processors": os.sysconf("SC_NPROCESSORS_ONLN"),
        "cores": len(_topology("core_id")),
        "packages": len({package for package, _ in _topology("core_id")}),
        "caches": len(_caches()),
        "NUMA nodes": max(1, len([*SYS.glob("devices/system/node/node[0-9]*")])),
        MEMORY: _memory_bytes(),
        "PCI functions": len([*SYS.glob("bus/pci/devices/*")]),
        "USB devices": len(_usb_devices()),
        "network devices": len([p for p in SYS.glob("class/net/*") if (p / "device").exists()]),
        "disks": len(_disks()),
        "transports of disks": len(_disks()),
        "container runtimes": sum(shutil.which(name) is not None for name in RUNTIMES),
        LIMITED: int(_is_limited()),
        LABELS: 1,
    }


def _topology(name: str) -> set[tuple[str, str]]:
    """Return the different (package, core) of the processors that are online."""
    found = set()
    for folder in CPUS.glob("cpu[0-9]*/topology"):
        package = (folder / "physical_package_id").read_text().strip()
        found.add((package, (folder / name).read_text().strip()))
    return found


def _caches() -> set[tuple[str, str, str]]:
    return {
        (
            (folder / "level").read_text(),
            (folder / "type").read_text(),
            (folder / "shared_cpu_list").read_text(),
        )
        for folder in CPUS.glob("cpu[0-9]*/cache/index*")
    }


def _memory_bytes() -> int:
    line = pathlib.Path("/proc/meminfo").read_text().split("\n", 1)[0]
    return int(line.split()[1]) * 1024


def _usb_devices() -> list[str]:
    names = (path.name for path in SYS.glob("bus/usb/devices/*"))
    return [name for name in names if ":" not in name and not name.startswith("usb")]


def _disks() -> list[str]:
    return [
        path.name
        for path in SYS.glob("block/*")
        if (path / "device").exists() and not path.name.startswith(("sr", "fd", "mtd"))
    ]


def _is_limited() -> bool:
    """Say whether a cgroup gives this process less than the machine has."""
    if len(os.sched_getaffinity(0)) < (os.cpu_count() or 1):
        return True
    for name in ("memory.max", "memory/memory.limit_in_bytes", "cpu.max", "cpu/cpu.cfs_quota_us"):
        path = SYS / "fs" / "cgroup" / name
        if path.exists():
            word = path.read_text().split()[0]
            if word.isdecimal() and int(word) < _memory_bytes():
                return True
    return False


def judged(truth: Facts, said: Facts) -> tuple[list[str], list[str], list[str]]:
    """Return what was found, what was not said at all, and what was said wrongly, in words.

    Of what this machine has none, there is nothing to find.
    """
    found, missed, wrong = [], [], []
    for what, count in truth.items():
        if not count:
            continue
        told = said.get(what)
        if told is None:
            missed.append(what)
        elif told == count or (what == MEMORY and abs(told - count) <= TOLERANCE * count):
            found.append(what)
        else:
            wrong.append(f"{told:,} instead of {count:,} {what}")
    return found, missed, wrong
