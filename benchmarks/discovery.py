"""What a look at the hardware takes, and what other programs need for theirs and miss.

The agent runs on Debian's own Python. What it leaves to child processes (NVML, py-cpuinfo) is
apart: it waits for neither.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from benchmarks.commands import AGENT
from benchmarks.facts import Facts, judged, of_this_machine
from benchmarks.inventories import TOOLS, Tool
from benchmarks.row import BenchError, Row, at_most, median, process_ms, say, spread
from lab import install

RUNS = 20
COMPARED_RUNS = 5
POLL_S = 0.001
MACHINES = install.ROOT.parent / "shared" / "machines"
"""Recorded machines, which are no part of this repository."""

_FUNCTION = re.compile(r"^([^/\n]+)/sys/bus/pci/devices/([^/\n]+)", re.MULTILINE)


def measure() -> list[Row]:
    """Measure this machine, the largest recorded one, and the other programs."""
    install.try_programs({t.command[0]: t.package for t in TOOLS if t.package is not None})
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        return [
            *_here(folder),
            *_largest(pathlib.Path(folder)),
            *_side_by_side(folder),
        ]


# --- the agent's own look ------------------------------------------------------------------


def _here(folder: str) -> list[Row]:
    say(f"the first look of a new process at this machine, {RUNS} times")
    first = [_looks("/", 1)[0] for _ in range(RUNS)]
    later = _looks("/", RUNS + 1)[1:]
    wall, cpu = [took for took, _ in first], [worked for _, worked in first]
    again = median([took for took, _ in later])
    command = [*TOOLS[0].command, "--state", folder]
    whole, worked = process_ms(command, RUNS, AGENT)
    what = "complete probe of this machine"
    note = f"{spread(wall)}; in a process that has looked before {again:.0f} ms"
    return [
        at_most(what, median(wall), 100, "ms", note=note),
        at_most(f"{what}: processor", median(cpu), 60, "ms", note=spread(cpu)),
        Row(
            what=f"{what}: whole process with Python's start",
            figure=f"{median(whole):.0f} ms ({spread(whole)}; processor {worked:.0f} ms)",
        ),
    ]


def _looks(root: str, looks: int) -> list[tuple[float, float]]:
    """Return how long each look of one new process took, and its processor time, in ms."""
    path = {"PYTHONPATH": f"{AGENT['PYTHONPATH']}:{install.ROOT}"}
    command = [install.SYSTEM_PYTHON, "-m", "benchmarks.collecting", root, str(looks)]
    done = subprocess.run(
        command, env={**os.environ, **path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"the probes of {root}: {done.stderr.strip()[-500:]}")
    return [(float(took), float(worked)) for took, worked in json.loads(done.stdout)]


def _largest(folder: pathlib.Path) -> list[Row]:
    what = "complete probe of the recorded machine with the most PCI functions"
    sizes = _recorded_sizes()
    if not sizes:
        say(f"skipped: {what}: there are no recorded machines at {MACHINES}")
        return [Row(what=what, figure="skipped: the recorded machines are not here")]
    archive, machine = max(sizes, key=lambda place: sizes[place])
    say(f"the recorded machine {machine}, {RUNS} times")
    subprocess.run(["tar", "-C", str(folder), "-xf", str(archive), machine], check=True)
    found = [_looks(str(folder / machine), 1)[0] for _ in range(RUNS)]
    wall, cpu = [took for took, _ in found], median([worked for _, worked in found])
    functions = sizes[archive, machine]
    note = f"{functions} PCI functions; {spread(wall)}; processor {cpu:.0f} ms"
    return [at_most(what, median(wall), 400, "ms", note=note)]


def _recorded_sizes() -> dict[tuple[pathlib.Path, str], int]:
    """Return how many PCI functions each recorded machine has, by its archive and folder."""
    functions: dict[tuple[pathlib.Path, str], set[str]] = {}
    for archive in sorted(MACHINES.glob("*.tar.xz")):
        listing = subprocess.run(
            ["tar", "-tf", str(archive)], capture_output=True, text=True, check=True
        ).stdout
        for machine, address in _FUNCTION.findall(listing):
            functions.setdefault((archive, machine), set()).add(address)
    return {place: len(found) for place, found in functions.items()}


# --- other programs ------------------------------------------------------------------------


def _side_by_side(folder: str) -> list[Row]:
    truth = of_this_machine()
    there = [what for what, count in truth.items() if count]
    say(f"other programs, {COMPARED_RUNS} times each; {len(there)} facts: {', '.join(there)}")
    return [_compared(tool, truth, folder) for tool in TOOLS]


def _compared(tool: Tool, truth: Facts, folder: str) -> Row:
    what = f"side by side: `{tool.name}`"
    command = [*tool.command, *([] if tool.package else ["--state", folder])]
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return Row(what=what, figure="not to be had here")
    command[0] = program
    try:
        found, worked = process_ms(command, COMPARED_RUNS, tool.environment)
        output, peak_bytes = _peak(command, tool, pathlib.Path(folder))
        said = tool.read(output)
    except (BenchError, ValueError, KeyError, TypeError) as error:
        # Programs that fail, or write what cannot be read: that is their figure.
        words = f"{type(error).__name__}: {error}".split("\n", 1)[0]
        return Row(what=what, figure=f"fails: {words[:200]}")
    right, missed, wrong = judged(truth, said)
    cost = (
        f"{median(found):.0f} ms, processor {worked:.0f} ms, {peak_bytes / 2**20:.1f} MiB, "
        f"{len(output.encode()) / 1024:.1f} KiB out"
    )
    parts = [f"{len(right)} of {len(right) + len(missed) + len(wrong)} facts right"]
    parts += [f"misses {', '.join(missed)}"] if missed else []
    parts += [f"says {', '.join(wrong)}"] if wrong else []
    return Row(what=what, figure="; ".join([cost, *parts]))


def _peak(command: list[str], tool: Tool, folder: pathlib.Path) -> tuple[str, int]:
    """Return the output of one more run, and the most memory that it had at once.

    What `wait4` tells counts the memory of whoever started the program until it was replaced,
    which here is more than the program's own; so its own high-water mark is read until it ends.
    """
    path = folder / "output"
    with path.open("wb") as out:
        running = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **tool.environment},
        )
        most = 0
        while running.poll() is None:
            most = max(most, _high_water_bytes(running.pid, command[0]))
            time.sleep(POLL_S)
    return path.read_text(errors="replace"), most


def _high_water_bytes(pid: int, program: str) -> int:
    try:
        # Before it is replaced, the new process is a copy of this one.
        if os.readlink(f"/proc/{pid}/exe") != os.path.realpath(program):
            return 0
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # it has just ended
    return 0
