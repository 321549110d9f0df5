"""Devices by where they stand on a bus: what outlives the numbers of their device nodes. Pure.

Agent and executor tell by the same rule which device of a tree such as
`/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0/ttyUSB0/tty/ttyUSB0` is whose.
"""

from __future__ import annotations

import re
from typing import Literal

Bus = Literal["pci", "usb"]

USB_PORT = r"[0-9]{1,4}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}"
PCI_ADDRESS = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
ADDRESS = f"{USB_PORT}|{PCI_ADDRESS}"

_USB_PORT = re.compile(USB_PORT)
_PCI_ADDRESS = re.compile(PCI_ADDRESS)
_ROOT_HUB = re.compile(r"usb[0-9]+")
_VFIO = "vfio-pci"


def bus_of(address: str) -> Bus | None:
    """Return the bus that an address is of, None where it is of none of these."""
    if _PCI_ADDRESS.fullmatch(address):
        return "pci"
    return "usb" if _USB_PORT.fullmatch(address) else None


def owner_of(place: str) -> str | None:
    """Return the address of the device that a place below /sys/devices belongs to.

    That is the nearest one above it: what hangs on a USB port is not the controller's. None for
    what belongs to no device on a bus, and for root hubs.
    """
    steps = place.split("/")
    for at in range(len(steps) - 1, 0, -1):
        step = steps[at]
        if _ROOT_HUB.fullmatch(step):
            return None
        # An address on I2C looks like a USB port; the adapter before it tells them apart.
        if bus_of(step) is not None and not steps[at - 1].startswith("i2c-"):
            return step
    return None


def vfio_nodes(driver: str | None, iommu_group: str | None) -> tuple[str, ...]:
    """Return the device nodes of a PCI function that is kept for a program's own driver."""
    if driver != _VFIO or iommu_group is None or not iommu_group.isdecimal():
        return ()
    return ("/dev/vfio/vfio", f"/dev/vfio/{iommu_group}")


def natural(text: str) -> tuple[tuple[str, int], ...]:
    """Return what sorts numbered names as people count them: ttyUSB2 before ttyUSB10."""
    found = re.findall(r"([^0-9]*)([0-9]{0,12})", text)
    return tuple((word, int(number) if number else -1) for word, number in found)
