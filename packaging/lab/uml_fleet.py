"""A hub and whole boxes: user-mode-linux with systemd, podman, agent and executor as packaged."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from lab import beat
from lab.broker import Mosquitto
from lab.fleet import Hub
from lab.processes import LabError, wait_for
from lab.registry import Registry
from lab.uml import GATEWAY, Network, UmlBox

_AGENT = """\
broker = "mqtt://{gateway}:{port}"
node_id = "{node}"
heartbeat_s = {heartbeat_s}
round_trips = false
[labels]
site = "{site}"
group = "{group}"
"""
_POLICY = """\
[images]
allow = ["localhost", "{registry}"]
[privileges]
host_network = true
"""
_REGISTRIES = """\
[[registry]]
location = "{registry}"
insecure = true
"""
_FIRST_BOOT = """\
[Unit]
Description=The lab's images and services, once
After=podman.socket
ConditionPathExists=!/var/lib/lab-images
[Service]
Type=oneshot
ExecStart=/bin/sh /etc/lab-first-boot
[Install]
WantedBy=multi-user.target
"""
_FIRST_BOOT_SCRIPT = """\
set -e
systemd-sysusers
for image in /run/host/images/*.tar; do
    name=$(basename $image .tar)
    podman import -q $image {image}:$name
done
systemctl -q enable --now skerry-executor.socket skerry-agent.service
touch /var/lib/lab-images
sync
"""


class UmlFleet:
    """Boxes on one bridge with the hub, which has this process's network namespace."""

    def __init__(
        self,
        folder: pathlib.Path,
        boxes: int,
        heartbeat_s: float = 5.0,
        hub_options: Sequence[str] = (),
        in_a_group: int = 1,
    ) -> None:
        """`start` starts everything; `heartbeat_s` is every box's.

        So many boxes behind each other have the same label `group`, a number from 1.
        """
        self.folder = folder
        self.network = Network()
        self.network.start()
        self.broker = Mosquitto(folder / "broker", addresses=(GATEWAY,))
        self.hub = Hub(folder / "hub", self.broker, hub_options)
        self.registry = Registry(folder / "registry", host=GATEWAY)
        self._heartbeat_s = heartbeat_s
        self._count, self._in_a_group = boxes, in_a_group
        self.boxes: list[UmlBox] = []
        self.beats = beat.Listener(GATEWAY)

    def start(self) -> None:
        """Start broker, hub and boxes, and wait until each box is known."""
        self.broker.start()
        self.registry.start()
        self.hub.start()
        for number in range(1, self._count + 1):
            self.boxes.append(self._box(number))
        for box in self.boxes:
            box.start()
        for box in self.boxes:
            box.wait(180)
            self._until_known(box)

    def _until_known(self, box: UmlBox) -> None:
        """Wait until the hub knows the box with its runtime."""

        def look() -> bool:
            found = self.node(box.name)
            return bool(found and found["node"]["runtimes"])

        wait_for(f"{box.name} to join with its runtime", look, 180)

    def _box(self, number: int) -> UmlBox:
        box = UmlBox(self.folder / f"box-{number}", self.network, number)
        images = box.host / "images"
        images.mkdir()
        for revision, healthy in (("good", True), ("better", True), ("bad", False)):
            tar = beat.image_tar(GATEWAY, revision, healthy)
            (images / f"{revision}.tar").write_bytes(tar)
        agent = _AGENT.format(
            gateway=GATEWAY,
            port=self.broker.port,
            node=box.name,
            heartbeat_s=self._heartbeat_s,
            site=f"site-{number}",
            group=(number - 1) // self._in_a_group + 1,
        )
        box.write("/etc/skerry/agent.toml", agent)
        registry = self.registry.address
        box.write("/etc/skerry/policy.toml", _POLICY.format(registry=registry))
        known = _REGISTRIES.format(registry=registry)
        box.write("/etc/containers/registries.conf.d/lab.conf", known)
        box.write("/etc/skerry/trusted-keys.d/hub.pub", self.hub.key + "\n")
        box.write("/etc/systemd/system/lab-first-boot.service", _FIRST_BOOT)
        box.write("/etc/lab-first-boot", _FIRST_BOOT_SCRIPT.format(image=beat.IMAGE))
        wants = box.files / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants / "lab-first-boot.service").symlink_to("/etc/systemd/system/lab-first-boot.service")
        return box

    def node(self, name: str) -> dict[str, Any] | None:
        """Return what the hub says of a node; None where it knows none such."""
        done = self.hub.cli("describe", "node", name, "-o", "json", check=False)
        if done.returncode:
            return None
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def write(self, text: str, project: str = "lab") -> pathlib.Path:
        """Return a compose file of this content."""
        place = self.folder / f"{project}.yaml"
        place.write_text(text)
        return place

    def apply(self, text: str, project: str = "lab") -> subprocess.CompletedProcess[str]:
        """Apply a compose file, and wait for nothing."""
        return self.hub.cli("apply", "-f", str(self.write(text, project)), "--project", project)

    def beating(self, since_s: float) -> set[tuple[str, str, str]]:
        """Return box, instance and revision of what was heard since then."""
        return {(one.box, one.instance, one.revision) for one in self.beats.since(since_s)}

    def until_beating(self, what: str, test: Any, timeout_s: float = 120.0) -> float:
        """Wait until what is heard now satisfies a test; return how long that took."""
        begun = time.monotonic()
        while not test(self.beating(max(begun, time.monotonic() - 1.5))):
            if time.monotonic() - begun > timeout_s:
                heard = sorted(self.beating(time.monotonic() - 1.5))
                raise LabError(f"{what}: not within {timeout_s:g} s; heard {heard}")
            time.sleep(0.2)
        return time.monotonic() - begun

    def stop(self) -> None:
        """End everything."""
        for box in self.boxes:
            box.stop()
        self.hub.stop()
        self.registry.stop()
        self.broker.stop()
        self.network.stop()


def service(revision: str, name: str = "beat", image: str = "", **keys: Any) -> str:
    """Return a compose file of one service that beats; `keys` are further lines of it, as YAML."""
    lines = [
        "services:",
        f"  {name}:",
        f"    image: {image or f'{beat.IMAGE}:{revision}'}",
        "    command: [/bin/beat]",
        "    network_mode: host",
        f"    environment: {{REVISION: {revision}, INSTANCE: {name}}}",
        "    stop_grace_period: 1s",
        *(f"    {key.replace('_', '-')}: {value}" for key, value in keys.items()),
    ]
    return "\n".join(lines) + "\n"
