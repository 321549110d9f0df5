"""What an agent costs a box while nothing happens: memory, processor, disk, network.

On Debian's own Python with its packaged libraries, connected to a real mosquitto.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from benchmarks.commands import AGENT
from benchmarks.relay import Relay
from benchmarks.row import BenchError, Row, at_most, median, plain, say
from lab.broker import Mosquitto
from lab.fleet import Box, Hub
from lab.install import ROOT, SYSTEM_PYTHON
from lab.podman import Podman
from lab.processes import Process
from skerry_agent.mqtt import KEEPALIVE_S

HEARTBEAT_S = 15
WINDOW_S = 60.0
WINDOWS = 3
SAMPLE_S = 0.1
UEVENTS = 15
"""The netlink protocol of NETLINK_KOBJECT_UEVENT."""
SETTLE_S = 20.0
"""The slow look at the hardware, and what follows a start, must be over."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the kernel says of one process, and the relay of its link."""

    at: float
    cpu_s: float
    wakeups: int
    written_bytes: int
    link_bytes: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What of the machine's memory one process has: its share, and all that it has mapped."""

    pss_bytes: int
    rss_bytes: int


def measure() -> list[Row]:
    """Start an agent, let it settle, and read it before and after each window."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        relay, agent = _start(pathlib.Path(name), end)
        say(f"an idle agent: {SETTLE_S:g} s to settle, then {WINDOWS} times {WINDOW_S:g} s")
        time.sleep(SETTLE_S)
        readings, memory, moments = [_read(agent.pid, relay)], list[Memory](), 0
        for _ in range(WINDOWS):
            moments += _moments(agent.pid, WINDOW_S)
            readings.append(_read(agent.pid, relay))
            memory.append(memory_of(agent.pid))
        if not _watches(agent.pid):
            raise BenchError("the agent does not listen to the kernel's events")
        calls = _system_calls(agent.pid, pathlib.Path(name))
        if not agent.alive:
            raise BenchError(f"the agent ended:\n{agent.log()[-1000:]}")
    return [*_rows(readings, memory), *_waking(readings, moments, calls)]


def _start(folder: pathlib.Path, end: contextlib.ExitStack) -> tuple[Relay, Process]:
    """Start everything that a box needs to be content, and the agent that is measured."""
    # As an installation does: a start that compiles keeps some of the memory that this takes.
    subprocess.run(
        [SYSTEM_PYTHON, "-m", "compileall", "-q", ROOT / "wire", ROOT / "agent"], check=True
    )
    podman = Podman(folder / "podman")
    end.callback(podman.remove_all)
    podman.start()
    broker = Mosquitto(folder / "broker")
    broker.start()
    end.callback(broker.stop)
    relay = Relay(broker.port)
    end.callback(relay.stop)
    hub = Hub(folder / "hub", broker)
    hub.start()
    end.callback(hub.stop)
    url = f"mqtt://127.0.0.1:{relay.port}"
    executor = Box(folder / "box", url, podman.socket)
    executor.trust(hub.key)
    executor.start_executor()
    end.callback(executor.stop)
    box = Box(folder / "box", url, podman.socket, python=SYSTEM_PYTHON)
    box.start_agent(**AGENT, SKERRY_AGENT_HEARTBEAT_S=str(HEARTBEAT_S))
    end.callback(box.stop)
    hub.cli("wait", "node", box.node, "--for", "online", "--timeout", "60s")
    assert box.agent is not None
    return relay, box.agent


def _waking(readings: list[Reading], moments: int, calls: int | None) -> list[Row]:
    """Return how often the agent wakes, and whether anything but its duties wakes it.

    A moment is one cause: what a heartbeat makes several threads do is one. Nothing tells a
    systemd watchdog here, for there is none.
    """
    minutes = (readings[-1].at - readings[0].at) / 60
    # The network thread looks by itself when nothing was sent for half the keepalive time.
    due = 60 / HEARTBEAT_S + 60 / (KEEPALIVE_S / 2)
    switches = (readings[-1].wakeups - readings[0].wakeups) / minutes
    note = (
        f"heartbeats {60 / HEARTBEAT_S:g}, keepalive at most {60 / (KEEPALIVE_S / 2):g}; "
        f"{switches:.0f} voluntary context switches of all threads"
    )
    what = "agent idle, watching for hotplug: moments at which it wakes"
    rows = [at_most(what, moments / minutes, due, "a minute", note=note)]
    if calls is not None:
        rows.append(plain("agent idle, watching for hotplug: system calls", calls, "a minute"))
    return rows


def _moments(pid: int, seconds: float) -> int:
    """Return at how many moments in this time any thread of a process woke up."""
    end = time.monotonic() + seconds
    before, awake, moments = _wakeups(pid), False, 0
    while time.monotonic() < end:
        time.sleep(SAMPLE_S)
        after = _wakeups(pid)
        moments += after != before and not awake
        before, awake = after, after != before
    return moments


def _system_calls(pid: int, folder: pathlib.Path) -> int | None:
    """Return the system calls of a minute; None where they cannot be traced here."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    say(f"its system calls, for {WINDOW_S:g} s")
    path = folder / "strace"
    command = [strace, "-c", "-f", "-o", str(path), "-p", str(pid)]
    tracing = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        tracing.wait(WINDOW_S)
        return None  # it may not trace
    except subprocess.TimeoutExpired:
        tracing.send_signal(signal.SIGINT)
        tracing.wait(10)
    rows = [line.split() for line in path.read_text().splitlines()]
    # % time, seconds, usecs/call, calls, errors where there were any, the call's name
    total = [row for row in rows if row[-1:] == ["total"] and len(row) >= 5]
    return int(total[-1][3]) if total else None


def _rows(readings: list[Reading], memory: list[Memory]) -> list[Row]:
    pairs = list(itertools.pairwise(readings))
    cpu = median([(b.cpu_s - a.cpu_s) / (b.at - a.at) * 100 for a, b in pairs])
    link = median([(b.link_bytes - a.link_bytes) / (b.at - a.at) * 3600 / 1024 for a, b in pairs])
    written = readings[-1].written_bytes - readings[0].written_bytes
    beat = f"a heartbeat each {HEARTBEAT_S} s"
    return [
        at_most(
            "agent connected and idle: memory (PSS)",
            median([one.pss_bytes for one in memory]) / 2**20,
            24,
            "MiB",
            note="what other Python processes share with it counts in part",
        ),
        plain(
            "agent connected and idle: memory (RSS)",
            median([one.rss_bytes for one in memory]) / 2**20,
            "MiB",
            note="all that it has mapped",
        ),
        at_most("agent connected and idle: processor", cpu, 0.2, "% of a core", note=beat),
        at_most("agent connected and idle: MQTT, both ways", link, 64, "KiB an hour"),
        at_most("agent connected and idle: disk writes", written, 0, "bytes"),
    ]


def _read(pid: int, relay: Relay) -> Reading:
    process = pathlib.Path("/proc") / str(pid)
    # After the name, which may hold anything: field 3 is the first.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = sum(int(fields[number - 3]) for number in (14, 15, 16, 17))
    return Reading(
        at=time.monotonic(),
        cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
        wakeups=_wakeups(pid),
        written_bytes=_value(process / "io", "write_bytes"),
        link_bytes=relay.bytes,
    )


def _wakeups(pid: int) -> int:
    """Return how often the threads of a process have waited for something, all together."""
    tasks = (pathlib.Path("/proc") / str(pid) / "task").iterdir()
    return sum(_switches(task) for task in tasks)


def _switches(task: pathlib.Path) -> int:
    """Return how often a thread has slept; nothing of one that has ended since it was listed."""
    try:
        return _value(task / "status", "voluntary_ctxt_switches")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _watches(pid: int) -> bool:
    """Say whether a process holds a netlink socket for the kernel's events on devices."""
    rows = pathlib.Path(f"/proc/{pid}/net/netlink").read_text().splitlines()[1:]
    # The address of the first such socket of a process is its process id.
    return any(row.split()[1:3] == [str(UEVENTS), str(pid)] for row in rows)


def memory_of(pid: int) -> Memory:
    """Return what a process has of the machine's memory."""
    path = pathlib.Path("/proc") / str(pid) / "smaps_rollup"
    return Memory(pss_bytes=_value(path, "Pss") * 1024, rss_bytes=_value(path, "Rss") * 1024)


def _value(path: pathlib.Path, name: str) -> int:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    raise BenchError(f"{path} has no {name}")
