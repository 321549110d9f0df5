"""Where a device hangs: its bus and its address there, read from its path in the tree of devices.

A path such as `/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0/ttyUSB0` tells both.
Used by the probes of what may hang on any bus. Pure.
"""

from __future__ import annotations

import re
from typing import Final

from skerry_agent.probes.kernel_text import line
from skerry_wire.frozen import frozen


@frozen()
class Attachment:
    """A bus by the kernel's name, and an address on it. None where the path does not tell."""

    bus: str | None = None
    address: str | None = None


NOWHERE: Final = Attachment()
MOST_STEPS = 64

_KNOWN_BUSES = (
    ("pci", re.compile(r"([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\Z")),
    ("usb", re.compile(r"([0-9]+-[0-9]+(?:\.[0-9]+)*)(?::[0-9]+\.[0-9]+)?\Z")),
    ("sdio", re.compile(r"(mmc[0-9]+:[0-9a-f]{4}(?::[0-9]+)?)\Z")),
    ("spi", re.compile(r"(spi[0-9]+\.[0-9]+)\Z")),
    ("i2c", re.compile(r"([0-9]+-[0-9a-f]{4})\Z")),
    ("ccw", re.compile(r"([0-9a-f]\.[0-9a-f]\.[0-9a-f]{4})\Z")),
    ("xen", re.compile(r"((?:vif|vbd|console)-[0-9]+)\Z")),
)
_PNP = re.compile(r"[0-9a-f]{2}:[0-9a-f]{2}\Z")
_VMBUS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z|vmbus_[0-9]+\Z")
_BETWEEN = re.compile(
    r"(?:virtio|tty(?:USB|ACM)|wwan|mhi|t7xx|usb|rproc|remoteproc|pci[0-9a-f]{4}:)[0-9a-f]+\Z"
    r"|(?:tty|net|wwan|mdio_bus|mmc_host|spi_master|usbmisc|nvme)\Z"
    r"|(?:host|session|ata|nvme|link)[0-9]+\Z|(?:target|rport-|port-|end_device-)[0-9:-]+\Z"
    r"|[0-9]+:[0-9]+:[0-9]+:[0-9]+\Z"
)
"""Steps that are no place of their own: what they carry hangs where they do."""


def of(place: str | None) -> Attachment:
    """Return where the device at a path hangs, by the nearest step that is an address."""
    steps = device(place).split("/")[-MOST_STEPS:]
    for number in range(len(steps) - 1, -1, -1):
        step = steps[number]
        for bus, pattern in _KNOWN_BUSES:
            match = pattern.match(step)
            # An I2C address looks like a USB port; the adapter before it tells them apart.
            if match and (bus != "usb" or not steps[number - 1].startswith("i2c-")):
                return Attachment(bus, match[1])
        if _VMBUS.match(step):
            return Attachment("vmbus")  # its address is a random number of the virtual machine
        if _PNP.match(step) and steps[number - 1].startswith("pnp"):
            return Attachment("pnp", step)
    return _on_the_board(steps)


def _on_the_board(steps: list[str]) -> Attachment:
    """Return the name of a device that firmware or a board's description lists."""
    if len(steps) < 4 or steps[1:3] != ["sys", "devices"] or steps[3] == "virtual":
        return NOWHERE
    for step in reversed(steps[4:]):
        if not _BETWEEN.match(step):
            return Attachment("platform", line(step))
    return NOWHERE


def device(place: str | None) -> str:
    """Return the path of the real device behind one of a serial port.

    Since Linux 6.5 the serial core puts two devices of its own between them, named after the
    real one: `00:04`, then `00:04:0` and `00:04:0.0`.
    """
    place = place or ""
    head, _, port = place.rpartition("/")
    above, _, controller = head.rpartition("/")
    owner = above.rpartition("/")[2]
    if owner and _is_numbered(controller, owner, ":") and _is_numbered(port, controller, "."):
        return above
    return place


def _is_numbered(name: str, owner: str, mark: str) -> bool:
    start = f"{owner}{mark}"
    return name.startswith(start) and name[len(start) :].isdecimal()
