"""Video capture devices, one for each camera however many nodes it has."""

from __future__ import annotations

import dataclasses
import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes.kernel_text import short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.hardware import Camera

VIDEO = "/sys/class/video4linux"
_NODE = re.compile(r"video([0-9]{1,4})\Z")
_NOT_A_CAMERA = re.compile(
    r"(?:codec|-enc\b|-dec\b|encod|decod|isp|scaler|loopback|hevc|vpu)", re.I
)


@dataclasses.dataclass(frozen=True, slots=True)
class RawCamera:
    """One video node; those of one camera share `device`."""

    node: str
    name: str | None
    device: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class RawCameras:
    """All video nodes."""

    nodes: tuple[RawCamera, ...]
    trouble: str | None


def read(host: Host) -> RawCameras:
    """Collect the texts."""
    names = host.names(VIDEO)
    if not isinstance(names, tuple):
        return RawCameras((), names.reason if isinstance(names, Unreadable) else None)
    nodes = tuple(
        RawCamera(n, host.text(f"{VIDEO}/{n}/name"), host.target(f"{VIDEO}/{n}/device"))
        for n in names
        if _NODE.match(n)
    )
    return RawCameras(nodes, None)


def parse(raw: RawCameras) -> Found[tuple[Camera, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{VIDEO} {raw.trouble}")
    first: dict[str, Camera] = {}
    for node in sorted(raw.nodes, key=lambda node: (len(node.node), node.node)):
        name = short(node.name) or node.node
        # A node without a device is made by a program; codecs and scalers only pass frames on.
        if node.device is not None and not _NOT_A_CAMERA.search(name):
            first.setdefault(node.device, Camera(name=name, path=f"/dev/{node.node}"))
    if not first:
        return Absent(f"{VIDEO} lists no camera")
    return Found(tuple(sorted(first.values(), key=lambda camera: camera.path))[:128])
