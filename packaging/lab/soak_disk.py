"""A full disk under everything that the box keeps: nothing stops, and all heals once there is room.

One small file system of its own takes the state of agent and executor and podman's store. It is full
at every write for a while: what the box tells, what is applied meanwhile, starts of agent and
executor. Whether containers run is asked of the kernel.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence

from lab.debian import run
from lab.podman import Podman
from lab.processes import LabError
from lab.soak_box import SoakBox, Watched, finish
from lab.soak_progress import Progress

CONTAINERS = 5
PLACES = ("state", "store", "state and store")
FULL_S = 600.0
HEALED_S = 60.0
STATE_BYTES = 2 * 1024 * 1024
STORE_BYTES = 192 * 1024 * 1024
TOLD_S = 60.0
TOP_UP_S = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class Full:
    """One time without room.

    `told` are the words of the report about it, `restarted` those whose container ended, `silence_s`
    is the longest time between two heartbeats while the agent was up, `healed_s` how long after there
    was room again all was as wanted, with what was applied meanwhile.
    """

    where: str
    full_s: float
    told: tuple[str, ...]
    restarted: tuple[str, ...]
    silence_s: float
    healed_s: float | None
    problems: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        healed = self.healed_s is not None and self.healed_s <= HEALED_S
        return healed and not self.restarted and bool(self.told) and not self.problems


class SmallDisk:
    """A file system of its own that can be filled to the last byte, and kept full."""

    def __init__(self, place: pathlib.Path, size_bytes: int) -> None:
        """`mounted` makes it. Only root may."""
        self.place = place
        self._size_bytes = size_bytes
        self._ballast = place / "ballast"

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """Mount it while the block runs."""
        self.place.mkdir(parents=True, exist_ok=True)
        options = f"size={self._size_bytes},mode=0755"
        run(["mount", "-t", "tmpfs", "-o", options, "skerry-soak", str(self.place)])
        try:
            yield
        finally:
            # What ran there may take a moment to go; lazily, it is gone from here at once.
            run(["umount", "--lazy", str(self.place)])

    def fill(self) -> None:
        """Take all the room that there is."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while ballast.write(b"x" * size):
                        pass

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


def disks(
    full_s: float, podman: Podman | None = None, progress: Progress[Full] | None = None
) -> list[Full]:
    """Fill the disk under the box's state, under podman's store, and under both; for so long each.

    A given podman lies elsewhere: then only the first.
    """
    places = ("state",) if podman is not None else PLACES
    progress = progress or Progress(full_s * len(places), "seconds")
    progress.begin()
    for where in places:
        with tempfile.TemporaryDirectory(prefix="disk-") as name:
            folder = pathlib.Path(name)
            disk = SmallDisk(folder / "disk", STATE_BYTES if where == "state" else STORE_BYTES)
            with disk.mounted():
                state = disk.place / "box" if "state" in where else None
                store = podman
                if "store" in where:
                    # What else podman writes is on tmpfs, on a box.
                    store = Podman(folder / "podman", storage=disk.place / "storage")
                fleet = SoakBox(folder, store, state, owns=store is not podman)
                full = _one(fleet, where, disk, full_s)
        progress.add(full, _line(full), full_s)
        if progress.ended:
            break
    return progress.found


def _one(fleet: SoakBox, where: str, disk: SmallDisk, full_s: float) -> Full:
    try:
        fleet.start()
        for number in range(CONTAINERS):
            fleet.want(f"one{number}")
        fleet.applied()
        return _filled(fleet, where, disk, full_s)
    finally:
        with contextlib.suppress(OSError):
            disk.free()
        fleet.stop()


def _filled(fleet: SoakBox, where: str, disk: SmallDisk, full_s: float) -> Full:
    watched = Watched(fleet.running())
    boot = fleet.boot() + 1  # an agent that starts while the disk is full has a new number
    begun = time.monotonic()
    try:
        disk.fill()
        if "state" in where:
            fleet.revisions["one0"] += 1
        else:
            fleet.want("new")
        finish(fleet.apply())
        told = _told_while_full(fleet, disk, begun + full_s)
        silence_s = fleet.ear.longest_silence_s(begun, time.monotonic())
        restarted = watched.ended()
        disk.free()
        problems = [] if told else ["the report says nothing of it"]
        healed_s: float | None = None
        try:
            healed_s = fleet.until("all to be well", lambda: not fleet.amiss(boot), 5 * HEALED_S)
        except LabError as error:
            problems.append(str(error))
        ended = watched.ended("soak-one0-0")
        return Full(
            where,
            round(full_s, 1),
            told,
            tuple(sorted({*restarted, *ended})),
            round(silence_s, 2),
            None if healed_s is None else round(healed_s, 2),
            tuple(problems),
        )
    finally:
        watched.close()


def _told_while_full(fleet: SoakBox, disk: SmallDisk, until_s: float) -> tuple[str, ...]:
    """Keep the disk full, start agent and executor anew in the middle, and return what is told."""
    half_s = (time.monotonic() + until_s) / 2
    told: dict[str, None] = {}
    while time.monotonic() < until_s:
        disk.fill()
        if half_s and time.monotonic() > half_s:
            half_s = 0.0
            fleet.box.kill_agent()
            for pid in fleet.runs():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            fleet.box.start_agent()
        report = fleet.report()
        if report is not None:
            reasons = [one.reason or "" for one in report.instances]
            said = [*report.problems, *reasons, report.refusal.reason if report.refusal else ""]
            told |= dict.fromkeys(one for one in said if "space" in one or "room" in one)
        time.sleep(TOP_UP_S)
    return tuple(told)


def _line(one: Full) -> str:
    healed = "never healed" if one.healed_s is None else f"healed after {one.healed_s:.1f} s"
    return (
        f"{one.where} full for {one.full_s:g} s: workloads stopped: "
        f"{', '.join(one.restarted) or 'none'}; longest time without a heartbeat "
        f"{one.silence_s:.1f} s; {healed}; told: {'; '.join(one.told[:2]) or 'nothing'} "
        f"{'; '.join(one.problems)}"
    )


def table(found: Sequence[Full]) -> str:
    """Return what it came to."""
    return "\n".join(map(_line, found))
