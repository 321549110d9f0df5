"""Real announcements of the kernel drive a real agent: network interfaces come and go in bursts.

All of it runs in a network namespace of its own, to which the kernel delivers what happens there.
"""

import contextlib
import ctypes
import dataclasses
import os
import pathlib
import queue
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time

import pytest
from tests.agent.test_run import Box, TinyHub

from lab.broker import PROGRAM, Mosquitto
from lab.processes import Process, wait_for
from skerry_agent.hotplug import (
    UDEV_CONTROL,
    DeviceNotice,
    HotplugWatch,
    RescanNeeded,
    UdevAnnouncer,
    Unavailable,
)
from skerry_wire import codec
from skerry_wire.capability import Capability
from skerry_wire.hardware import Cpu, Hardware
from skerry_wire.topics import NodeTopic

CLONE_NEWNET = 0x40000000
ROUNDS = 20
MOST_S = 10.0
"""What even a busy machine keeps; the measured times are printed."""

LOOK = """\
import sys
from skerry_agent import capability
from skerry_agent.host import Host
from skerry_wire import codec
sys.stdout.buffer.write(codec.pack(capability.collect(Host("/")).hardware))
"""


def _ip(*words, check=True, **more):
    return subprocess.run(
        ["ip", *words], check=check, capture_output=True, text=True, timeout=30, **more
    )


class Namespace:
    """A network namespace, and what runs in it."""

    def __init__(self):
        self.name = f"skerry-test-{os.getpid()}"
        _ip("netns", "add", self.name)
        self._libc = ctypes.CDLL(None, use_errno=True)

    def command(self, *words):
        """Return what runs a program inside, with the namespace's own /sys and the kernel's words.

        What udev says is heard in udev's own namespace alone, so it must not be there.
        """
        script = '[ ! -d /run/udev ] || mount -t tmpfs none /run/udev; exec "$@"'
        return ["ip", "netns", "exec", self.name, "sh", "-c", script, "sh", *words]

    def links(self, *lines):
        """Change links, all in one go."""
        _ip("-netns", self.name, "-batch", "-", input="\n".join(lines) + "\n")

    def look(self):
        """Return what a fresh and full look finds."""
        environment = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
        done = subprocess.run(
            self.command(sys.executable, "-c", LOOK),
            check=True,
            capture_output=True,
            env=environment,
            timeout=60,
        )
        return codec.decode(Hardware, done.stdout)

    @contextlib.contextmanager
    def entered(self):
        """Let this thread, and what it starts, be inside."""
        with (
            open("/proc/thread-self/ns/net") as outside,
            open(f"/run/netns/{self.name}") as inside,
        ):
            self._enter(inside)
            try:
                yield
            finally:
                self._enter(outside)

    def _enter(self, file):
        if self._libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def remove(self):
        _ip("netns", "delete", self.name, check=False)


@pytest.fixture
def namespace():
    if os.geteuid() != 0:
        pytest.skip("only root can make a network namespace")
    for program in ("ip", PROGRAM):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    try:
        namespace = Namespace()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here: {error.stderr}")
    try:
        namespace.links("link set lo up", "link add skd-try type bridge", "link del skd-try")
        namespace.look()
    except subprocess.CalledProcessError as error:
        namespace.remove()
        pytest.skip(f"no bridge can be made here: {error.stderr}")
    yield namespace
    namespace.remove()


class BoxInside(Box):
    """An agent in a network namespace."""

    def __init__(self, namespace, folder, broker):
        super().__init__(folder, broker)
        self._namespace = namespace

    def start(self, **environment):
        words = [sys.executable, "-m", "skerry_agent.main", "run"]
        command = self._namespace.command(*words)
        self.agent = Process("agent", command, self.folder, {**self.environment, **environment})


@pytest.fixture
def parts(namespace, tmp_path):
    with namespace.entered():
        broker = Mosquitto(tmp_path / "broker")
        broker.start()
        hub = TinyHub(broker)
    box = BoxInside(namespace, tmp_path, broker)
    box.start()
    yield namespace, hub, box
    box.close()
    hub.close()
    broker.stop()


def quick(hardware):
    """Return what quick looks find: what children find out comes later, and is not looked at."""
    return dataclasses.replace(hardware, cpu=Cpu(), labels={}, probes={})


def names(hardware):
    return {nic.name for nic in hardware.nics if nic.name.startswith("skd")}


def test_what_is_published_follows_what_is_plugged(parts, capsys):
    namespace, hub, _box = parts
    chance = random.Random(7)
    there, latencies = set(), []
    newest = hub.next(NodeTopic.CAPABILITY, Capability).hardware
    for number in range(ROUNDS):
        lines = [f"link add veth{number}a type veth peer name veth{number}b"]
        for _ in range(1 if number % 2 else 12):
            name = f"skd{chance.randrange(8)}"
            lines.append(f"link {'del' if name in there else 'add'} {name}")
            lines[-1] += "" if name in there else " type bridge"
            there ^= {name}
        before = time.monotonic()
        namespace.links(*lines)
        while names(newest) != there:
            newest = hub.next(NodeTopic.CAPABILITY, Capability).hardware
        latencies.append(time.monotonic() - before)
        assert quick(newest) == quick(namespace.look()), f"round {number}"
    assert max(latencies) < MOST_S
    with capsys.disabled():
        median = statistics.median(latencies)
        print(f" [{ROUNDS} rounds: median {median:.2f} s, most {max(latencies):.2f} s]", end="")


def test_a_storm_of_what_containers_make_publishes_nothing(parts):
    namespace, hub, box = parts
    hub.next(NodeTopic.CAPABILITY, Capability, lambda c: "cpuinfo" in c.hardware.probes)
    wait_for("no look to be under way", lambda: box.status().events_waiting == 0)
    cpu = _cpu_ticks(box)
    for number in range(50):
        namespace.links(
            f"link add veth{number}a type veth peer name veth{number}b",
            f"link del veth{number}a",
        )
    time.sleep(1.0)
    assert hub.heard[NodeTopic.CAPABILITY].empty()
    assert _cpu_ticks(box) - cpu < 20, "not read again and again"


GONE = DeviceNotice("net", "remove", "/devices/virtual/net/skd0")
OVERFLOW = RescanNeeded("the receive buffer overflowed")


def test_a_buffer_that_really_overflows_asks_for_a_full_look_and_the_watch_goes_on(namespace):
    if os.path.exists(UDEV_CONTROL):
        pytest.skip("what udev says is heard in its own namespace alone")
    notices = queue.Queue()

    def small():
        announcer = UdevAnnouncer()
        with socket.socket(fileno=os.dup(announcer.fileno())) as netlink:
            netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        with namespace.entered():
            namespace.links(*(f"link add skd{i} type bridge" for i in range(100)))
        return announcer

    with namespace.entered():
        watch = HotplugWatch(notices.put, small)
        watch.start()
    try:
        told = [notices.get(timeout=10)]
        while told[-1] != OVERFLOW:
            told.append(notices.get(timeout=10))
        assert len(told) < 100
        assert not any(isinstance(one, Unavailable) for one in told)
        namespace.links("link del skd0")
        # What was still in the buffer comes first; so small a one may overflow again.
        while notices.get(timeout=10) not in (GONE, OVERFLOW):
            pass
    finally:
        watch.stop()


def _cpu_ticks(box):
    """Return the processor time of the agent, in hundredths of a second."""
    fields = pathlib.Path(f"/proc/{box.agent.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
