"""Serial ports that have hardware behind them: UARTs of the board, and adapters on USB.

A kernel makes dozens of ports in advance (`ttyS0` to `ttyS31`); those that no hardware answers
for are placeholders. Consoles, pseudo terminals and links over Bluetooth are no ports either.
No port is ever opened: that would move its control lines.
"""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import attachment
from skerry_agent.probes.kernel_text import count, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import SerialPort

TTY = "/sys/class/tty"
MOST_READ = 1024
UNKNOWN_UART = 0
"""The kernel's PORT_UNKNOWN: nothing answered at the port's registers."""

_NO_PORT = re.compile(r"(?:tty|console|ptmx|rfcomm[0-9]+|tty[0-9]+|pty.*|ttyprintk)\Z")
_PLACEHOLDERS = "serial8250"
"""The device that holds the ports made in advance."""

_NUMBER = re.compile(r"[0-9]+\Z")


@frozen()
class RawPort:
    """One terminal that has a device. `place` is the real device's path in the tree."""

    name: str
    place: str | None
    driver: str | None
    uart: str | None


@frozen()
class RawPorts:
    """All of them. `trouble` says why they could not be listed."""

    ports: tuple[RawPort, ...]
    trouble: str | None


def read(host: Host) -> RawPorts:
    """Collect the texts."""
    names = host.names(TTY)
    if not isinstance(names, tuple):
        return RawPorts((), names.reason if isinstance(names, Unreadable) else None)
    real = [name for name in names if not _NO_PORT.match(name)]
    with_device = [name for name in real if host.exists(f"{TTY}/{name}/device")]
    return RawPorts(tuple(_read_port(host, name) for name in with_device[:MOST_READ]), None)


def _read_port(host: Host, name: str) -> RawPort:
    place = attachment.device(host.target(f"{TTY}/{name}/device"))
    return RawPort(
        name=name,
        place=place or None,
        driver=host.link(f"{place}/driver") if place else None,
        uart=host.text(f"{TTY}/{name}/type"),
    )


def parse(raw: RawPorts) -> Found[tuple[SerialPort, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{TTY} {raw.trouble}")
    ports = [_port(port) for port in raw.ports if _is_real(port)]
    if not ports:
        return Absent(f"{TTY} lists no port with hardware behind it")
    return Found(tuple(sorted(ports, key=lambda port: order(port.name)))[:256])


def order(name: str) -> tuple[str, int, str]:
    """Return what sorts numbered names as people count them: ttyS2 before ttyS10."""
    digits = _NUMBER.search(name)
    return name[: digits.start()] if digits else name, int(digits[0]) if digits else -1, name


def _is_real(raw: RawPort) -> bool:
    if raw.place is None or raw.driver is None:
        return False
    uart = count(raw.uart)
    if uart == UNKNOWN_UART:
        return False
    # Of a placeholder only the kernel's own word says that there is something after all.
    return uart is not None or raw.place.rpartition("/")[2] != _PLACEHOLDERS


def _port(raw: RawPort) -> SerialPort:
    where = attachment.of(raw.place)
    return SerialPort(
        name=short(raw.name) or "?",
        path=f"/dev/{raw.name}",
        driver=short(raw.driver),
        bus=where.bus,
        address=where.address,
    )
