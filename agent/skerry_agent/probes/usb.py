"""USB devices, root hubs apart. The port is a device's identity; serial numbers are never read.

Before Linux 3.6 the bus also listed the device files of its drivers (`hiddev0`, `cdc-wdm1`). What
stands on the bus is told, without ids where it has none.
"""

from __future__ import annotations

import re
import socket

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import device_names
from skerry_agent.probes.kernel_text import hexadecimal, pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import UsbDevice

DEVICES = "/sys/bus/usb/devices"
MAX_NAME = 128
PER_INTERFACE = "00"
"""The device class that says: look at the interfaces."""
EMPTIED = frozenset({"()", "[]", "<>", "(MAC:)", "MAC:", "mac:", "IP:"})
"""Words that are left when an address is taken out of a name, and mean nothing without it."""

_SERIAL = re.compile(r"(?=(?:[A-Za-z]*[0-9]){5})[0-9A-Z]{12,}\Z|[0-9a-f]{16,}\Z")
_HARDWARE_ADDRESS = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}"
    r"|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}|(?=[a-f]*[0-9])[0-9a-f]{12})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_INTERNET_ADDRESS = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:.]{3,45}(?![0-9A-Za-z:])")
_PORT = re.compile(r"[0-9]+-[0-9]+(?:\.[0-9]+)*\Z")
_ROOT_HUB = re.compile(r"usb[0-9]+\Z")


@frozen()
class RawUsb:
    """One device."""

    path: str
    vendor: str | None
    product: str | None
    class_: str | None
    interfaces: tuple[str | None, ...]
    manufacturer: str | None
    product_text: str | None


@frozen()
class RawUsbs:
    """All devices, and what the box's list calls them."""

    devices: tuple[RawUsb, ...]
    names: tuple[tuple[tuple[str, str], device_names.Names], ...]
    trouble: str | None


def read(host: Host) -> RawUsbs:
    """Collect the texts."""
    devices, trouble = read_devices(host)
    unnamed = [
        (d.vendor, d.product)
        for d in devices
        if d.vendor and d.product and not (d.manufacturer and d.product_text)
    ]
    names = device_names.read(host, "usb", unnamed)
    return RawUsbs(devices, tuple(sorted(names.items(), key=lambda item: item[0])), trouble)


def read_devices(host: Host) -> tuple[tuple[RawUsb, ...], str | None]:
    """Return all devices, or why they could not be listed."""
    names = host.names(DEVICES)
    if not isinstance(names, tuple):
        return (), names.reason if isinstance(names, Unreadable) else None
    interfaces: dict[str, list[str]] = {}
    for name in names:
        device, colon, _ = name.partition(":")
        if colon:
            interfaces.setdefault(device, []).append(name)
    places = [n for n in names if ":" not in n and not _ROOT_HUB.match(n) and len(n) <= MAX_NAME]
    found = (_read_device(host, place, interfaces.get(place, [])) for place in places)
    # One that says nothing may just have been unplugged.
    return tuple(d for d in found if d.vendor or host.exists(f"{DEVICES}/{d.path}")), None


def _read_device(host: Host, port: str, interfaces: list[str]) -> RawUsb:
    folder = f"{DEVICES}/{port}"
    vendor = hexadecimal(host.text(f"{folder}/idVendor"))
    product = hexadecimal(host.text(f"{folder}/idProduct"))
    class_ = hexadecimal(host.text(f"{folder}/bDeviceClass"), 2)
    if vendor is None or product is None or class_ is None:
        event = pairs(host.text(f"{folder}/uevent"))
        ids = (event.get("PRODUCT", "") + "//").split("/")
        vendor, product = vendor or hexadecimal(ids[0]), product or hexadecimal(ids[1])
        class_ = class_ or _first_class(event)
    look_inside = class_ in (None, PER_INTERFACE)
    return RawUsb(
        path=port,
        vendor=vendor,
        product=product,
        class_=class_,
        interfaces=tuple(_interface_class(host, i) for i in interfaces) if look_inside else (),
        manufacturer=host.text(f"{folder}/manufacturer"),
        product_text=host.text(f"{folder}/product"),
    )


def _first_class(event: dict[str, str]) -> str | None:
    """Return the class in `TYPE=239/2/1` (of a device) or `INTERFACE=3/1/2`, decimal numbers."""
    text = event.get("INTERFACE") or event.get("TYPE") or ""
    first = text.partition("/")[0]
    return f"{int(first) & 0xFF:02x}" if first.isascii() and first.isdigit() else None


def _interface_class(host: Host, name: str) -> str | None:
    named = hexadecimal(host.text(f"{DEVICES}/{name}/bInterfaceClass"), 2)
    return named or _first_class(pairs(host.text(f"{DEVICES}/{name}/uevent")))


def parse(raw: RawUsbs) -> Found[tuple[UsbDevice, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{DEVICES} {raw.trouble}")
    names = dict(raw.names)
    devices = [
        _device(d, names.get((d.vendor or "", d.product or ""), device_names.UNNAMED))
        for d in raw.devices
    ]
    if not devices:
        return Absent(f"{DEVICES} lists no device")
    return Found(tuple(sorted(devices, key=lambda device: port_order(device.path)))[:512])


def port_order(path: str) -> tuple[bool, tuple[int, ...], str]:
    """Return what sorts ports as people count them, 1-2 before 1-10, and other names last."""
    is_port = _PORT.match(path) is not None
    return not is_port, tuple(int(n) for n in re.findall(r"[0-9]{1,9}", path)), path


def _device(raw: RawUsb, names: device_names.Names) -> UsbDevice:
    found = {raw.class_} if raw.class_ not in (None, PER_INTERFACE) else set(raw.interfaces)
    return UsbDevice(
        path=raw.path,
        vendor=raw.vendor,
        product=raw.product,
        classes=tuple(sorted(class_ for class_ in found if class_))[:64],
        vendor_name=own_name(raw.manufacturer) or names.vendor,
        product_name=own_name(raw.product_text) or names.device,
    )


def own_name(text: str | None) -> str | None:
    """Return a device's name for itself, without what makers put there to tell one from another.

    That is a serial number, or the address of a network adapter or of what it leads to.
    """
    told = text or ""
    text = _INTERNET_ADDRESS.sub(_unless_an_address, _HARDWARE_ADDRESS.sub("", told))
    words = text.split()
    if text != told:
        words = [word for word in words if word not in EMPTIED]
    return short(" ".join(word for word in words if not _SERIAL.match(word)))


def _unless_an_address(match: re.Match[str]) -> str:
    text = match[0].rstrip(".")
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        socket.inet_pton(family, text)
    except OSError:
        return match[0]
    return ""
