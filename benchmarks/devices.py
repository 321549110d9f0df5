"""How long the hub needs to list devices of a large fleet: to find some, and to tell many."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from benchmarks.nodes import INCARNATION, node_name
from benchmarks.row import Row, at_most, median, say, spread
from skerry_hub.api.app import DEVICES
from skerry_hub.api.bodies import items_of
from skerry_hub.device_list import Wanted, device_views
from skerry_hub.model import Liveness, Node
from skerry_hub.state import Known
from skerry_wire.capability import Capability
from skerry_wire.hardware import (
    Accelerator,
    Camera,
    Disk,
    Hardware,
    Nic,
    PciFunction,
    SerialPort,
    System,
    UsbDevice,
)

NODES = 10_000
RUNS = 5


def measure() -> list[Row]:
    """List devices of boxes that have twenty each, as the API does."""
    known = Known([_box(number) for number in range(NODES)])
    nodes = list(known.nodes.values())
    say(f"devices of {NODES:,} boxes")

    def tell(wanted: Wanted) -> None:
        found = itertools.islice(device_views(known, nodes, wanted), DEVICES)
        items_of(list(found), more=True)

    fleet = f"devices of {NODES:,} boxes with 20 each"
    return [
        _row(f"{fleet}: the first {DEVICES:,}", lambda: tell(Wanted())),
        _row(f"{fleet}: all of a vendor that none has", lambda: tell(Wanted(vendor="none"))),
    ]


def _row(what: str, work: Callable[[], None]) -> Row:
    found = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return at_most(what, median(found), 2000, "ms", note=spread(found))


def _box(number: int) -> Node:
    hardware = Hardware(
        system=System(hostname=node_name(number)),
        accelerators=(
            Accelerator(kind="gpu", vendor="nvidia", model="L4", bus="pci", address="0000:05:00.0"),
        ),
        cameras=tuple(Camera(name="camera", path=f"/dev/video{n}") for n in range(3)),
        serial_ports=tuple(
            SerialPort(name=f"ttyUSB{n}", path=f"/dev/ttyUSB{n}", bus="usb", address=f"1-{n}")
            for n in range(6)
        ),
        nics=tuple(
            Nic(name=f"eth{n}", hardware=True, kind="ethernet", address=f"0000:0{n}:00.0")
            for n in range(4)
        ),
        storage=tuple(Disk(name=f"nvme{n}n1", transport="nvme") for n in range(4)),
        usb=tuple(UsbDevice(path=f"1-{n}", vendor="0403", product="6001") for n in range(8)),
        pci=tuple(
            PciFunction(address=f"0000:{n:02x}:00.0", vendor="8086", device="15f3", class_="0200")
            for n in range(20)
        ),
    )
    capability = Capability(
        incarnation=INCARNATION, boot=1, seq=1, revision="00ff00ff", hardware=hardware
    )
    return Node(
        id=node_name(number),
        incarnation=INCARNATION,
        registered_at=0.0,
        capability=capability,
        liveness=Liveness.ONLINE,
    )
