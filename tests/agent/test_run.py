"""The whole agent as a process of its own, on a real mosquitto, with a tiny hub and executor."""

import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
from tests.agent.executors import FakeExecutor
from tests.agent.heavy_modules import HEAVY

from lab.broker import Mosquitto
from lab.processes import Process, wait_for
from skerry_agent import mqtt
from skerry_agent.control import ControlError, ask
from skerry_agent.state import PresenceSeq, presence_seq
from skerry_wire import codec, envelope, topics
from skerry_wire.capability import Capability
from skerry_wire.local import Outcome
from skerry_wire.messages import (
    Event,
    EventKind,
    Heartbeat,
    InstanceState,
    InstanceStatus,
    Order,
    Presence,
    Refusal,
    Reply,
    Report,
    Request,
)
from skerry_wire.topics import NodeTopic
from skerry_wire.workload import Container, DeviceMapping, Instance

NODE = "box-1"
WEB = InstanceStatus(
    id="web-0", workload="web", revision="0" * 16, state=InstanceState.RUNNING, runtime="podman"
)


class TinyHub:
    """Hears one node and speaks to it."""

    def __init__(self, broker):
        self.heard = {topic: queue.Queue() for topic in NodeTopic}
        self._client = mqtt._client("hub")
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", broker.port)
        self._client.subscribe(f"{topics.ROOT}/nodes/#", qos=1)
        self._client.loop_start()

    def _on_message(self, _client, _data, message):
        parsed = topics.parse(message.topic)
        if isinstance(parsed, topics.Node):
            self.heard[parsed.topic].put(message)

    def next(self, topic, kind, test=lambda message: True):
        """Return the next message on a topic that passes."""
        while True:
            message = codec.decode(kind, self.heard[topic].get(timeout=20).payload)
            if test(message):
                return message

    def order(self, generation, incarnation, *instances):
        order = Order(
            node=NODE,
            incarnation=incarnation,
            generation=generation,
            issued_at=1.0,
            instances=instances,
        )
        data = codec.encode(envelope.seal(order, "0" * 16, lambda data: b"s" * 64))
        self._client.publish(str(topics.Node(NODE, NodeTopic.ORDER)), data, 1, True)
        return data

    def ask(self, verb):
        request = Request(id=f"r-{verb}", verb=verb)
        topic = str(topics.NodeRequest(NODE, verb))
        self._client.publish(topic, codec.encode(request), 1)
        return self.next(NodeTopic.REPLY, Reply, lambda reply: reply.id == request.id)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Box:
    """An agent, and what it needs to run."""

    def __init__(self, folder, broker):
        self.folder = folder
        self.short = pathlib.Path(tempfile.mkdtemp(prefix="sk-"))
        self.accepted = None
        self.executor = FakeExecutor(self._carry_out)
        self.environment = {
            "SKERRY_AGENT_BROKER": broker.url,
            "SKERRY_AGENT_NODE_ID": NODE,
            "SKERRY_AGENT_STATE": str(folder / "state"),
            "SKERRY_AGENT_EXECUTOR": self.executor.path,
            "SKERRY_AGENT_CONTROL": str(self.short / "control.sock"),
            "SKERRY_AGENT_HEARTBEAT_S": "1",
            "PYTHONPATH": ":".join(path for path in sys.path if path),
        }
        self.settings = folder / "agent.toml"
        self.agent = None

    def _carry_out(self, request, visit):
        if request.order is not None:
            order = envelope.open_payload(codec.decode(envelope.Envelope, request.order))
            if self.accepted is not None and order.generation < self.accepted:
                refusal = Refusal(generation=order.generation, code="stale", reason="is stale")
                visit.say("done", Outcome(accepted=self.accepted, refusal=refusal, reached=True))
                return
            self.accepted = order.generation
        visit.say("progress", Outcome(accepted=self.accepted or 0))
        running = (WEB,) if self.accepted else ()
        visit.say("done", Outcome(accepted=self.accepted or 0, reached=True, instances=running))

    def start(self, **environment):
        command = [sys.executable, "-m", "skerry_agent.main", "run"]
        if self.settings.exists():
            command += ["--config", self.settings]
        self.agent = Process("agent", command, self.folder, {**self.environment, **environment})

    def command(self, *words):
        return subprocess.run(
            [sys.executable, "-m", "skerry_agent.main", *words, "--config", self.settings],
            capture_output=True,
            text=True,
            env={**os.environ, **self.environment},
            timeout=60,
        )

    @property
    def control(self):
        return self.environment["SKERRY_AGENT_CONTROL"]

    def status(self):
        try:
            return ask(self.control)
        except ControlError:
            return None

    def close(self):
        if self.agent is not None:
            self.agent.stop()
        self.executor.close()
        for path in self.short.iterdir():
            path.unlink()
        self.short.rmdir()


@pytest.fixture
def broker(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def hub(broker):
    hub = TinyHub(broker)
    yield hub
    hub.close()


@pytest.fixture
def box(tmp_path, broker):
    box = Box(tmp_path, broker)
    yield box
    box.close()


def test_from_the_first_word_to_the_last(hub, box, broker):
    box.start()
    presence = hub.next(NodeTopic.PRESENCE, Presence)
    assert (presence.online, presence.boot) == (True, 1)
    capability = hub.next(NodeTopic.CAPABILITY, Capability)
    assert capability.revision == codec.revision_of(capability.hardware)
    assert capability.hardware.cpu.logical_count == os.cpu_count()
    heartbeat = hub.next(NodeTopic.HEARTBEAT, Heartbeat, lambda h: h.cpu_percent is not None)
    assert heartbeat.memory_available_bytes > 0

    data = hub.order(1, presence.incarnation)
    report = hub.next(NodeTopic.REPORT, Report, lambda report: report.generation == 1)
    assert (report.accepted, report.instances) == (1, (WEB,))
    hub.next(NodeTopic.EVENT, Event, lambda event: event.kind == EventKind.RUNNING)

    # What the hub may ask.
    assert hub.ask("order").body == data
    probed = hub.ask("probe")
    assert (probed.error, probed.body) == (None, b"")
    assert "no request 'dance'" in hub.ask("dance").error

    # What the box itself may ask.
    told = wait_for(
        "all events to be acknowledged", lambda: box.status().events_waiting == 0 and box.status()
    )
    assert (told.node, told.connected, told.accepted, told.reached) == (NODE, True, 1, 1)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "skerry_agent.main",
            "status",
            "-o",
            "json",
            "--control",
            box.control,
        ],
        capture_output=True,
        env={**os.environ, **box.environment},
        check=True,
    )
    assert json.loads(done.stdout)["instances"][0]["id"] == "web-0"

    # It says good-bye, and the next start knows what this one knew.
    before = time.monotonic()
    assert box.agent.stop(timeout_s=10) == 0
    assert time.monotonic() - before < 5
    gone = hub.next(NodeTopic.PRESENCE, Presence, lambda presence: not presence.online)
    assert gone.seq == presence_seq(1, PresenceSeq.STOPPED)
    assert f"Client {NODE} disconnected." in broker.process.log(), "in good order, without a will"
    assert not pathlib.Path(box.control).exists()
    box.start()
    again = hub.next(NodeTopic.PRESENCE, Presence, lambda presence: presence.online)
    assert (again.incarnation, again.boot) == (presence.incarnation, 2)
    assert hub.ask("order").body == data


def test_while_it_idles_nothing_heavy_is_loaded(hub, box):
    box.start(PYTHONPROFILEIMPORTTIME="1")
    for _ in range(2):
        hub.next(NodeTopic.HEARTBEAT, Heartbeat)
    told = [line for line in box.agent.log().splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in told}
    assert "paho.mqtt.client" in loaded
    assert not loaded & HEAVY


def test_it_works_without_anything_to_talk_to_and_heals(tmp_path, broker, box):
    broker.stop()
    box.executor.close()
    box.start()
    told = wait_for("the problem", lambda: (s := box.status()) and s.problems and s)
    assert "skerry-executor.socket" in told.problems[0]
    assert not told.connected
    pathlib.Path(box.executor.path).parent.mkdir()
    box.executor = FakeExecutor(box._carry_out, box.executor.path)
    broker.start()
    # It may have failed a few times by then, and waits as long as a storm of boxes needs.
    wait_for("it to connect", lambda: box.status().connected, 90)
    wait_for("the problem to end", lambda: not box.status().problems)


def test_a_second_agent_on_the_same_state_does_not_start(hub, box):
    box.start()
    hub.next(NodeTopic.PRESENCE, Presence)
    done = subprocess.run(
        [sys.executable, "-m", "skerry_agent.main", "run"],
        capture_output=True,
        text=True,
        env={**os.environ, **box.environment},
        timeout=30,
    )
    assert done.returncode == 1
    assert "another agent is using the state folder" in done.stderr
    assert box.status().node == NODE


def test_systemd_is_told_and_the_watchdog_fed(box):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(box.short / "notify")
        manager.bind(address)
        manager.settimeout(20)
        box.start(NOTIFY_SOCKET=address, WATCHDOG_USEC="400000")
        said = [manager.recv(100) for _ in range(4)]
        box.agent._popen.send_signal(signal.SIGINT)
        while said[-1] != b"STOPPING=1":
            said.append(manager.recv(100))
    assert said[0] == b"READY=1"
    assert said.count(b"WATCHDOG=1") >= 3
    # No second signal: what comes after its last word finds no handler.
    assert box.agent._popen.wait(10) == 0


def test_a_damaged_journal_does_not_stop_it(hub, box):
    state = pathlib.Path(box.environment["SKERRY_AGENT_STATE"])
    state.mkdir()
    (state / "journal").write_bytes(b"\xc1")
    box.start()
    hub.next(NodeTopic.PRESENCE, Presence)
    assert "is damaged" in box.agent.log()
    assert (state / "journal.damaged").exists()


def own(labels):
    """Return the labels that people gave, of all."""
    return {key: labels[key] for key in ("site", "zone") if key in labels}


def test_labels_are_changed_live_and_hold_at_the_next_start(hub, box):
    box.settings.write_text('[labels]\nsite = "north"\n')
    box.start()
    first = hub.next(NodeTopic.CAPABILITY, Capability)
    assert own(first.hardware.labels) == {"site": "north"}
    hub.next(NodeTopic.CAPABILITY, Capability, lambda c: "cpuinfo" in c.hardware.probes)

    def until(labels):
        hub.next(NodeTopic.CAPABILITY, Capability, lambda c: own(c.hardware.labels) == labels)
        shown = json.loads(box.command("capability", "--json").stdout)
        assert own(shown["labels"]) == labels

    done = box.command("label", "set", "zone=hall-3", "site=south")
    assert (done.returncode, done.stderr) == (0, "")
    assert "The agent has them." in done.stdout
    until({"site": "south", "zone": "hall-3"})
    assert box.command("label", "unset", "site", "zone").returncode == 0
    until({"site": "north"})

    # The file itself, and SIGHUP as `systemctl reload` sends it.
    box.settings.write_text("[labels\n")
    box.agent._popen.send_signal(signal.SIGHUP)
    report = hub.next(NodeTopic.REPORT, Report, lambda report: report.problems)
    assert "agent.toml" in report.problems[0]
    box.settings.write_text('[labels]\nzone = "quay"\n')
    box.agent._popen.send_signal(signal.SIGHUP)
    until({"zone": "quay"})
    hub.next(NodeTopic.REPORT, Report, lambda report: not report.problems)

    # While no agent runs.
    box.agent.stop()
    assert "at its start" in box.command("label", "set", "site=west").stdout
    box.start()
    wanted = {"site": "west", "zone": "quay"}
    hub.next(NodeTopic.CAPABILITY, Capability, lambda c: own(c.hardware.labels) == wanted)


def test_labels_that_are_damaged_at_the_start_are_a_problem_and_stop_nothing(hub, box):
    state = pathlib.Path(box.environment["SKERRY_AGENT_STATE"])
    state.mkdir()
    (state / "labels.json").write_text("no JSON")
    box.settings.write_text("")
    box.start()
    report = hub.next(NodeTopic.REPORT, Report)
    assert "labels.json is damaged" in report.problems[0]
    assert "remove it" in box.command("label", "set", "site=north").stderr

    # Removed, it holds what the agent has: none. That is told all the same, to end the problem.
    (state / "labels.json").unlink()
    assert "The agent has them." in box.command("label", "unset", "site").stdout
    hub.next(NodeTopic.REPORT, Report, lambda report: not report.problems)


@pytest.fixture
def node():
    """What stands for a device node: a file below /dev that every user may make."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="skerry-", delete=False) as file:
        path = pathlib.Path(file.name)
    yield path
    path.unlink(missing_ok=True)


def test_a_device_in_use_that_goes_and_comes_back(hub, box, node):
    box.start()
    presence = hub.next(NodeTopic.PRESENCE, Presence)
    container = Container(
        name="c",
        image="image",
        devices=(DeviceMapping(host=str(node), container="/dev/x"),),
    )
    web = Instance(id="web-0", workload="web", revision="0" * 16, containers=(container,))
    hub.order(1, presence.incarnation, web)
    hub.next(NodeTopic.REPORT, Report, lambda report: report.generation == 1)

    def told(kind):
        event = hub.next(NodeTopic.EVENT, Event, lambda event: event.kind == kind)
        assert (event.subject, event.detail) == (str(node), "used by web-0")

    node.unlink()
    hub.ask("probe")
    told(EventKind.UNPLUGGED)
    problem = f"{node} is gone; used by web-0"
    hub.next(NodeTopic.REPORT, Report, lambda report: report.problems == (problem,))
    assert box.status().problems == (problem,)

    # The next start says what is wrong, and tells no event a second time.
    wait_for("all to be acknowledged", lambda: box.status().events_waiting == 0)
    box.agent.stop()
    box.start()
    hub.next(NodeTopic.REPORT, Report, lambda report: report.problems == (problem,))
    node.touch()
    hub.ask("probe")
    seen = []
    hub.next(NodeTopic.EVENT, Event, lambda e: seen.append(e.kind) or e.kind == EventKind.PLUGGED)
    assert EventKind.UNPLUGGED not in seen
    hub.next(NodeTopic.REPORT, Report, lambda report: report.problems == ())
