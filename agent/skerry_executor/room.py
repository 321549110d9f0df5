"""Whether there is room: for an image, and for a new revision before the old one is touched.

For an image that is asked before its pull, which fills the disk on which others write. The images
of a new revision are there by then: what it lacks would be found out when the old one is gone.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from skerry_executor.runtimes.base import Runtime, RuntimeFailure, Storage
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.workload import Instance

MEMORY = "proc/meminfo"
MIB = 2**20
VOLUME_DATA = "_data"
"""podman and docker keep a volume's files in this folder of its own, and mount there what else
stands for it; where it is not there, the volume's files are in its folder itself."""


def lacking_disk(free_bytes: int | None, reserve_bytes: int, what: str) -> str | None:
    """Return what is lacking on a disk, in numbers; None when nothing is, or nobody knows.

    `what` says what is kept on that disk, and in which folder.
    """
    if free_bytes is None or free_bytes >= reserve_bytes:
        return None
    return (
        f"no room on disk: {free_bytes // MIB} MiB are free where {what}, "
        f"{reserve_bytes // MIB} MiB are to stay so"
    )


def kept_images(storage: Storage) -> str:
    """Return words for what is where a pull writes."""
    return f"the runtime keeps its images ({storage.containers})"


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


def kept_in(storage: Storage, wanted: Instance) -> Iterator[tuple[pathlib.Path, str]]:
    """Yield the folders in which an instance takes room, each with words for what is there.

    A volume may have a file system of its own.
    """
    yield storage.containers, f"the runtime keeps its containers ({storage.containers})"
    volumes = {
        mount.source or ""
        for container in wanted.containers
        for mount in container.mounts
        if mount.kind == "volume"
    }
    if "" in volumes:
        yield storage.volumes, f"the runtime keeps its volumes ({storage.volumes})"
    for name in sorted(volumes - {""}):
        yield storage.volumes / name / VOLUME_DATA, f"volume {name} lies ({storage.volumes})"


def free_bytes(folder: pathlib.Path) -> int | None:
    """Return what is free on a folder's file system; None where nobody can say.

    Of a folder that is not there yet it is what is free where it would be made.
    """
    found = _file_system(folder)
    return None if found is None else found.f_bavail * found.f_frsize


def free_percent(folder: pathlib.Path) -> float | None:
    """Return how much of a folder's file system is free; None where nobody can say."""
    found = _file_system(folder)
    return None if found is None else found.f_bavail * 100 / max(1, found.f_blocks)


def _file_system(folder: pathlib.Path) -> os.statvfs_result | None:
    for place in (folder, *folder.parents):
        try:
            return os.statvfs(place)
        except OSError:
            continue
    return None


class Room:
    """The box's room. `used_bytes` tells what a container takes, None where nobody knows.

    `storage` asks the runtime where it keeps what is on the disk.
    """

    def __init__(
        self,
        storage: Callable[[], Storage],
        reserve_bytes: int,
        used_bytes: Callable[[str], int | None],
        root: pathlib.Path = pathlib.Path("/"),
    ) -> None:
        self._storage = storage
        self._reserve_bytes = reserve_bytes
        self._used_bytes = used_bytes
        self._root = root

    def lacking(self, wanted: Instance, earlier: Instance, running: Sequence[str]) -> str | None:
        """Return what is lacking for an instance; `running` are the containers that end."""
        lack = self._lacking_disk(wanted)
        if lack is not None or limit_of(wanted) is None:
            return lack
        used = [self._used_bytes(one) for one in running]
        if None in used:
            return None
        back = sum(one for one in used if one is not None)
        return lacking_memory(self._available_bytes(), back, wanted, earlier)

    def lacking_for_pull(self) -> str | None:
        """Return what is lacking where images are kept; how large one will be, nobody knows."""
        try:
            storage = self._storage()
        except RuntimeFailure:
            return None
        free = free_bytes(storage.containers)
        return lacking_disk(free, self._reserve_bytes, kept_images(storage))

    def _lacking_disk(self, wanted: Instance) -> str | None:
        try:
            storage = self._storage()
        except RuntimeFailure:
            return None
        lacks = (
            lacking_disk(free_bytes(folder), self._reserve_bytes, what)
            for folder, what in kept_in(storage, wanted)
        )
        return next((lack for lack in lacks if lack is not None), None)

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


def on_box(root: pathlib.Path, policy: BoxPolicy, runtime: Runtime) -> Room:
    """Return the room of a box, as its policy and runtime say."""
    return Room(runtime.storage, policy.updates.disk_reserve_bytes, _used_bytes(runtime), root)


def _used_bytes(runtime: Runtime) -> Callable[[str], int | None]:
    def used(reference: str) -> int | None:
        try:
            found = runtime.usage(reference)
        except RuntimeFailure:
            return None
        return None if found is None else found.memory_bytes

    return used
