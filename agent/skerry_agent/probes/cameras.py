"""Video capture devices, one for each camera however many nodes it has."""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import attachment, usb
from skerry_agent.probes.kernel_text import pairs
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Camera

VIDEO = "/sys/class/video4linux"
UDEV = "/run/udev/data"
FIRMWARE_CAMERA = "mmal service"
_NODE = re.compile(r"video([0-9]{1,4})\Z")
_NUMBER = re.compile(r"[0-9]{1,5}:[0-9]{1,8}\Z")
_NOT_A_CAMERA = re.compile(
    r"(?:codec|-enc\b|-dec\b|encod|decod|isp(?!lay)|scaler|loopback|hevc|vpu)", re.I
)


@frozen()
class RawCamera:
    """One video node; those of one camera share `device`."""

    node: str
    name: str | None
    device: str | None
    capabilities: str | None = None
    """What udev found that the node can do, `:capture:` of a camera; None where it did not ask."""


@frozen()
class RawCameras:
    """All video nodes."""

    nodes: tuple[RawCamera, ...]
    trouble: str | None


def read(host: Host) -> RawCameras:
    """Collect the texts."""
    names = host.names(VIDEO)
    if not isinstance(names, tuple):
        return RawCameras((), names.reason if isinstance(names, Unreadable) else None)
    return RawCameras(tuple(_read_node(host, name) for name in names if _NODE.match(name)), None)


def _read_node(host: Host, node: str) -> RawCamera:
    number = host.text(f"{VIDEO}/{node}/dev")
    udev = host.text(f"{UDEV}/c{number}") if number and _NUMBER.match(number) else None
    return RawCamera(
        node=node,
        name=host.text(f"{VIDEO}/{node}/name"),
        device=host.target(f"{VIDEO}/{node}/device"),
        capabilities=pairs(udev).get("E:ID_V4L_CAPABILITIES"),
    )


def parse(raw: RawCameras) -> Found[tuple[Camera, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{VIDEO} {raw.trouble}")
    first: dict[str, Camera] = {}
    for node in sorted(raw.nodes, key=lambda node: (len(node.node), node.node)):
        name = usb.own_name(node.name) or node.node
        if _is_camera(node, name):
            where = attachment.of(node.device)
            camera = Camera(
                name=name, path=f"/dev/{node.node}", bus=where.bus, address=where.address
            )
            first.setdefault(node.device or node.node, camera)
    if not first:
        return Absent(f"{VIDEO} lists no camera")
    return Found(tuple(sorted(first.values(), key=lambda camera: camera.path))[:128])


def _is_camera(node: RawCamera, name: str) -> bool:
    """Say whether a node gives pictures of its own."""
    if node.capabilities is not None and ":capture:" not in node.capabilities:
        return False  # metadata of another node, or an infrared lamp's half of a camera
    if node.device is None:
        # Made by a program, but for the Raspberry Pi's camera under its old driver.
        return name.startswith(FIRMWARE_CAMERA)
    # Codecs and scalers only pass on what programs give them.
    return not any(_NOT_A_CAMERA.search(text) for text in (name, node.device.rpartition("/")[2]))
