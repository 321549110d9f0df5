"""A hub and boxes on this machine, each made of the real programs."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from typing import Any

from lab.broker import Mosquitto
from lab.processes import LabError, Process, free_port, wait_for

POLICY = """\
# What this box lets a hub do: images that were made on the spot, and little else.
[images]
allow = ["localhost"]
"""


def module(name: str, *words: str) -> list[str]:
    """Return the command line of one of Skerry's programs."""
    return [sys.executable, "-m", name, *words]


class Hub:
    """One hub with its data folder; its own mosquitto, or the one it is given."""

    def __init__(
        self,
        folder: pathlib.Path,
        broker: Mosquitto | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """`start` starts it; `options` are further ones of its command line."""
        self.folder = folder
        self._options = options
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._broker = broker
        self.mqtt_port = broker.port if broker else free_port()
        self.process: Process | None = None

    @property
    def broker_url(self) -> str:
        """Return where the boxes find the broker."""
        return f"mqtt://127.0.0.1:{self.mqtt_port}"

    @property
    def key(self) -> str:
        """Return the public key of its orders, in base64."""
        return (self.folder / "data" / "order-key.pub").read_text().strip()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        where = ["--broker", self.broker_url] if self._broker else []
        if not where and not any(one.startswith("--broker=") for one in self._options):
            where = ["--mqtt-port", str(self.mqtt_port)]
        data = str(self.folder / "data")
        # Who may ask is another test's matter, and the API is on loopback.
        where = [*where, "--listen", f"127.0.0.1:{self.port}", "--auth", "off", *self._options]
        command = module("skerry_hub.main", "serve", "--data", data, *where)
        self.process = Process("hub", command, self.folder)
        self.wait()

    def wait(self) -> None:
        """Wait until the API answers."""

        def look() -> bool:
            assert self.process is not None
            if not self.process.alive:
                raise LabError("the hub ended")
            try:
                self.get("/healthz")
            except OSError:
                return False
            return True

        try:
            wait_for("the hub to answer", look)
        except LabError as error:
            assert self.process is not None
            raise LabError(f"{error}:\n{self.process.log()[-3000:]}") from None

    def get(self, path: str) -> Any:
        """Return the JSON that the API gives, or raise OSError."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith((b"{", b"[")) else text

    def cli(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `skerry` against this hub."""
        done = subprocess.run(
            module("skerry_cli", *words),
            capture_output=True,
            text=True,
            env={**os.environ, "SKERRY_HUB": self.url, "NO_COLOR": "1"},
            check=False,
        )
        if check and done.returncode:
            raise LabError(
                f"skerry {' '.join(words)}: {done.returncode}\n{done.stderr}{done.stdout}"
            )
        return done

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None:
            self.process.stop()


class Box:
    """One box: an agent and an executor, on a podman or docker socket."""

    def __init__(
        self,
        folder: pathlib.Path,
        broker_url: str,
        runtime: pathlib.Path,
        node: str = "box-1",
        python: str = sys.executable,
    ) -> None:
        """`start` starts it; `trust` must have been called once before an order can pass."""
        self.folder = folder
        self.node = node
        self._python = python
        (folder / "keys").mkdir(parents=True, exist_ok=True)
        (folder / "policy.toml").write_text(POLICY)
        self.socket = folder / "executor.sock"
        self._agent_environment = {
            "SKERRY_AGENT_BROKER": broker_url,
            "SKERRY_AGENT_NODE_ID": node,
            "SKERRY_AGENT_STATE": str(folder / "agent"),
            "SKERRY_AGENT_EXECUTOR": str(self.socket),
            "SKERRY_AGENT_CONTROL": str(folder / "control.sock"),
            "SKERRY_AGENT_RUNTIME_SOCKET": str(runtime),
            "SKERRY_AGENT_HEARTBEAT_S": "1",
        }
        self._executor_environment = {
            "SKERRY_EXECUTOR_STATE": str(folder / "executor"),
            "SKERRY_EXECUTOR_RUN": str(folder / "run-executor"),
            "SKERRY_EXECUTOR_POLICY": str(folder / "policy.toml"),
            "SKERRY_EXECUTOR_KEYS": str(folder / "keys"),
            "SKERRY_EXECUTOR_APPROVAL_KEYS": str(folder / "approval-keys"),
            "SKERRY_EXECUTOR_RUNTIME_SOCKET": str(runtime),
        }
        self.agent: Process | None = None
        self.executor: Process | None = None

    def trust(self, key: str) -> None:
        """Let orders of this key pass."""
        base64.b64decode(key, validate=True)
        (self.folder / "keys" / "hub.pub").write_text(key + "\n")

    def start(self) -> None:
        """Start executor and agent."""
        self.start_executor()
        self.start_agent()

    def start_executor(self) -> None:
        """Serve the executor's socket, as systemd would."""
        command = [
            self._python,
            "-m",
            "skerry_executor.main",
            "listen",
            "--socket",
            str(self.socket),
        ]
        self.executor = Process("executor", command, self.folder, self._executor_environment)
        wait_for("the executor's socket", self.socket.exists)

    def start_activated_executor(self, **environment: str) -> None:
        """Have a run of the executor started anew for each visit, as on a box with systemd."""
        command = [*module("lab.activation", str(self.socket))]
        command += [self._python, "-m", "skerry_executor.main", "run"]
        given = {**self._executor_environment, "SKERRY_EXECUTOR_IDLE": "0.1", **environment}
        self.executor = Process("executor", command, self.folder, given)
        wait_for("the executor's socket", self.socket.exists)

    def start_agent(self, **environment: str) -> None:
        """Start the agent."""
        command = [self._python, "-m", "skerry_agent.main", "run"]
        self.agent = Process(
            "agent", command, self.folder, {**self._agent_environment, **environment}
        )

    def allow(self, policy: str) -> None:
        """Give the box another policy, and have the agent tell the hub, as a reload does."""
        (self.folder / "policy.toml").write_text(policy)
        if self.agent is not None:
            os.kill(self.agent.pid, signal.SIGHUP)

    def status(self) -> str:
        """Return what the agent says of itself."""
        control = self._agent_environment["SKERRY_AGENT_CONTROL"]
        words = [self._python, "-m", "skerry_agent.main", "status", "--control", control]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout

    def kill_agent(self) -> None:
        """End the agent as a power cut would."""
        assert self.agent is not None
        self.agent.kill()

    def stop(self) -> None:
        """End agent and executor; what runs keeps running."""
        for process in (self.agent, self.executor):
            if process is not None:
                process.stop()
