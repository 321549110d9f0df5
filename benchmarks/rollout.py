"""What a rolling update of 1,000 nodes costs the hub: real hub and mosquitto, simulated agents.

A few clients stand in for all agents: they take each order and say at once that everything runs. So
what is measured is the hub's part: its processor time for a step, which is all that it does from
the reports that it takes to the orders that it sends, and how long the whole takes.
"""

from __future__ import annotations

import dataclasses
import pathlib
import queue
import re
import tempfile
import threading
import time
import typing
import urllib.request

import paho.mqtt.client as paho
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.nodes import joining, node_name
from benchmarks.row import Row, plain, say
from lab.fleet import Hub
from lab.processes import wait_for
from skerry_wire import codec, envelope, topics
from skerry_wire.capability import Capability
from skerry_wire.hardware import RuntimeInfo
from skerry_wire.messages import Envelope, InstanceState, InstanceStatus, Presence, Report
from skerry_wire.topics import NodeTopic

NODES = 1_000
AT_ONCE = 50
EACH = 100
"""Nodes on one connection: a broker keeps no more than so many messages for each."""
WITHIN_S = 300.0
SETTINGS = ("--unreachable-after", "3600", "--lost-after", "36000")
"""These agents send no heartbeats: those are measured elsewhere."""
FILE = """\
name: bench
services:
  web:
    image: localhost/web:{image}
    deploy: {{mode: global, update_config: {{parallelism: {at_once}}}}}
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an update took: seconds of the hub's processor, and of the clock."""

    cpu_s: float
    whole_s: float
    steps: float
    step_s: float
    commits: float
    commit_s: float


class Agents:
    """Some nodes of a fleet on one connection: what is ordered runs at once."""

    def __init__(self, port: int, numbers: range) -> None:
        self._numbers = numbers
        self._seq = 1
        self._orders: queue.SimpleQueue[paho.MQTTMessage | None] = queue.SimpleQueue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.max_queued_messages_set(0)
        self._client.on_message = lambda _client, _data, message: self._orders.put(message)
        self._client.connect("127.0.0.1", port)
        own = [str(topics.Node(node_name(one), NodeTopic.ORDER)) for one in numbers]
        self._client.subscribe([(topic, 1) for topic in own])
        self._client.loop_start()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Say what nodes say at each connection."""
        kinds = (NodeTopic.PRESENCE, NodeTopic.CAPABILITY, NodeTopic.REPORT)
        for number in self._numbers:
            for topic, message in zip(kinds, _joining(number), strict=True):
                where = str(topics.Node(node_name(number), topic))
                self._client.publish(where, codec.encode(message), 1)

    def stop(self) -> None:
        """End the connection."""
        self._orders.put(None)
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    def _answer(self) -> None:
        while (message := self._orders.get()) is not None:
            where = topics.parse(message.topic)
            if not isinstance(where, topics.Node):
                continue
            sealed = codec.decode(Envelope, bytes(message.payload))
            order = envelope.open_payload(sealed)
            self._seq += 1
            said = Report(
                incarnation=order.incarnation,
                boot=1,
                seq=self._seq,
                accepted=order.generation,
                generation=order.generation,
                digest=envelope.digest_of(sealed.payload),
                instances=tuple(
                    InstanceStatus(
                        id=one.id,
                        workload=one.workload,
                        revision=one.revision,
                        state=InstanceState.RUNNING,
                    )
                    for one in order.instances
                ),
            )
            topic = str(topics.Node(where.node, NodeTopic.REPORT))
            self._client.publish(topic, codec.encode(said), 1)


def _joining(number: int) -> tuple[Presence, Capability, Report]:
    """Return what a node says first; it has something to run containers with."""
    presence, capability, report = joining(number)
    podman = RuntimeInfo(name="podman", version="4.3.1", usable=True)
    hardware = dataclasses.replace(capability.hardware, runtimes=(podman,))
    revision = codec.revision_of(hardware)
    return presence, dataclasses.replace(capability, hardware=hardware, revision=revision), report


def measure() -> list[Row]:
    """Return the rows of a rolling update."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        hub = Hub(pathlib.Path(folder) / "hub", options=SETTINGS)
        hub.start()
        try:
            cost = _update(hub, pathlib.Path(folder))
        finally:
            hub.stop()
    return rows_of(cost)


def rows_of(cost: Cost) -> list[Row]:
    """Return what is told of the cost of an update."""
    waves = NODES / AT_ONCE
    name = f"rolling update of {NODES:,} nodes, {AT_ONCE} at once"
    commit_ms = 1000 * cost.commit_s / max(1, cost.commits)
    note = f"{cost.steps:.0f} steps, {cost.commits:.0f} commits of {commit_ms:.2g} ms"
    step_ms = 1000 * cost.step_s / max(1, cost.steps)
    return [
        plain(f"{name}: a step", step_ms, "ms", note=note),
        plain(f"{name}: hub's processor time for a wave", 1000 * cost.cpu_s / waves, "ms"),
        plain(f"{name}: whole", cost.whole_s, "s"),
    ]


def _update(hub: Hub, folder: pathlib.Path) -> Cost:
    parts = [range(first, first + EACH) for first in range(0, NODES, EACH)]
    fleet = [Agents(hub.mqtt_port, numbers) for numbers in parts]
    try:
        for agents in fleet:
            agents.join()
        wait_for("the hub to know its nodes", lambda: _online(hub) == NODES, 120)
        say(f"rollout: {NODES} nodes are there")
        _apply(hub, folder, 1)
        wait_for("everything to run", lambda: _workload(hub)["current"] == NODES, 120)
        assert hub.process is not None
        process = psutil.Process(hub.process.pid)
        cpu_s, metrics, began = _cpu_s(process), _metrics(hub), time.monotonic()
        _apply(hub, folder, 2)
        wait_for("the rollout to be done", lambda: _rollout(hub)["state"] == "done", WITHIN_S)
        whole_s, after = time.monotonic() - began, _metrics(hub)
        found = {key: after[key] - metrics.get(key, 0.0) for key in after}
        return Cost(
            cpu_s=_cpu_s(process) - cpu_s,
            whole_s=whole_s,
            steps=found["skerry_rollout_step_seconds_count"],
            step_s=found["skerry_rollout_step_seconds_sum"],
            commits=found["skerry_commit_seconds_count"],
            commit_s=found["skerry_commit_seconds_sum"],
        )
    finally:
        for agents in fleet:
            agents.stop()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _apply(hub: Hub, folder: pathlib.Path, image: int) -> None:
    file = folder / "bench.yaml"
    file.write_text(FILE.format(image=image, at_once=AT_ONCE))
    hub.cli("apply", "-f", str(file))


def _online(hub: Hub) -> int:
    items = hub.get("/api/v1/nodes")["items"]
    return sum(1 for one in items if one["liveness"] == "online" and one["capability"])


def _workload(hub: Hub) -> typing.Any:
    return hub.get("/api/v1/workloads/bench-web")["workload"]


def _rollout(hub: Hub) -> typing.Any:
    time.sleep(1.0)  # so that asking is no part of what is measured
    return hub.get("/api/v1/workloads/bench-web/rollout")["rollout"]


def _metrics(hub: Hub) -> dict[str, float]:
    with urllib.request.urlopen(f"{hub.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r"^(skerry_\w+_seconds_(?:sum|count)) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}
