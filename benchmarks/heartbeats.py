"""How many heartbeats a second one hub takes through a real mosquitto, and loses none.

Publishers, broker and hub share this machine, so the hub has less of it than it would have alone.
A rate counts when every message of its rounds was decoded and applied, and the last of them within
SETTLED_S after it was sent: so the hub keeps up, and the broker hides no queue.

Once by plain TCP, and once as boxes really come: each by TLS with its certificate, on a broker by
the hub's own files, to which the hub is connected by TLS, too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import typing

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.nodes import joining, node_name
from benchmarks.row import BenchError, Row, at_least, plain, say
from lab.fleet import Hub
from lab.install import ROOT
from lab.processes import free_port, wait_for
from lab.soak_storm import Broker, certify
from skerry_hub.pki import authority
from skerry_wire import codec, topics
from skerry_wire.topics import NodeTopic

NODES = 400
PUBLISHERS = 4
SECONDS = 8.0
BUDGET = 15_000
STEP = 2_500
MOST = 60_000
ROUNDS = 3
"""Rounds that the figure must have passed, of at most one more."""
SETTLED_S = 1.0
LATE_S = 0.25
"""Publishers that are later than this have not sent at the rate that was asked for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: whether every message was taken in time, and at what cost for the hub."""

    kept: bool
    hub_percent: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How nodes come to the broker; with a folder of certificates each by its own, by TLS."""

    port: int
    certificates: pathlib.Path | None = None

    def client(self, name: str) -> paho.Client:
        """Return a connected client."""
        client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        if (folder := self.certificates) is not None:
            client.tls_set(str(folder / "ca.pem"), str(folder / f"{name}.pem"))
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        return client


class Flood:
    """A hub with its own mosquitto, nodes that it knows, and floods of their heartbeats."""

    def __init__(self, hub: Hub, door: Door) -> None:
        """`hub` runs."""
        self._hub = hub
        self._door = door
        self._rounds = 0
        assert hub.process is not None
        self._pid = hub.process.pid

    def join(self) -> None:
        """Have the hub know the nodes, and wait until it has told everybody of them."""
        wait_for("the hub to reach its broker", self._is_ready, 60)
        for number in range(NODES):
            self._join(number)
        wait_for("the hub to know its nodes", lambda: self._known() == NODES, 60)
        wait_for("the hub to be quiet", self._is_quiet, 120)

    def _join(self, number: int) -> None:
        client = self._door.client(node_name(number))
        for topic, message in zip(
            (NodeTopic.PRESENCE, NodeTopic.CAPABILITY, NodeTopic.REPORT),
            joining(number),
            strict=True,
        ):
            where = str(topics.Node(node_name(number), topic))
            # Acknowledged: who goes with an answer unread may have what was sent thrown away.
            client.publish(where, codec.encode(message), 1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def _is_ready(self) -> bool:
        return bool(self._hub.get("/api/v1/health")["ready"])

    def _known(self) -> int:
        return len(self._hub.get("/api/v1/nodes")["items"])

    def _is_quiet(self) -> bool:
        pids = [self._pid, *_children(self._pid)]
        before = sum(map(_cpu_s, pids))
        time.sleep(1)
        return sum(map(_cpu_s, pids)) - before < 0.05

    def round(self, rate: float) -> Round:
        """Send at this rate, and count what was taken."""
        self._rounds += 1
        each = NODES // PUBLISHERS
        publishers = [
            _publisher(self._door, each, number * each, rate / PUBLISHERS, self._rounds)
            for number in range(PUBLISHERS)
        ]
        try:
            return self._watch(publishers, rate)
        finally:
            for one in publishers:
                one.kill()
                one.communicate()

    def _watch(self, publishers: list[subprocess.Popen[str]], rate: float) -> Round:
        for one in publishers:
            _line(one)
        before, cpu_before, began = self._taken(), _cpu_s(self._pid), time.monotonic()
        for one in publishers:
            _go(one)
        late_s = max(float(_line(one)) for one in publishers)
        ended = time.monotonic()
        cpu = (_cpu_s(self._pid) - cpu_before) / (ended - began) * 100
        wanted = PUBLISHERS * round(rate / PUBLISHERS * SECONDS)
        late = self._missing(before + wanted, ended + SETTLED_S)
        lost = before + wanted - self._drained() if late else 0
        say(
            f"{rate:,.0f}/s: of {wanted:,}, {lost:,} lost, {late - lost:,} late; "
            f"hub at {cpu:.0f} % of a core, the last sent {late_s:.2f} s late"
        )
        return Round(kept=not late and late_s <= LATE_S, hub_percent=cpu)

    def _missing(self, wanted: int, until: float) -> int:
        while (missing := wanted - self._taken()) > 0 and time.monotonic() < until:
            time.sleep(0.1)
        return missing

    def _drained(self) -> int:
        """Return what was taken once nothing more comes."""
        last = -1
        while (taken := self._taken()) != last:
            last = taken
            time.sleep(1)
        return taken

    def _taken(self) -> int:
        for line in self._hub.get("/metrics").decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == 'skerry_messages_total{result="taken",topic="heartbeat"}':
                return int(float(value))
        return 0


def measure() -> list[Row]:
    """Go up from the budget until a rate fails twice, or down until one passes."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        hub = Hub(pathlib.Path(name) / "hub")
        hub.start()
        end.callback(hub.stop)
        rate, cost = _flooded(hub, Door(port=hub.mqtt_port))
    note = f"{PUBLISHERS} publishers and the broker on the same machine"
    return [
        at_least("heartbeats taken by one hub, none lost", rate, BUDGET, "/s", note=note),
        plain("the hub's processor at that rate", cost, "% of a core"),
    ]


def measure_tls() -> list[Row]:
    """Do the same where each node comes by TLS, with its certificate."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        folder, port = pathlib.Path(name), free_port()
        files, certificates = folder / "files", folder / "certificates"
        hub = Hub(
            folder / "hub",
            options=[
                f"--broker=mqtts://127.0.0.1:{port}", f"--broker-folder={files}",
                f"--mqtt-listen=127.0.0.1:{port}", "--name=127.0.0.1",
            ],
        )  # fmt: skip
        hub.start()
        end.callback(hub.stop)
        signed = hub.folder / "data" / authority.PRIVATE
        signer = authority.read(signed.read_bytes(), "the hub's")
        certify(signer, [node_name(number) for number in range(NODES)], certificates)
        broker = Broker(folder / "broker", files, port)
        broker.start()
        end.callback(broker.stop)
        rate, cost = _flooded(hub, Door(port=port, certificates=certificates))
    note = f"{NODES} connections, the broker and who sends on the same machine"
    return [
        plain("heartbeats by TLS taken by one hub, none lost", rate, "/s", note=note),
        plain("the hub's processor at that rate", cost, "% of a core"),
    ]


def _flooded(hub: Hub, door: Door) -> tuple[float, float]:
    """Return the highest rate, and what of a core the hub took then, in percent."""
    flood = Flood(hub, door)
    say(f"{NODES} nodes join a hub")
    flood.join()
    flood.round(BUDGET / 3)  # brings everything into memory
    rate, rounds = highest(flood)
    return rate, sum(one.hub_percent for one in rounds) / len(rounds)


def highest(flood: Flood) -> tuple[float, list[Round]]:
    """Return the highest rate of which ROUNDS rounds were kept, and those rounds."""
    rate = float(BUDGET)
    while rate < MOST and _passes(flood, rate, 1):
        rate += STEP
    while rate > STEP:
        rate -= STEP
        rounds = _passes(flood, rate, ROUNDS)
        if rounds:
            return rate, rounds
    raise BenchError("the hub does not even keep up with the lowest rate")


def _passes(flood: Flood, rate: float, wanted: int) -> list[Round]:
    """Return so many kept rounds, or none. One may fail: this machine has other work, too."""
    kept: list[Round] = []
    failed = 0
    while len(kept) < wanted:
        one = flood.round(rate)
        if one.kept:
            kept.append(one)
            continue
        failed += 1
        if failed == 2:
            return []
    return kept


def _publisher(
    door: Door, nodes: int, first: int, rate: float, number: int
) -> subprocess.Popen[str]:
    words: list[object] = [door.port, nodes, first, rate, SECONDS, number]
    words += [door.certificates] if door.certificates else []
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.publisher", *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    line = typing.cast("typing.TextIO", process.stdout).readline().strip()
    if not line:
        raise BenchError("a publisher of heartbeats ended early")
    return line


def _go(process: subprocess.Popen[str]) -> None:
    stdin = typing.cast("typing.TextIO", process.stdin)
    stdin.write("go\n")
    stdin.flush()


def _children(pid: int) -> list[int]:
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return [
        int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()
    ]


def _cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
