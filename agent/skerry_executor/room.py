"""Whether there is room for a new revision, looked at before the old one is touched.

The images are there by then: what is lacking would be found out when the old one is gone.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Sequence

from skerry_wire.workload import Instance

STORAGE = {
    "podman": "var/lib/containers/storage",
    "docker": "var/lib/docker",
    "containerd": "var/lib/containerd",
    "kubelet": "var/lib/kubelet",
}
"""Where each runtime keeps its containers, unless its own configuration says otherwise."""
MEMORY = "proc/meminfo"
MIB = 2**20


def lacking_disk(free_bytes: int | None, reserve_bytes: int) -> str | None:
    """Return what is lacking on the disk, in numbers; None when nothing is, or nobody knows."""
    if free_bytes is None or free_bytes >= reserve_bytes:
        return None
    return (
        f"no room on disk: {free_bytes // MIB} MiB are free where the runtime keeps its "
        f"containers, {reserve_bytes // MIB} MiB are to stay so"
    )


def lacking_memory(
    available_bytes: int | None, given_back_bytes: int, wanted: Instance, earlier: Instance
) -> str | None:
    """Return what is lacking of memory, in numbers; None when nothing is, or nobody knows.

    A limit is the most that a container may take: one that ran within as much runs on.
    """
    limit, before = limit_of(wanted), limit_of(earlier)
    if available_bytes is None or limit is None or (before is not None and limit <= before):
        return None
    room = available_bytes + given_back_bytes
    if room >= limit:
        return None
    return (
        f"no room in memory: it may take {limit // MIB} MiB; {available_bytes // MIB} MiB are "
        f"available, and what runs gives {given_back_bytes // MIB} MiB back"
    )


def limit_of(instance: Instance) -> int | None:
    """Return the most memory that an instance may take; None when that is not limited."""
    limits = [one.memory_limit_bytes for one in instance.containers]
    return None if None in limits else sum(limit for limit in limits if limit is not None)


class Room:
    """The box's room. `used_bytes` tells what a container takes, None where nobody knows."""

    def __init__(
        self,
        runtime: str,
        reserve_bytes: int,
        used_bytes: Callable[[str], int | None],
        root: pathlib.Path = pathlib.Path("/"),
    ) -> None:
        self._storage = root / STORAGE.get(runtime, "var/lib")
        self._reserve_bytes = reserve_bytes
        self._used_bytes = used_bytes
        self._root = root

    def lacking(self, wanted: Instance, earlier: Instance, running: Sequence[str]) -> str | None:
        """Return what is lacking for an instance; `running` are the containers that end."""
        lack = lacking_disk(self._free_bytes(), self._reserve_bytes)
        if lack is not None or limit_of(wanted) is None:
            return lack
        used = [self._used_bytes(one) for one in running]
        if None in used:
            return None
        back = sum(one for one in used if one is not None)
        return lacking_memory(self._available_bytes(), back, wanted, earlier)

    def _free_bytes(self) -> int | None:
        for folder in (self._storage, *self._storage.parents):
            try:
                found = os.statvfs(folder)
            except OSError:
                continue
            return found.f_bavail * found.f_frsize
        return None

    def _available_bytes(self) -> int | None:
        try:
            text = (self._root / MEMORY).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable" and value.split()[:1] and value.split()[0].isdecimal():
                return int(value.split()[0]) * 1024
        return None
