"""The QEMU machine as a box of a fleet: the agent runs in it as its own unit, on a real broker."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lab.broker import Mosquitto
from lab.install import ROOT
from lab.processes import LabError, wait_for
from lab.qemu import HOST_SEEN_FROM_GUEST, Machine
from lab.qemu_image import LIBRARY
from skerry_wire import codec, topics
from skerry_wire.capability import Capability
from skerry_wire.topics import NodeTopic

NODE = "qemu-box"
LIBRARIES = tuple(f"/{LIBRARY}/{name}" for name in ("skerry_wire", "skerry_agent"))
START_S = 180.0
VOLATILE = ("available_bytes", "value")
"""What `capability` shows of a running box, and no message holds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """A capability as it arrived here, and when (this machine's monotonic clock)."""

    at_s: float
    hardware: dict[str, Any]


class Listener:
    """Hears the node's capabilities."""

    def __init__(self, broker: Mosquitto) -> None:
        """Connect and subscribe."""
        self.heard: list[Published] = []
        self._changed = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", broker.port)
        self._client.subscribe(str(topics.Node(NODE, NodeTopic.CAPABILITY)), qos=1)
        self._client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        at_s = time.monotonic()
        told = codec.decode(Capability, message.payload)
        plain = codec.to_plain(told.hardware, nulls=True)
        with self._changed:
            self.heard.append(Published(at_s, plain))
            self._changed.notify_all()

    def wait(self, known: int, timeout_s: float) -> None:
        """Return when more than `known` capabilities were heard, or after the time."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.heard) > known, timeout_s)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


class QemuBox:
    """Broker, machine and agent. `with` starts and ends them all."""

    def __init__(self, folder: pathlib.Path) -> None:
        """`folder` takes logs and sockets."""
        self._broker = Mosquitto(folder / "broker")
        settings = (
            f'broker = "mqtt://{HOST_SEEN_FROM_GUEST}:{self._broker.port}"\n'
            f'node_id = "{NODE}"\n[labels]\n"example.org/place" = "lab"\n'
        )
        profile = ROOT / "packaging" / "debian" / "apparmor" / "skerry-agent"
        files = {
            "etc/skerry/agent.toml": settings.encode("ascii"),
            "etc/apparmor.d/skerry-agent": profile.read_bytes(),
        }
        self.machine = Machine(folder, files)

    def __enter__(self) -> QemuBox:
        self._broker.start()
        try:
            self.listener = Listener(self._broker)
            self.machine.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.stop()
        self._broker.stop()
        if hasattr(self, "listener"):
            self.listener.close()

    def start_agent(self) -> None:
        """Start the agent as its unit, and wait until it has told what the slow look found."""
        guest = self.machine.guest
        guest.run("systemctl", "is-system-running", "--wait", check=False)
        guest.ask("settle", quiet_s=2.0, most_s=60.0)
        # As a package would: an emulated processor takes long to compile.
        guest.run("python3", "-m", "compileall", "-q", *LIBRARIES)
        guest.run("systemd-sysusers")
        guest.run("apparmor_parser", "--replace", "/etc/apparmor.d/skerry-agent")
        guest.run("systemctl", "start", "skerry-agent.service")

        def whole() -> bool:
            heard = self.listener.heard
            return bool(heard) and "cpuinfo" in heard[-1].hardware["probes"]

        try:
            wait_for("the agent in the guest to tell its hardware", whole, START_S)
        except LabError as error:
            log = guest.run("journalctl", "-b", "-u", "skerry-agent", "--no-pager", check=False)
            raise LabError(f"{error}\n{log[-3000:]}") from None
        self._must_be_confined()

    def _must_be_confined(self) -> None:
        """Raise LabError unless AppArmor holds the agent, and has had nothing to keep it from.

        A profile that only complains says ALLOWED of what it would have denied.
        """
        guest = self.machine.guest
        pid = guest.run("systemctl", "show", "-P", "MainPID", "skerry-agent.service").strip()
        confined = guest.run("cat", f"/proc/{pid}/attr/current").strip()
        kernel = guest.run("journalctl", "-b", "-k", "--no-pager", check=False).splitlines()
        verdicts = ('apparmor="DENIED"', 'apparmor="ALLOWED"')
        own = [line for line in kernel if 'profile="skerry-agent"' in line]
        against = [line for line in own if any(verdict in line for verdict in verdicts)]
        if not confined.startswith("skerry-agent (") or against:
            raise LabError("\n".join((f"AppArmor: {confined}", *against[:20])))

    def fresh(self) -> dict[str, Any]:
        """Return what a fresh process reads in the guest now, without what no message holds."""
        return without_volatile(json.loads(self.machine.guest.agent("capability", "--json")))

    def clock_offset_s(self) -> float:
        """Return what to add to the guest's monotonic clock to get this machine's."""
        best = (1e9, 0.0)
        for _ in range(9):
            before_s = time.monotonic()
            guest_s = self.machine.guest.ask("now")["now_s"]
            after_s = time.monotonic()
            best = min(best, (after_s - before_s, (before_s + after_s) / 2 - guest_s))
        return best[1]


def without_volatile(told: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a message from what `capability --json` prints."""
    for name in ("filesystems", "sensors"):
        for one in told.get(name, ()):
            for volatile in VOLATILE:
                one.pop(volatile, None)
    for status in told["probes"].values():
        del status["duration_ms"]
    return told


def differences(here: Any, there: Any, path: str = "") -> list[str]:
    """Return, line by line, where two values of JSON differ."""
    if isinstance(here, dict) and isinstance(there, dict):
        keys = sorted({*here, *there})
        return [
            line for k in keys for line in differences(here.get(k), there.get(k), f"{path}.{k}")
        ]
    if isinstance(here, list) and isinstance(there, list):
        left = [one for one in here if one not in there]
        right = [one for one in there if one not in here]
        if left or right:
            return [f"{path[1:]}: only published {left}, only read {right}"]
        return [] if here == there else [f"{path[1:]}: another order"]
    return [] if here == there else [f"{path[1:]}: published {here!r}, read {there!r}"]
