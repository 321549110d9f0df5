"""Devices that a container names, by path or by CDI name: only boxes that have them will do. Pure.

Only paths are looked for that the box tells of: those of devices that its probes list.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import ClassVar

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import HARDWARE, Field, field
from skerry_hub.model import Workload
from skerry_hub.placement.refusal import Refusal

PREFIXES: tuple[tuple[str, str], ...] = (
    ("/dev/ttyUSB", "serial_ports.path"),
    ("/dev/ttyACM", "serial_ports.path"),
    ("/dev/video", "cameras.path"),
    ("/dev/gpiochip", "gpio.path"),
    ("/dev/i2c-", "i2c.path"),
    ("/dev/ptp", "ptp.path"),
    ("/dev/watchdog", "watchdogs.path"),
    ("/dev/nvidia", "accelerators.device_nodes"),
    ("/dev/dri/render", "accelerators.device_nodes"),
    ("/dev/hailo", "accelerators.device_nodes"),
    ("/dev/apex_", "accelerators.device_nodes"),
    ("/dev/accel/", "accelerators.device_nodes"),
    ("/dev/xdma", "accelerators.device_nodes"),
)
"""How a path begins, and which field of the hardware lists all of that sort."""


CDI = f"{HARDWARE}cdi_devices"
_UNIQUE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
"""A GPU's unique number, by which no box tells it."""


@dataclasses.dataclass(frozen=True, slots=True)
class HasPath:
    """A node that lists this device node or CDI name; one that lost it keeps what is there."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    path: str
    field: Field

    @property
    def name(self) -> str:
        """Return what people call it."""
        return f"device {self.path}"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.told(self.field).one_of((self.path,), rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what there is instead."""
        facts = columns.facts(row)
        found = [str(one) for one in self.field.values(facts)]
        if self.path in found:
            return
        why = self.field.unknown_because(facts)
        if not facts.is_known or why is not None:
            because = f": {why}" if why else ""
            yield Refusal(f"whether it has {self.path} is not known{because}", is_unknown=True)
        else:
            others = f": {', '.join(found[:5])}" if found else ""
            yield Refusal(f"has no {self.path}, {len(found)} of that sort{others}")


def device_paths_of(workload: Workload) -> list[HasPath]:
    """Return the device nodes that a node must have for a workload's containers."""
    paths = dict.fromkeys(
        device.host for container in workload.containers for device in container.devices
    )
    names = dict.fromkeys(name for one in workload.containers for name in one.cdi_devices)
    named = [HasPath(name, field(CDI)) for name in names if not _UNIQUE.search(name)]
    found = [HasPath(path, known) for path in paths if (known := _field(path)) is not None]
    return [*found, *named]


def _field(path: str) -> Field | None:
    for prefix, name in PREFIXES:
        if path.startswith(prefix):
            return field(f"{HARDWARE}{name}")
    return None
