"""I2C and SMBus adapters. No adapter is opened: a probe on the bus can upset what hangs there."""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes.kernel_text import short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import I2cBus

BUS = "/sys/bus/i2c/devices"
NODES = "/sys/class/i2c-dev"
"""Adapters that the module i2c-dev gives programs a device node of."""

MOST_BUSES = 128
_ADAPTER = re.compile(r"i2c-([0-9]{1,6})\Z")


@frozen()
class RawBus:
    """One adapter."""

    name: str
    label: str | None
    has_node: bool


@frozen()
class RawBuses:
    """All adapters. `trouble` says why they could not be listed."""

    buses: tuple[RawBus, ...]
    trouble: str | None


def read(host: Host) -> RawBuses:
    """Collect the texts."""
    names = host.names(BUS)
    if not isinstance(names, tuple):
        return RawBuses((), names.reason if isinstance(names, Unreadable) else None)
    adapters = sorted(filter(_ADAPTER.match, names), key=_number)[:MOST_BUSES]
    return RawBuses(
        tuple(
            RawBus(name, host.text(f"{BUS}/{name}/name"), host.exists(f"{NODES}/{name}"))
            for name in adapters
        ),
        None,
    )


def parse(raw: RawBuses) -> Found[tuple[I2cBus, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{BUS} {raw.trouble}")
    if not raw.buses:
        return Absent(f"{BUS} lists no adapter")
    return Found(
        tuple(
            I2cBus(
                name=bus.name,
                label=short(bus.label),
                path=f"/dev/{bus.name}" if bus.has_node else None,
            )
            for bus in sorted(raw.buses, key=lambda bus: _number(bus.name))
        )
    )


def _number(name: str) -> int:
    match = _ADAPTER.match(name)
    return int(match[1]) if match else 0
