"""From `skerry apply` to a running container, beside what the runtime itself takes, part by part.

Both in turns, so that both see the same machine. The runtime's own time is that of the same create
and start, asked of the same socket. A run of the executor is started for each visit, on Debian's
own Python, as systemd does it on a box that has been left alone for a while. On a busy machine the
processor time of the parts says what a quiet one would take.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import queue
import subprocess
import tempfile
import time
import urllib.request

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.commands import AGENT
from benchmarks.relay import Relay
from benchmarks.row import BenchError, Row, at_most, median, plain, say, spread
from lab.broker import Mosquitto
from lab.fleet import Box, Hub, module
from lab.install import ROOT, SYSTEM_PYTHON
from lab.podman import Podman
from lab.processes import LabError, wait_for
from skerry_wire import codec
from skerry_wire.messages import InstanceState, Report
from skerry_wire.topics import Node, NodeTopic

RUNS = 20
MOST_S = 30.0
SOURCES = [str(ROOT / folder) for folder in ("wire", "agent", "hub")]
NODE = "box-1"
ORDERS, REPORTS = (str(Node(NODE, topic)) for topic in (NodeTopic.ORDER, NodeTopic.REPORT))
COMMAND = ("/bin/sleep", "100000")
SERVICE = """\
name: run{number}
services:
  web:
    image: {image}
    command: {command}
    stop_grace_period: 0s
    network_mode: host
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Applied:
    """One apply: milliseconds from the start of the command to each step, and processor time."""

    asked: float
    """The command connects to the hub."""
    ordered: float
    """The broker has the order."""
    created: float
    started: float
    """Both by the runtime."""
    reported: float
    """The broker has the report that says it runs."""
    worked: dict[str, float]
    """Milliseconds of processor time, by part of Skerry."""


def measure() -> list[Row]:
    """Do both in turns, each time with a new container."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        bench = _Bench(pathlib.Path(name), end)
        say(f"create and start by the runtime, and skerry apply, in turns, {RUNS} times each")
        direct, applied = [], []
        for number in range(RUNS + 1):
            direct.append(bench.direct())
            applied.append(bench.applied(number))
    # The first of each brings everything into memory.
    return rows(direct[1:], applied[1:])


def rows(direct: list[float], applied: list[Applied]) -> list[Row]:
    """Return what the runs came to; each apply belongs to the direct start before it."""
    started = [one.started for one in applied]
    beyond = [one - own for own, one in zip(direct, started, strict=True)]
    what = "`skerry apply` to container running"
    parts = (
        ("the command, until it asks the hub", [one.asked for one in applied]),
        ("the hub, until the broker has the order", [one.ordered - one.asked for one in applied]),
        (
            "agent and executor, until the container is made",
            [one.created - one.ordered for one in applied],
        ),
        ("made, until it runs", [one.started - one.created for one in applied]),
        ("after it: until the report is there", [one.reported - one.started for one in applied]),
    )
    worked = {part: median([one.worked[part] for one in applied]) for part in applied[0].worked}
    told = ", ".join(f"{part} {ms:.0f}" for part, ms in worked.items())
    return [
        plain("create and start by the runtime's API", median(direct), "ms", note=spread(direct)),
        plain(what, median(started), "ms", note=spread(started)),
        at_most(f"{what}, beyond the runtime", median(beyond), 300, "ms", note=spread(beyond)),
        *(plain(f"... {words}", median(found), "ms", note=spread(found)) for words, found in parts),
        plain("... processor time of these", sum(worked.values()), "ms", note=told),
    ]


class _Bench:
    def __init__(self, folder: pathlib.Path, end: contextlib.ExitStack) -> None:
        self._folder = folder
        # As an installation does: without, each run of the executor would compile all of it.
        subprocess.run([SYSTEM_PYTHON, "-m", "compileall", "-q", *SOURCES], check=True)
        self._podman = Podman(folder / "podman")
        end.callback(self._podman.remove_all)
        self._podman.start()
        self._broker = Mosquitto(folder / "broker")
        self._broker.start()
        end.callback(self._broker.stop)
        self._hub = Hub(folder / "hub", self._broker)
        self._hub.start()
        end.callback(self._hub.stop)
        self._relay = Relay(self._hub.port)
        end.callback(self._relay.stop)
        self._box = Box(
            folder / "box", self._hub.broker_url, self._podman.socket, NODE, SYSTEM_PYTHON
        )
        self._box.trust(self._hub.key)
        (folder / "box" / "policy.toml").write_text(
            '[images]\nallow = ["localhost"]\n[privileges]\nhost_network = true\n'
        )
        self._box.start_activated_executor(PYTHONPATH=f"{AGENT['PYTHONPATH']}:{ROOT}/packaging")
        self._box.start_agent(**AGENT)
        end.callback(self._box.stop)
        self._hub.cli("wait", "node", NODE, "--for", "online", "--timeout", "60s")
        self._heard: queue.Queue[tuple[float, str, bytes]] = queue.Queue()
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.on_message = lambda _client, _data, message: self._hear(message)
        client.connect("127.0.0.1", self._broker.port)
        client.subscribe([(topic, 1) for topic in (ORDERS, REPORTS)])
        client.loop_start()
        end.callback(client.loop_stop)

    def _hear(self, message: paho.MQTTMessage) -> None:
        if not message.retain:
            self._heard.put((time.time(), message.topic, bytes(message.payload)))

    def direct(self) -> float:
        """Create and start a container as the executor does; return the milliseconds it takes."""
        wanted = {
            "Image": self._podman.image,
            "Cmd": COMMAND,
            "HostConfig": {"NetworkMode": "host", "RestartPolicy": {"Name": "always"}},
        }
        began = time.time()
        name = self._podman.ask("POST", "/v1.41/containers/create", wanted)["Id"]
        self._podman.ask("POST", f"/v1.41/containers/{name}/start")
        _, started = self._times(name)
        self._podman.ask("DELETE", f"/v1.41/containers/{name}?force=true")
        return (started - began) * 1000

    def applied(self, number: int) -> Applied:
        """Apply a service, and remove it again."""
        self._drain()
        path = self._folder / "run.yaml"
        command = json.dumps(COMMAND)
        path.write_text(SERVICE.format(number=number, image=self._podman.image, command=command))
        before = self._worked()
        began = time.time()
        worked_ms = self._apply(path)
        ordered = self._next(ORDERS)[0]
        reported = self._until_running()
        name = self._only_container()
        created, started = self._times(name)
        wait_for("the executor to end", lambda: not self._executor_runs(), MOST_S)
        worked = {"command": worked_ms}
        worked |= {part: ms - before[part] for part, ms in self._worked().items()}
        self._remove(f"run{number}-web")

        def after_ms(at: float) -> float:
            return (at - began) * 1000

        return Applied(
            asked=after_ms(self._relay.connected_at),
            ordered=after_ms(ordered),
            created=after_ms(created),
            started=after_ms(started),
            reported=after_ms(reported),
            worked=worked,
        )

    def _apply(self, path: pathlib.Path) -> float:
        """Run the command; return the milliseconds of processor time that it took."""
        child = subprocess.Popen(
            module("skerry_cli", "apply", "-f", str(path)),
            env={
                **os.environ,
                "SKERRY_HUB": f"http://127.0.0.1:{self._relay.port}",
                "NO_COLOR": "1",
            },
            stdout=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise BenchError(f"skerry apply: status {child.returncode}")
        return (used.ru_utime + used.ru_stime) * 1000

    def _remove(self, workload: str) -> None:
        url = f"{self._hub.url}/api/v1/workloads/{workload}"
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=MOST_S):
            pass
        wait_for(f"the container of {workload} to go", lambda: not self._containers(), MOST_S)
        wait_for("the executor to end", lambda: not self._executor_runs(), MOST_S)

    def _until_running(self) -> float:
        while True:
            at, data = self._next(REPORTS)
            told = codec.decode(Report, data).instances
            if told and all(one.state is InstanceState.RUNNING for one in told):
                return at

    def _next(self, topic: str) -> tuple[float, bytes]:
        try:
            while True:
                at, heard, data = self._heard.get(timeout=MOST_S)
                if heard == topic:
                    return at, data
        except queue.Empty:
            raise BenchError(f"{topic}: nothing within {MOST_S:g} s") from None

    def _drain(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._heard.get_nowait()

    def _containers(self) -> list[str]:
        found = self._podman.ask("GET", "/v1.41/containers/json?all=true")
        return [one["Id"] for one in found]

    def _only_container(self) -> str:
        found = self._containers()
        if len(found) != 1:
            raise LabError(f"{len(found)} containers run, not one")
        return found[0]

    def _times(self, container: str) -> tuple[float, float]:
        """Return when it was created and started, in seconds since 1970."""
        told = self._podman.ask("GET", f"/v4.0.0/libpod/containers/{container}/json")
        return _seconds(told["Created"]), _seconds(told["State"]["StartedAt"])

    def _executor_runs(self) -> bool:
        assert self._box.executor is not None
        pid = self._box.executor.pid
        return bool(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())

    def _worked(self) -> dict[str, float]:
        """Return the milliseconds of processor time that each part has taken since its start."""
        parts = {
            "hub": self._hub.process,
            "broker": self._broker.process,
            "agent": self._box.agent,
        }
        worked = {part: _own_ms(one.pid) for part, one in parts.items() if one is not None}
        assert self._box.executor is not None
        return {**worked, "executor": _childrens_ms(self._box.executor.pid)}


def _own_ms(pid: int) -> float:
    """Return a process's own processor time: of each of its threads, in nanoseconds."""
    places = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(place.read_text().split()[0]) for place in places) / 1e6


def _childrens_ms(pid: int) -> float:
    """Return the processor time of a process's children that have ended, to 10 ms each way."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * 1000 / os.sysconf("SC_CLK_TCK")


def _seconds(told: str) -> float:
    # Nanoseconds are more digits than Python takes.
    day, _, rest = told.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :].replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(f"{day}.{digits[:6]:0<6}{zone}").timestamp()
