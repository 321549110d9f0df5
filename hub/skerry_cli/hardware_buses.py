"""What hangs on PCI and USB, as an indented tree. Pure.

A USB device stands below the hub that it is plugged into, and below each device what the box makes
of it, as far as addresses tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skerry_wire.hardware import Hardware, PciFunction, UsbDevice

INDENT = "  "


def pci(hardware: Hardware) -> Iterator[str]:
    """Yield the functions of PCI devices, each with what it is to the box below it."""
    below = _what_hangs_at(hardware)
    for function in hardware.pci:
        yield _function(function)
        yield from (f"{INDENT}{text}" for text in below.get(function.address, ()))


def usb(hardware: Hardware) -> Iterator[str]:
    """Yield the USB devices, each below its hub."""
    below = _what_hangs_at(hardware)
    depths: dict[str, int] = {}
    for device in sorted(hardware.usb, key=lambda device: _ports(device.path)):
        depth = depths[device.path] = depths.get(_hub_of(device.path), -1) + 1
        yield INDENT * depth + _device(device)
        for text in below.get(device.path, ()):
            yield INDENT * (depth + 1) + text


def _hub_of(path: str) -> str:
    """Return the port of the hub that a port belongs to: 1-1 of 1-1.2, nothing of 1-1."""
    return path.rpartition(".")[0]


def _ports(path: str) -> tuple[int, ...]:
    return tuple(int(part) for part in path.replace("-", ".").split(".") if part.isdecimal())


def _what_hangs_at(hardware: Hardware) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    named = [
        *((a.address, f"{a.kind} {a.vendor} {a.model}") for a in hardware.accelerators),
        *((n.address, f"network interface {n.name}") for n in hardware.nics if n.hardware),
        *((m.address, f"modem {m.name}") for m in hardware.modems),
        *((p.address, f"serial port {p.path}") for p in hardware.serial_ports),
        *((d.address, f"disk {d.name}") for d in hardware.storage),
        *((c.address, f"camera {c.path}") for c in hardware.cameras),
        *((b.address, f"Bluetooth {b.name}") for b in hardware.bluetooth),
    ]
    for address, text in named:
        if address is not None:
            found.setdefault(address, []).append(text)
    return found


def _function(function: PciFunction) -> str:
    return _line(
        f"{function.address} [{function.vendor}:{function.device}]",
        function.vendor_name,
        function.device_name,
        function.driver,
        f"up to {function.sriov_vfs} virtual functions" if function.sriov_vfs else None,
        "a virtual function" if function.virtual_function else None,
    )


def _device(device: UsbDevice) -> str:
    ids = f"[{device.vendor}:{device.product}]" if device.vendor and device.product else None
    start = f"{device.path} {ids}" if ids else device.path
    return _line(start, device.vendor_name, device.product_name)


def _line(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
