"""PCI functions, every one of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import char_devices, device_names
from skerry_agent.probes.kernel_text import count, hexadecimal, pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.bus import vfio_nodes
from skerry_wire.frozen import frozen
from skerry_wire.hardware import PciFunction

DEVICES = "/sys/bus/pci/devices"
NO_ANSWER = "ffff"
"""What the bus itself answers for an id when nothing does."""

MOST_NODES = 32

_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\Z")
_MODALIAS = re.compile(
    r"pci:v([0-9A-F]{8})d([0-9A-F]{8})sv[0-9A-F]{8}sd[0-9A-F]{8}"
    r"bc([0-9A-F]{2})sc([0-9A-F]{2})i([0-9A-F]{2})"
)


@frozen()
class RawFunction:
    """One function; SR-IOV made it if it is virtual."""

    address: str
    vendor: str | None
    device: str | None
    class_: str | None
    driver: str | None = None
    numa_node: str | None = None
    total_vfs: str | None = None
    iommu_group: str | None = None
    is_virtual: bool = False
    nodes: tuple[str, ...] = ()
    """Its character device nodes."""


@frozen()
class RawPci:
    """All functions, and what the box's list calls them."""

    functions: tuple[RawFunction, ...]
    names: tuple[tuple[tuple[str, str], device_names.Names], ...]
    trouble: str | None


def read(host: Host) -> RawPci:
    """Collect the texts."""
    functions, trouble = read_functions(host)
    nodes = char_devices.read(host)
    functions = tuple(
        dataclasses.replace(f, nodes=char_devices.paths(host, nodes, f.address)) for f in functions
    )
    wanted = [(f.vendor, f.device) for f in functions if f.vendor and f.device]
    names = device_names.read(host, "pci", wanted)
    return RawPci(functions, tuple(sorted(names.items(), key=lambda item: item[0])), trouble)


def read_functions(
    host: Host, fits: Callable[[RawFunction], bool] | None = None
) -> tuple[tuple[RawFunction, ...], str | None]:
    """Return all functions, or why they could not be listed.

    Of those that do not fit, by their ids and class, nothing else is read.
    """
    names = host.names(DEVICES)
    if not isinstance(names, tuple):
        return (), names.reason if isinstance(names, Unreadable) else None
    found = (_read_ids(host, name) for name in names if _ADDRESS.match(name))
    return tuple(_read_rest(host, f) if fits is None or fits(f) else f for f in found), None


def _read_ids(host: Host, address: str) -> RawFunction:
    folder = f"{DEVICES}/{address}"
    vendor = hexadecimal(host.text(f"{folder}/vendor"))
    device = hexadecimal(host.text(f"{folder}/device"))
    class_ = hexadecimal(host.text(f"{folder}/class"), 6)
    if vendor is None or device is None or class_ is None:
        others = _ids_from_uevent(host, folder)
        vendor, device, class_ = vendor or others[0], device or others[1], class_ or others[2]
    return RawFunction(address=address, vendor=vendor, device=device, class_=class_)


def _read_rest(host: Host, function: RawFunction) -> RawFunction:
    folder = f"{DEVICES}/{function.address}"
    return dataclasses.replace(
        function,
        driver=host.link(f"{folder}/driver"),
        numa_node=host.text(f"{folder}/numa_node"),
        total_vfs=host.text(f"{folder}/sriov_totalvfs"),
        iommu_group=host.link(f"{folder}/iommu_group"),
        is_virtual=host.exists(f"{folder}/physfn"),
    )


def _ids_from_uevent(host: Host, folder: str) -> tuple[str | None, str | None, str | None]:
    event = pairs(host.text(f"{folder}/uevent"))
    vendor, _, device = event.get("PCI_ID", "").partition(":")
    if vendor:
        return hexadecimal(vendor), hexadecimal(device), hexadecimal(event.get("PCI_CLASS"), 6)
    match = _MODALIAS.match(host.text(f"{folder}/modalias") or event.get("MODALIAS", ""))
    if match is None:
        return None, None, None
    class_ = "".join(match.group(3, 4, 5)).lower()
    return hexadecimal(match[1]), hexadecimal(match[2]), class_


def parse(raw: RawPci) -> Found[tuple[PciFunction, ...]] | Absent | Failed:
    """Understand the texts."""
    if raw.trouble is not None:
        return Failed(f"{DEVICES} {raw.trouble}")
    names = dict(raw.names)
    functions = [_function(function, names) for function in raw.functions]
    if not functions:
        return Absent(f"{DEVICES} lists no function")
    return Found(tuple(sorted(functions, key=lambda f: f.address))[:2048])


def _function(raw: RawFunction, names: dict[tuple[str, str], device_names.Names]) -> PciFunction:
    vendor, device = raw.vendor or NO_ANSWER, raw.device or NO_ANSWER
    named = names.get((vendor, device), device_names.UNNAMED)
    return PciFunction(
        address=raw.address,
        vendor=vendor,
        device=device,
        class_=raw.class_ or "ff0000",  # PCI's own number for "fits no class"
        driver=short(raw.driver),
        vendor_name=named.vendor,
        device_name=named.device,
        numa_node=count(raw.numa_node),
        sriov_vfs=count(raw.total_vfs),
        iommu_group=count(raw.iommu_group),
        virtual_function=raw.is_virtual,
        device_nodes=(*raw.nodes, *vfio_nodes(raw.driver, raw.iommu_group))[:MOST_NODES],
    )
