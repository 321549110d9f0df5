"""Bluetooth controllers."""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import attachment
from skerry_agent.probes.kernel_text import short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Bluetooth

CLASS = "/sys/class/bluetooth"
_CONTROLLER = re.compile(r"hci[0-9]{1,4}\Z")
_BUSES = (("/usb", "usb"), ("/mmc", "sdio"), ("/pci", "pci"), ("/serial", "uart"), ("/tty", "uart"))


@frozen()
class RawBluetooth:
    """The controllers: name and place in the tree of devices."""

    controllers: tuple[tuple[str, str | None], ...]
    trouble: str | None


def read(host: Host) -> RawBluetooth:
    """Collect the texts."""
    names = host.names(CLASS)
    if not isinstance(names, tuple):
        return RawBluetooth((), names.reason if isinstance(names, Unreadable) else None)
    found = tuple((n, host.target(f"{CLASS}/{n}")) for n in names if _CONTROLLER.match(n))
    return RawBluetooth(found, None)


def parse(raw: RawBluetooth) -> Found[tuple[Bluetooth, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{CLASS} {raw.trouble}")
    if not raw.controllers:
        return Absent(f"{CLASS} lists no controller")
    found = [
        Bluetooth(name=short(name) or "?", bus=_bus(place), address=_address(place))
        for name, place in raw.controllers
    ]
    return Found(tuple(sorted(found, key=lambda controller: controller.name))[:32])


def _bus(place: str | None) -> str | None:
    found = [((place or "").rfind(sign), bus) for sign, bus in _BUSES if sign in (place or "")]
    return max(found)[1] if found else None  # the nearest: some UARTs are functions on PCI


def _address(place: str | None) -> str | None:
    """Return where what carries the controller hangs: the controller is the path's last step."""
    above = (place or "").rpartition("/")[0]
    return attachment.of(above.removesuffix("/bluetooth")).address
