"""What is tried on a whole machine in QEMU: devices that come and go, and a recording of it."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
import time
from collections.abc import Iterator

from lab import qemu_hotplug
from lab.processes import LabError
from lab.qemu import EmulatorDiedError, Machine
from lab.qemu_box import QemuBox

BURST_EVERY = 4
STORM_EVERY = 10
MOST_CRASHES = 8


@contextlib.contextmanager
def running_box() -> Iterator[QemuBox]:
    """Yield the machine with its agent at work. Raises LabError with the machine's last words."""
    print("starting the machine (software emulation: half a minute)", flush=True)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="skerry-lab-") as name:
        box = QemuBox(pathlib.Path(name))
        try:
            with box:
                print(f"it answers after {time.monotonic() - started_s:.0f} s", flush=True)
                box.start_agent()
                print(f"the agent told all after {time.monotonic() - started_s:.0f} s", flush=True)
                yield box
        except LabError as error:
            raise type(error)(f"{error}\n{box.machine.last_words()}") from error


def hotplug(cycles: int, seed: int) -> list[qemu_hotplug.Step]:
    """Plug and unplug so many times, print how it goes, and return what was measured.

    QEMU 7.2 itself crashes now and then when devices go; then another machine goes on.
    """
    steps: list[qemu_hotplug.Step] = []
    done, crashes = 0, 0
    while done < cycles:
        try:
            for number in _some_cycles(range(done + 1, cycles + 1), seed + crashes, steps):
                done = number
        except EmulatorDiedError as error:
            crashes += 1
            if crashes > MOST_CRASHES:
                raise
            print(f"QEMU itself died (crash {crashes}): {error}\ngoing on with a new machine")
    return steps


def _some_cycles(numbers: range, seed: int, steps: list[qemu_hotplug.Step]) -> Iterator[int]:
    """Go through the cycles on one machine; yield the number of each that is done."""
    with running_box() as box:
        run = qemu_hotplug.Hotplug(box, seed)
        differ = run.baseline()
        print(f"before: {'; '.join(differ) or 'the agent and a fresh look agree'}", flush=True)
        if differ:
            steps.append(qemu_hotplug.Step("before", False, None, 0, differ))
        for number in numbers:
            burst, storm = number % BURST_EVERY == 0, number % STORM_EVERY == 0
            for step in run.cycle(burst=burst, storm=storm):
                steps.append(step)
                time_s = "?" if step.latency_s is None else f"{step.latency_s:.2f}"
                said = "; ".join(step.problems) or f"equal, {time_s} s"
                print(f"{number:>4} {step.words}: {said}", flush=True)
            yield number
        unit = ["systemctl", "show", "skerry-agent", "-p", "NRestarts,MemoryCurrent,CPUUsageNSec"]
        print(" ".join(box.machine.guest.run(*unit).split()), flush=True)


def record(place: pathlib.Path) -> str:
    """Record the machine with `skerry-agent record`, and return what that says."""
    with tempfile.TemporaryDirectory(prefix="skerry-lab-") as folder:
        machine = Machine(pathlib.Path(folder), {})
        try:
            machine.start()
            machine.guest.ask("settle", quiet_s=3.0, most_s=60.0)
            inside = "/root/recording.tar.xz"
            said = machine.guest.agent("record", inside)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(machine.guest.file(inside))
            return said.strip()
        finally:
            machine.stop()
