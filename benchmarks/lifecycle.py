"""A box with many containers: how soon it is known again, how soon an end is, and what it costs.

A real hub, broker, agent (on Debian's own Python), executor and podman.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import queue
import signal
import tempfile
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.commands import AGENT
from benchmarks.idle import memory_of
from benchmarks.row import BenchError, Row, at_most, median, say, spread
from lab.broker import Mosquitto
from lab.fleet import Box, Hub
from lab.install import SYSTEM_PYTHON
from lab.podman import Podman
from skerry_wire import codec
from skerry_wire.messages import Report
from skerry_wire.topics import Node, NodeTopic, NodeViewEvent

CONTAINERS = 50
ENDS = 20
GAP_S = 1.0
"""Between two ends: one must be over before the next."""
RESTARTS = 5
SETTLE_S = 20.0
MOST_S = 60.0
NODE = "box-1"
EVENTS = str(NodeViewEvent(NODE))
REPORTS = str(Node(NODE, NodeTopic.REPORT))
SERVICE = """\
name: many
services:
  web:
    image: {image}
    command: ["/bin/sleep", "100000"]
    restart: "no"
    stop_grace_period: 0s
    deploy:
      replicas: {count}
"""

Heard = queue.Queue[tuple[float, str, bytes]]


def measure() -> list[Row]:
    """Fill a box, end some of its containers, and restart its agent."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        folder = pathlib.Path(name)
        podman, hub, box, heard = _start(folder, end)
        say(f"an agent's memory with {CONTAINERS} containers, beside idle")
        bare = _settled_pss(box)
        _fill(hub, podman, folder)
        full = _settled_pss(box)
        say(f"{ENDS} ends of containers, to their event on the hub")
        ends = _ends(podman, heard)
        say(f"{RESTARTS} restarts of the agent")
        reports = [_restarted(box, heard) for _ in range(RESTARTS)]
    many = f"with {CONTAINERS} containers"
    return [
        at_most(
            "end of a container to its event on the hub", median(ends), 200, "ms",
            note=spread(ends),
        ),
        at_most(
            f"agent restart {many} to its first report", median(reports), 1000, "ms",
            note=spread(reports),
        ),
        at_most(
            f"agent {many}: memory (PSS) above idle", (full - bare) / 2**20, 2, "MiB",
            note=f"{bare / 2**20:.1f} MiB idle",
        ),
    ]  # fmt: skip


def _start(folder: pathlib.Path, end: contextlib.ExitStack) -> tuple[Podman, Hub, Box, Heard]:
    podman = Podman(folder / "podman")
    end.callback(podman.remove_all)
    podman.start()
    broker = Mosquitto(folder / "broker")
    broker.start()
    end.callback(broker.stop)
    hub = Hub(folder / "hub", broker)
    hub.start()
    end.callback(hub.stop)
    box = Box(folder / "box", hub.broker_url, podman.socket, NODE, python=SYSTEM_PYTHON)
    executor = Box(folder / "box", hub.broker_url, podman.socket, NODE)
    box.trust(hub.key)
    executor.start_executor()
    end.callback(executor.stop)
    box.start_agent(**AGENT)
    end.callback(box.stop)
    hub.cli("wait", "node", NODE, "--for", "online", "--timeout", "60s")
    heard: Heard = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = lambda _client, _data, message: _hear(heard, message)
    client.connect("127.0.0.1", broker.port)
    client.subscribe([(topic, 1) for topic in (EVENTS, REPORTS)])
    client.loop_start()
    end.callback(client.loop_stop)
    return podman, hub, box, heard


def _hear(heard: Heard, message: paho.MQTTMessage) -> None:
    if not message.retain:
        heard.put((time.monotonic(), message.topic, bytes(message.payload)))


def _settled_pss(box: Box) -> int:
    """Return the agent's share of memory once a start, or many, is over."""
    assert box.agent is not None
    time.sleep(SETTLE_S)
    found = []
    for _ in range(5):
        found.append(memory_of(box.agent.pid).pss_bytes)
        time.sleep(1.0)
    return int(median(found))


def _fill(hub: Hub, podman: Podman, folder: pathlib.Path) -> None:
    path = folder / "many.yaml"
    path.write_text(SERVICE.format(image=podman.image, count=CONTAINERS))
    hub.cli("apply", "-f", str(path))
    hub.cli("wait", "workload", "many-web", "--for", "running", "--timeout", "300s")


def _ends(podman: Podman, heard: Heard) -> list[float]:
    """End containers from outside, and return the milliseconds to each event."""
    listed = podman.run("ps", "--format", "{{.Names}} {{.Pid}}").split("\n")
    running = [line.split() for line in listed if line]
    found = []
    for name, pid in running[:ENDS]:
        instance = name.removeprefix("skerry-").removesuffix("-web")
        _drain(heard)
        ended = time.monotonic()
        os.kill(int(pid), signal.SIGKILL)
        found.append((_event_of(instance, heard) - ended) * 1000)
        time.sleep(GAP_S)
    return found


def _event_of(instance: str, heard: Heard) -> float:
    while True:
        at, topic, data = _next(heard, f"the event of {instance}")
        if topic == EVENTS and json.loads(data).get("subject") == instance:
            return at


def _restarted(box: Box, heard: Heard) -> float:
    """Start the agent again, and return the milliseconds to its first report of all there is."""
    assert box.agent is not None
    box.agent.kill()
    _drain(heard)
    began = time.monotonic()
    box.start_agent(**AGENT)
    while True:
        at, topic, data = _next(heard, "the first report")
        if topic != REPORTS:
            continue
        if len(codec.decode(Report, data).instances) == CONTAINERS:
            return (at - began) * 1000


def _next(heard: Heard, what: str) -> tuple[float, str, bytes]:
    try:
        return heard.get(timeout=MOST_S)
    except queue.Empty:
        raise BenchError(f"{what}: not within {MOST_S:g} s") from None


def _drain(heard: Heard) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            heard.get_nowait()
