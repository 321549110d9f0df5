"""Hardware watchdogs. Their nodes are never opened: that starts one, and then it resets the box."""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes.kernel_text import short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Watchdog

CLASS = "/sys/class/watchdog"
IN_SOFTWARE = "Software Watchdog"
"""How the module softdog names itself."""

_WATCHDOG = re.compile(r"watchdog([0-9]{1,4})\Z")


@frozen()
class RawWatchdog:
    """One watchdog. Old kernels tell no identity; the driver names it then."""

    name: str
    identity: str | None
    driver: str | None


@frozen()
class RawWatchdogs:
    """All of them. `trouble` says why they could not be listed."""

    watchdogs: tuple[RawWatchdog, ...]
    trouble: str | None


def read(host: Host) -> RawWatchdogs:
    """Collect the texts."""
    names = host.names(CLASS)
    if not isinstance(names, tuple):
        return RawWatchdogs((), names.reason if isinstance(names, Unreadable) else None)
    return RawWatchdogs(
        tuple(
            RawWatchdog(
                n, host.text(f"{CLASS}/{n}/identity"), host.link(f"{CLASS}/{n}/device/driver")
            )
            for n in names
            if _WATCHDOG.match(n)
        ),
        None,
    )


def parse(raw: RawWatchdogs) -> Found[tuple[Watchdog, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{CLASS} {raw.trouble}")
    found = [
        Watchdog(name=dog.name, path=f"/dev/{dog.name}", label=short(dog.identity or dog.driver))
        for dog in raw.watchdogs
        if dog.identity != IN_SOFTWARE
    ]
    if not found:
        return Absent(f"{CLASS} lists no hardware watchdog")
    return Found(tuple(sorted(found, key=lambda dog: _number(dog.name)))[:16])


def _number(name: str) -> int:
    match = _WATCHDOG.match(name)
    return int(match[1]) if match else 0
