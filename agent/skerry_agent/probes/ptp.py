"""Clocks that the Precision Time Protocol can set.

Several Ethernet drivers name their clock by the card's address: such a name is not told.
"""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import attachment
from skerry_agent.probes.kernel_text import unaddressed
from skerry_agent.probes.nics import public_name
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import PtpClock

CLASS = "/sys/class/ptp"
NET = "/sys/class/net"
_CLOCK = re.compile(r"ptp([0-9]{1,6})\Z")


@frozen()
class RawClock:
    """One clock; `device` is the path of the device that has it."""

    name: str
    label: str | None
    device: str | None


@frozen()
class RawClocks:
    """All clocks, and the devices of the network interfaces if there is any clock."""

    clocks: tuple[RawClock, ...]
    interfaces: tuple[tuple[str, str], ...]
    trouble: str | None


def read(host: Host) -> RawClocks:
    """Collect the texts."""
    names = host.names(CLASS)
    if not isinstance(names, tuple):
        return RawClocks((), (), names.reason if isinstance(names, Unreadable) else None)
    clocks = tuple(
        RawClock(n, host.text(f"{CLASS}/{n}/clock_name"), host.target(f"{CLASS}/{n}/device"))
        for n in names
        if _CLOCK.match(n)
    )
    found = ((n, host.target(f"{NET}/{n}/device")) for n in (host.entries(NET) if clocks else ()))
    return RawClocks(clocks, tuple((n, device) for n, device in found if device), None)


def parse(raw: RawClocks) -> Found[tuple[PtpClock, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{CLASS} {raw.trouble}")
    if not raw.clocks:
        return Absent(f"{CLASS} lists no clock")
    clocks = [
        PtpClock(
            name=clock.name,
            path=f"/dev/{clock.name}",
            label=unaddressed(clock.label),
            interfaces=_interfaces(clock, raw.interfaces),
        )
        for clock in raw.clocks
    ]
    return Found(tuple(sorted(clocks, key=lambda clock: _number(clock.name)))[:128])


def _interfaces(clock: RawClock, interfaces: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    names = (
        public_name(name, attachment.of(device).address)
        for name, device in interfaces
        if device == clock.device
    )
    return tuple(sorted(name for name in names if name))[:32]


def _number(name: str) -> int:
    match = _CLOCK.match(name)
    return int(match[1]) if match else 0
