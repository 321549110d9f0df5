"""Cellular modems, one for each device however many ports it has.

Those on PCI show themselves in the class wwan. Those on USB are found by the drivers of their
interfaces: control ports (`/dev/cdc-wdm0`), serial ports and a network interface hang below them.
A telephone that shares its connection looks like a network card, and is none.
"""

from __future__ import annotations

import re

from skerry_agent.host import Gone, Host, Unreadable
from skerry_agent.probes import attachment
from skerry_agent.probes.attachment import Attachment
from skerry_agent.probes.kernel_text import pairs, short
from skerry_agent.probes.nics import public_name
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Modem

WWAN = "/sys/class/wwan"
USB = "/sys/bus/usb/devices"
NET = "/sys/class/net"

CELLULAR_DRIVERS = frozenset(
    {
        *("qmi_wwan", "cdc_mbim", "cdc_wdm", "huawei_cdc_ncm", "GobiNet", "GobiSerial"),
        *("option", "qcserial", "sierra", "sierra_net", "hso", "ipw", "qcaux"),
    }
)
"""Drivers of USB interfaces that only modems have."""

_DEVICE = re.compile(r"wwan[0-9]{1,4}\Z")
_PORT = re.compile(r"(wwan[0-9]{1,4})[a-z].*\Z")
_USB_INTERFACE = re.compile(r"[0-9]+-[0-9.]+:[0-9]+\.[0-9]+\Z")
_SERIAL = re.compile(r"tty(?:USB|ACM|HS)[0-9]{1,4}\Z")
MOST_MODEMS = 32
MOST_PORTS = 32


@frozen()
class RawPart:
    """One device or port in the class wwan, or one USB interface, and what hangs below it."""

    name: str
    place: str
    driver: str | None = None
    nodes: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    is_wwan_network: bool = False


@frozen()
class RawModems:
    """What may belong to modems. `trouble` says what could not be listed."""

    wwan: tuple[RawPart, ...]
    usb: tuple[RawPart, ...]
    trouble: str | None


def read(host: Host) -> RawModems:
    """Collect the texts."""
    wwan, usb = host.names(WWAN), host.names(USB)
    devices = [n for n in _names(wwan) if _DEVICE.match(n)]
    networks = _networks(host) if devices else ()
    interfaces = (_read_interface(host, n) for n in _names(usb) if _USB_INTERFACE.match(n))
    return RawModems(
        wwan=tuple(_read_wwan(host, name, _names(wwan), networks) for name in devices),
        usb=tuple(part for part in interfaces if part is not None),
        trouble=next(
            (f"{p} {a.reason}" for p, a in ((WWAN, wwan), (USB, usb)) if isinstance(a, Unreadable)),
            None,
        ),
    )


def _names(answer: tuple[str, ...] | Gone | Unreadable) -> tuple[str, ...]:
    return answer if isinstance(answer, tuple) else ()


def _trouble(folder: str, answer: tuple[str, ...] | Gone | Unreadable) -> str | None:
    return f"{folder} {answer.reason}" if isinstance(answer, Unreadable) else None


def _networks(host: Host) -> tuple[tuple[str, str], ...]:
    found = ((name, host.target(f"{NET}/{name}/device")) for name in host.entries(NET))
    return tuple((name, place) for name, place in found if place)


def _read_wwan(
    host: Host, name: str, names: tuple[str, ...], networks: tuple[tuple[str, str], ...]
) -> RawPart:
    place = host.target(f"{WWAN}/{name}") or ""
    device = host.target(f"{WWAN}/{name}/device") or place.partition("/wwan/")[0]
    ports = [n for n in names if (match := _PORT.match(n)) and match[1] == name]
    below = (f"{device}/", f"{place}/")
    return RawPart(
        name=name,
        place=device,
        driver=host.link(f"{device}/driver"),
        nodes=tuple(ports),
        interfaces=tuple(n for n, at in networks if f"{at}/".startswith(below)),
    )


def _read_interface(host: Host, name: str) -> RawPart | None:
    """Return a USB interface that a modem may have, None for one of anything else."""
    folder = f"{USB}/{name}"
    driver = host.link(f"{folder}/driver")
    if driver is None or not (driver in CELLULAR_DRIVERS or driver.startswith("cdc_")):
        return None
    networks = host.entries(f"{folder}/net")
    nodes = [
        *host.entries(f"{folder}/usbmisc"),
        *(n for n in host.entries(folder) if _SERIAL.match(n)),
        *(n for n in host.entries(f"{folder}/tty") if _SERIAL.match(n)),
    ]
    kinds = (pairs(host.text(f"{folder}/net/{n}/uevent")).get("DEVTYPE") for n in networks)
    return RawPart(
        name=name,
        place=host.target(folder) or folder,
        driver=driver,
        nodes=tuple(nodes),
        interfaces=networks,
        is_wwan_network="wwan" in kinds,
    )


def parse(raw: RawModems) -> Found[tuple[Modem, ...]] | Absent | Failed:
    """Understand the texts."""
    devices: dict[Attachment, list[RawPart]] = {}
    for part in (*raw.wwan, *raw.usb):
        devices.setdefault(attachment.of(part.place), []).append(part)
    wwan = set(raw.wwan)
    modems = [
        _modem(where, parts)
        for where, parts in devices.items()
        if any(p in wwan or p.is_wwan_network or p.driver in CELLULAR_DRIVERS for p in parts)
    ]
    if modems:
        order = sorted(modems, key=lambda modem: (modem.bus or "", modem.address or "", modem.name))
        return Found(tuple(order[:MOST_MODEMS]))
    if raw.trouble is not None:
        return Failed(raw.trouble)
    return Absent(f"neither {WWAN} nor {USB} lists a modem")


def _modem(where: Attachment, parts: list[RawPart]) -> Modem:
    nodes = sorted({node for part in parts for node in part.nodes})
    networks = {public_name(n, where.address) for part in parts for n in part.interfaces}
    names = [part.name for part in parts if _DEVICE.match(part.name)]
    names += [n for n in nodes if n.startswith("cdc-wdm")] + nodes
    drivers = sorted({p.driver for p in parts if p.driver}, key=_rank)
    return Modem(
        name=short(next(iter(names), None)) or where.address or "?",
        bus=where.bus,
        address=where.address,
        driver=short(next(iter(drivers), None)),
        paths=tuple(f"/dev/{node}" for node in nodes[:MOST_PORTS]),
        interfaces=tuple(sorted(filter(None, networks))[:MOST_PORTS]),
    )


def _rank(driver: str) -> tuple[bool, str]:
    """Sort the driver of the data path before that of serial ports."""
    return driver not in ("qmi_wwan", "cdc_mbim", "huawei_cdc_ncm", "sierra_net", "hso"), driver
