"""One box with many containers and its hub, seen from outside: by podman, the broker and the kernel.

For the soaks that end, fill up or stop parts of it. What it says is taken from its own messages;
whether a container still runs is asked of the kernel, which knows it when podman does not answer.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lab.broker import Mosquitto
from lab.fleet import Box, Hub
from lab.podman import Podman
from lab.processes import LabError, wait_for
from skerry_wire import codec, local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorReply, ExecutorRequest, Outcome
from skerry_wire.messages import Heartbeat, InstanceState, Report
from skerry_wire.topics import Node, NodeTopic

INSTANCE_LABEL = "io.skerry.instance"
ASK_S = 30.0
SERVICE = """\
  {name}:
    image: {image}
    command: ["/bin/sleep", "100000"]
    restart: unless-stopped
    stop_grace_period: 0s
    environment: {{REVISION: "{revision}"}}
    deploy: {{replicas: {replicas}}}
    x-lifecycle: {lifecycle}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """A container that runs: two that are equal are one that nobody restarted."""

    id: str
    instance: str
    started_at: int
    pid: int


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """A message of the box, and when it came by this machine's monotonic clock."""

    at_s: float
    message: Report | Heartbeat


class Ear:
    """Hears the box's reports and heartbeats on the broker, as the hub does."""

    def __init__(self, port: int, node: str) -> None:
        """Connect and listen; the last report comes at once."""
        self.reports: list[Heard] = []
        self.heartbeats: list[Heard] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = self._listen
        self._client.on_message = self._take
        self._node = node
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _listen(self, client: paho.Client, *_: Any) -> None:
        for topic in (NodeTopic.REPORT, NodeTopic.HEARTBEAT):
            client.subscribe(str(Node(self._node, topic)), qos=1)

    def _take(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        now = time.monotonic()
        if message.topic.endswith("/report"):
            self.reports.append(Heard(now, codec.decode(Report, bytes(message.payload))))
        else:
            self.heartbeats.append(Heard(now, codec.decode(Heartbeat, bytes(message.payload))))

    def longest_silence_s(self, from_s: float, to_s: float) -> float:
        """Return the longest time between two heartbeats within a time."""
        moments = [from_s, *(h.at_s for h in self.heartbeats if from_s < h.at_s < to_s), to_s]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))

    def close(self) -> None:
        """Listen no more."""
        self._client.disconnect()
        self._client.loop_stop()


class SoakBox:
    """Broker, hub, podman, agent and executor in one folder.

    `state` takes the folders of agent and executor, where they are to lie elsewhere.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        podman: Podman | None = None,
        state: pathlib.Path | None = None,
        *,
        owns: bool = False,
    ) -> None:
        """`start` starts it; a given podman stays its owner's, unless this `owns` it."""
        self.folder = folder
        self._own_podman = podman is None or owns
        self.podman = podman or Podman(folder / "podman")
        self.broker = Mosquitto(folder / "broker")
        self.hub = Hub(folder / "hub", self.broker)
        self.box = Box(state or folder / "box", self.hub.broker_url, self.podman.socket)
        self.revisions: dict[str, int] = {}
        self.replicas: dict[str, int] = {}
        self.lifecycles: dict[str, str] = {}
        self._ear: Ear | None = None

    def start(self) -> None:
        """Start everything, and wait until the hub knows the box with its runtime."""
        if self._own_podman:
            self.podman.start()
        self.broker.start()
        self.hub.start()
        self.box.trust(self.hub.key)
        self.box.start()
        self._ear = Ear(self.broker.port, self.box.node)
        wait_for("the box to join with its runtime", self._is_known, 60)

    def stop(self) -> None:
        """End everything, and remove what ran."""
        if self._ear is not None:
            self._ear.close()
        self.box.stop()
        self.hub.stop()
        self.broker.stop()
        if self._own_podman:
            self.podman.remove_all()
        else:
            self.podman.run("rm", "--all", "--force", "--time=0", check=False)

    def _is_known(self) -> bool:
        try:
            node = self.hub.get(f"/api/v1/nodes/{self.box.node}")["node"]
        except OSError:
            return False
        return bool(node["runtimes"] and node["liveness"] == "online")

    @property
    def ear(self) -> Ear:
        """Return who listens on the broker."""
        assert self._ear is not None, "it was not started"
        return self._ear

    # --- what is wanted -----------------------------------------------------------------------

    def instances(self) -> set[str]:
        """Return the ids of all instances that are wanted."""
        return {
            f"soak-{name}-{number}"
            for name, replicas in self.replicas.items()
            for number in range(replicas)
        }

    def want(self, name: str, replicas: int = 1, lifecycle: str = "{update: {settle: 0s}}") -> None:
        """Want a service, from the next apply on."""
        self.revisions[name], self.replicas[name] = 1, replicas
        self.lifecycles[name] = lifecycle

    def apply(self) -> subprocess.Popen[bytes]:
        """Begin to apply what is wanted; the caller waits for it."""
        text = "name: soak\nservices:\n" + "".join(
            SERVICE.format(
                name=name,
                image=self.podman.image,
                revision=revision,
                replicas=self.replicas[name],
                lifecycle=self.lifecycles[name],
            )
            for name, revision in self.revisions.items()
        )
        place = self.folder / "soak.yaml"
        place.write_text(text)
        command = [sys.executable, "-m", "skerry_cli", "apply", "-f", str(place)]
        return subprocess.Popen(
            command,
            env={**os.environ, "SKERRY_HUB": self.hub.url, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def applied(self) -> None:
        """Apply what is wanted, and wait until all of it runs. Raises LabError."""
        finish(self.apply())
        self.until("everything to run", lambda: not self.amiss(), 120)

    # --- what is there ------------------------------------------------------------------------

    def issued(self) -> int:
        """Return the newest generation that the hub issued."""
        return int(self.hub.get(f"/api/v1/nodes/{self.box.node}")["node"]["order"]["issued"])

    def report(self, boot: int = 0) -> Report | None:
        """Return the newest report of this start of the agent or a later one."""
        for heard in reversed(self.ear.reports):
            assert isinstance(heard.message, Report)
            return heard.message if heard.message.boot >= boot else None
        return None

    def boot(self) -> int:
        """Return how often the agent has started."""
        report = self.report()
        return report.boot if report is not None else 0

    def amiss(self, boot: int = 0) -> str:
        """Return what the box's newest report lacks of what is wanted; nothing where all is well."""
        report = self.report(boot)
        if report is None:
            return "no report yet"
        issued = self.issued()
        if not report.accepted == report.generation == issued:
            return f"accepted {report.accepted}, reached {report.generation} of {issued}"
        if report.problems:
            return "; ".join(report.problems)
        running = {i.id for i in report.instances if i.state is InstanceState.RUNNING}
        if running != self.instances() or len(report.instances) != len(running):
            told = {i.id: f"{i.state} {i.reason or ''}" for i in report.instances}
            return f"not as wanted: {sorted(running ^ self.instances())[:3]} in {told}"[:600]
        return ""

    def running(self) -> dict[str, list[Ran]]:
        """Return the containers that podman has, by instance. Raises OSError."""
        found: dict[str, list[Ran]] = {}
        for one in self.podman.ask("GET", "/v4.0.0/libpod/containers/json?all=true"):
            instance = (one.get("Labels") or {}).get(INSTANCE_LABEL, one["Id"][:12])
            ran = Ran(one["Id"], instance, one["StartedAt"], one["Pid"])
            found.setdefault(instance, []).append(ran)
        return found

    def ask(self) -> Outcome:
        """Have the executor converge to what it accepted, and return the outcome. Raises OSError."""
        report = self.report()
        assert report is not None
        request = ExecutorRequest(node=self.box.node, incarnation=report.incarnation)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ASK_S)
            connection.connect(str(self.box.socket))
            connection.sendall(local.frame(request))
            with connection.makefile("rb") as stream:
                while header := stream.read(local.HEADER_BYTES):
                    body = stream.read(local.body_length(header))
                    try:
                        reply = codec.decode(ExecutorReply, body, most=local.MAX_FRAME_BYTES)
                    except WireError as error:
                        raise OSError(f"the answer was cut short: {error}") from None
                    if reply.kind == "done" and reply.outcome is not None:
                        return reply.outcome
        raise OSError("the executor left without an answer")

    def until(self, what: str, test: Callable[[], bool], timeout_s: float) -> float:
        """Wait until a test passes; return how long that took. Raises LabError with what is amiss."""
        begun = time.monotonic()

        def look() -> bool:
            try:
                return test()
            except OSError:
                return False

        try:
            wait_for(what, look, timeout_s)
        except LabError as error:
            raise LabError(f"{error}; {self.amiss() or 'nothing is amiss'}") from None
        return time.monotonic() - begun

    # --- what is done to it -------------------------------------------------------------------

    def runs(self) -> list[int]:
        """Return the process ids of the executor's runs."""
        assert self.box.executor is not None
        pid = self.box.executor.pid
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in text.split()]

    def look_again(self) -> None:
        """Have the agent visit the executor, as `systemctl reload` does."""
        if self.box.agent is not None and self.box.agent.alive:
            os.kill(self.box.agent.pid, signal.SIGHUP)


class Watched:
    """Holds a pidfd of each container's first process: the kernel tells which have ended."""

    def __init__(self, running: Mapping[str, list[Ran]]) -> None:
        """Raises ProcessLookupError where one has ended already."""
        self._fds = {
            instance: os.pidfd_open(ran.pid) for instance, (ran, *_) in running.items() if ran.pid
        }

    def ended(self, *but: str) -> list[str]:
        """Return the instances whose process has ended, but for some."""
        ready, _, _ = select.select(list(self._fds.values()), [], [], 0)
        return sorted(name for name, fd in self._fds.items() if fd in ready and name not in but)

    def close(self) -> None:
        """Give everything back."""
        for fd in self._fds.values():
            os.close(fd)


def finish(applying: subprocess.Popen[bytes]) -> None:
    """Wait for an apply. Raises LabError with what it said where it failed."""
    said, _ = applying.communicate(timeout=120)
    if applying.returncode:
        raise LabError(f"skerry apply: {applying.returncode}\n{said.decode(errors='replace')}")
