"""Devices on USB and PCI as orders name them: by where they stand, and what must be there. Pure.

Boxes look the device nodes up, whose numbers change with each plug and start.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from skerry_wire.bus import bus_of
from skerry_wire.hardware import Accelerator, Camera, Hardware, PciFunction, SerialPort
from skerry_wire.workload import BusDevice

_FUNCTION_END = re.compile(r":\d+\.\d+$")
"""The configuration and interface that may follow a USB port: 1-1.2:1.0."""


Names = Mapping[str, tuple[str | None, str | None]]
"""Vendor and model of what stands at a PCI address or USB port, in words."""


class Places:
    """Names the ports or cameras of one device by where it stands, each by its number there."""

    def __init__(self, hardware: Hardware, subsystem: Literal["tty", "video4linux"]) -> None:
        self._hardware = hardware
        self._subsystem = subsystem
        self._numbers: dict[str, int] = {}

    def next_at(self, address: str | None) -> BusDevice | None:
        """Return the next one at an address, None where that is on no bus that orders know."""
        found = on_bus_of(self._hardware, port_of(address or ""))
        if found is None:
            return None
        number = self._numbers[found.address] = self._numbers.get(found.address, -1) + 1
        return dataclasses.replace(found, subsystem=self._subsystem, number=min(number, 255))


def on_bus_of(hardware: Hardware, address: str) -> BusDevice | None:
    """Return a device by its place, and by its ids where they are known."""
    bus = bus_of(address)
    if bus is None:
        return None
    ids: tuple[str | None, str | None] = (None, None)
    if bus == "usb":
        ids = next(((u.vendor, u.product) for u in hardware.usb if u.path == address), ids)
    else:
        ids = next(((p.vendor, p.device) for p in hardware.pci if p.address == address), ids)
    return BusDevice(bus=bus, address=address, vendor=ids[0], product=ids[1])


def stick_of(one: Accelerator) -> BusDevice | None:
    """Return an accelerator on USB that is driven through its port, None of any other.

    Its ids change while it loads its firmware: whatever stands at the port is it.
    """
    if one.bus != "usb" or one.device_nodes or bus_of(one.address) != "usb":
        return None
    return BusDevice(bus="usb", address=one.address)


def paths_at(hardware: Hardware, port: str) -> tuple[str, ...]:
    """Return the device nodes behind a USB port that other lists tell of."""
    groups: tuple[Iterable[Camera | SerialPort], ...] = (hardware.cameras, hardware.serial_ports)
    return tuple(
        one.path
        for group in groups
        for one in group
        if one.address and port_of(one.address) == port
    )


def without_node(one: PciFunction) -> str:
    """Return why a function cannot be handed over, and what helps."""
    bind = "bind it to vfio-pci" if one.iommu_group is not None else "it is in no IOMMU group"
    return f"{one.address} has no device node to hand over; {bind}"


def addresses_of(hardware: Hardware) -> Iterator[str]:
    """Give the addresses of all that other lists than those of the buses show."""
    groups: tuple[Iterable[str | None], ...] = (
        (one.address for one in hardware.accelerators),
        (one.address for one in hardware.cameras),
        (one.address for one in hardware.bluetooth),
        (one.address for one in hardware.storage),
        (one.address for one in hardware.serial_ports),
        (one.address for one in hardware.modems),
        (one.address for one in hardware.nics),
    )
    return (address for group in groups for address in group if address)


def names_of(hardware: Hardware) -> Names:
    """Return what stands at each address, the numbers where the box has no words for them."""
    names: dict[str, tuple[str | None, str | None]] = {
        one.address: (one.vendor_name or one.vendor, one.device_name or one.device)
        for one in hardware.pci
    }
    for device in hardware.usb:
        names[device.path] = (
            device.vendor_name or device.vendor,
            device.product_name or device.product,
        )
    return names


def named(names: Names, address: str | None) -> tuple[str | None, str | None]:
    """Return vendor and model of what stands where a device hangs."""
    return names.get(port_of(address), (None, None)) if address else (None, None)


def known_nodes(paths: Iterable[str], on_bus: BusDevice) -> list[str]:
    """Return what is known of a device's nodes: some of them, as they may be called."""
    nodes = list(paths)
    if on_bus.bus == "usb" and on_bus.subsystem is None:
        # Each has one on its bus, whose last number changes whenever it is plugged.
        nodes.append(f"/dev/bus/usb/{int(on_bus.address.partition('-')[0]):03d}/001")
    return nodes


def port_of(address: str) -> str:
    """Return an address without the interface of a USB device that may follow its port."""
    return _FUNCTION_END.sub("", address) if "-" in address else address
