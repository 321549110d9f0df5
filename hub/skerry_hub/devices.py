"""The devices of a node, as rows that operators search and place by. Pure.

A device is something that can be plugged, or given to a workload. What a node's hardware says is
spread over many lists; SOURCES, the visible table, says which rows each of them gives.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping

from skerry_hub.bus_devices import (
    Names,
    Places,
    addresses_of,
    named,
    names_of,
    on_bus_of,
    paths_at,
    port_of,
    stick_of,
    without_node,
)
from skerry_hub.cdi import cdi_name_of
from skerry_hub.withheld_devices import in_runtime, within_policy
from skerry_wire.bus import natural
from skerry_wire.hardware import Hardware
from skerry_wire.workload import BusDevice

_HUB_CLASS = "09"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device. `name` tells it from the others of its kind on the node.

    `usable`: whether a workload can be given it now; None where nobody judges that. `address` is
    the PCI address, USB port or firmware path where it is, `paths` are its device nodes.
    """

    kind: str
    name: str
    vendor: str | None = None
    model: str | None = None
    size_bytes: int | None = None
    """Of a disk all that it holds, of an accelerator its memory."""
    bus: str | None = None
    address: str | None = None
    paths: tuple[str, ...] = ()
    driver: str | None = None
    usable: bool | None = None
    reason: str | None = None
    numa_node: int | None = None
    on_bus: BusDevice | None = None
    """What an order names it by, where its box looks its device nodes up."""
    cdi: str | None = None
    """What an order names it by instead, where the box's CDI has it and its policy allows that."""
    only_reserved: bool = False
    """It is not usable for no other reason than that it has no device node."""


def _accelerators(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.accelerators:
        yield Device(
            kind=one.kind,
            name=one.address,
            vendor=one.vendor,
            model=one.model,
            size_bytes=one.memory_bytes,
            bus=one.bus,
            address=one.address,
            paths=one.device_nodes,
            driver=one.driver,
            usable=one.usable,
            reason=one.reason,
            numa_node=one.numa_node,
            on_bus=stick_of(one),
            cdi=cdi_name_of(one, hardware),
        )


def _cameras(hardware: Hardware, _names: Names) -> Iterator[Device]:
    places = Places(hardware, "video4linux")
    for one in sorted(hardware.cameras, key=lambda each: natural(each.path)):
        yield Device(
            kind="camera",
            name=_last(one.path),
            model=one.name,
            bus=one.bus,
            address=one.address,
            paths=(one.path,),
            usable=True,
            on_bus=places.next_at(one.address),
        )


def _serial_ports(hardware: Hardware, names: Names) -> Iterator[Device]:
    places = Places(hardware, "tty")
    for one in sorted(hardware.serial_ports, key=lambda each: natural(each.path)):
        vendor, model = named(names, one.address)
        yield Device(
            kind="serial",
            name=one.name,
            vendor=vendor,
            model=model,
            bus=one.bus,
            address=one.address,
            paths=(one.path,),
            driver=one.driver,
            usable=True,
            on_bus=places.next_at(one.address),
        )


def _modems(hardware: Hardware, names: Names) -> Iterator[Device]:
    for one in hardware.modems:
        vendor, model = named(names, one.address)
        yield Device(
            kind="modem",
            name=one.name,
            vendor=vendor,
            model=model,
            bus=one.bus,
            address=one.address,
            paths=one.paths,
            driver=one.driver,
            usable=bool(one.paths or one.interfaces),
            reason=None if one.paths or one.interfaces else "it has no device node",
        )


def _bluetooth(hardware: Hardware, names: Names) -> Iterator[Device]:
    for one in hardware.bluetooth:
        vendor, model = named(names, one.address)
        yield Device(
            kind="bluetooth",
            name=one.name,
            vendor=vendor,
            model=model,
            bus=one.bus,
            address=one.address,
        )


def _nics(hardware: Hardware, names: Names) -> Iterator[Device]:
    for one in hardware.nics:
        if not one.hardware:
            continue
        vendor, model = named(names, one.address)
        yield Device(
            kind="network" if one.kind == "other" else one.kind,
            name=one.name,
            vendor=vendor,
            model=model,
            address=one.address,
            driver=one.driver,
        )


def _everyday_nics(hardware: Hardware, names: Names) -> Iterator[Device]:
    """Give the interfaces that are neither a modem's nor slices of a card."""
    held = {name for modem in hardware.modems for name in modem.interfaces}
    held |= {nic.name for nic in hardware.nics if nic.virtual_function}
    return (device for device in _nics(hardware, names) if device.name not in held)


def _disks(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.storage:
        # The kernel writes ! in names for what is / in their paths.
        path = "/dev/" + one.name.replace("!", "/")
        yield Device(
            kind="disk",
            name=one.name,
            model=one.model,
            size_bytes=one.size_bytes,
            bus=one.transport,
            address=one.address,
            paths=(path,),
        )


def _usb(hardware: Hardware, names: Names) -> Iterator[Device]:
    for one in hardware.usb:
        vendor, model = names.get(one.path, (None, None))
        on_bus = on_bus_of(hardware, one.path)
        yield Device(
            kind="usb",
            name=one.path,
            vendor=vendor,
            model=model,
            bus="usb",
            address=one.path,
            paths=paths_at(hardware, one.path),
            usable=None if on_bus is None else True,
            on_bus=on_bus,
        )


def _everyday_usb(hardware: Hardware, names: Names) -> Iterator[Device]:
    """Give what stands on USB and no other list shows: no hubs, no stick that is a disk."""
    shown = {port_of(address) for address in addresses_of(hardware)}
    left = {
        one.path for one in hardware.usb if one.path not in shown and _HUB_CLASS not in one.classes
    }
    return (device for device in _usb(hardware, names) if device.name in left)


def _pci(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.pci:
        yield Device(
            kind="pci",
            name=one.address,
            vendor=one.vendor_name or one.vendor,
            model=one.device_name or one.device,
            bus="pci",
            address=one.address,
            driver=one.driver,
            numa_node=one.numa_node,
            paths=one.device_nodes,
            usable=bool(one.device_nodes),
            reason=None if one.device_nodes else without_node(one),
            on_bus=on_bus_of(hardware, one.address) if one.device_nodes else None,
            only_reserved=not one.device_nodes,
        )


def _gpio(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.gpio:
        yield Device(kind="gpio", name=one.name, model=one.label, paths=(one.path,), usable=True)


def _i2c(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.i2c:
        yield Device(
            kind="i2c",
            name=one.name,
            model=one.label,
            paths=(one.path,) if one.path else (),
            usable=one.path is not None,
            reason=None if one.path else "it has no device node: i2c-dev is not loaded",
        )


def _ptp(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.ptp:
        yield Device(kind="ptp", name=one.name, model=one.label, paths=(one.path,), usable=True)


def _watchdogs(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.watchdogs:
        yield Device(kind="watchdog", name=one.name, model=one.label, paths=(one.path,))


def _tpm(hardware: Hardware, _names: Names) -> Iterator[Device]:
    version = hardware.system.tpm_version
    if version is not None:
        model = "TPM" if version == "unknown" else f"TPM {version}"
        yield Device(kind="tpm", name="tpm0", model=model)


def _sensors(hardware: Hardware, _names: Names) -> Iterator[Device]:
    for one in hardware.sensors:
        name = f"{one.chip}/{one.name}" if one.chip else one.name
        yield Device(kind="sensor", name=f"{one.kind}/{name}", model=one.kind)


Look = Callable[[Hardware, Names], Iterator[Device]]


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """The kinds that one list of the hardware gives, what gives them, and what that reads.

    `everyday` gives what an operator sees who asks for no kind; None: nothing of these. `reads`
    are the fields of the hardware that `every` looks at.
    """

    kinds: tuple[str, ...]
    reads: tuple[str, ...]
    every: Look
    everyday: Look | None = None


ACCELERATORS = ("gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu")
INTERFACES = ("ethernet", "wifi", "can", "wwan", "network")

ON_BUS = ("camera", "serial", "usb", "pci")
"""Kinds of which orders name those on USB or PCI by where they stand."""

_BUSES = ("pci", "usb")
"""Where names come from for what stands at an address."""

SOURCES: tuple[Source, ...] = (
    Source(ACCELERATORS, ("accelerators", "cdi_devices"), _accelerators, _accelerators),
    Source(("camera",), ("cameras", *_BUSES), _cameras, _cameras),
    Source(("serial",), ("serial_ports", *_BUSES), _serial_ports, _serial_ports),
    Source(("modem",), ("modems", *_BUSES), _modems, _modems),
    Source(("bluetooth",), ("bluetooth", *_BUSES), _bluetooth, _bluetooth),
    Source(INTERFACES, ("nics", *_BUSES), _nics, _everyday_nics),
    Source(("disk",), ("storage",), _disks, _disks),
    Source(("usb",), ("cameras", "serial_ports", *_BUSES), _usb, _everyday_usb),
    Source(("pci",), ("pci",), _pci),
    Source(("gpio",), ("gpio",), _gpio),
    Source(("i2c",), ("i2c",), _i2c),
    Source(("ptp",), ("ptp",), _ptp),
    Source(("watchdog",), ("watchdogs",), _watchdogs),
    Source(("tpm",), ("system",), _tpm),
    Source(("sensor",), ("sensors",), _sensors),
)
"""The visible table: a new sort of device is a function above and a line here."""

READS: Mapping[str, tuple[str, ...]] = {
    kind: (*source.reads, "policy", "runtime_in_use") for source in SOURCES for kind in source.kinds
}
"""The fields of the hardware that say what devices of a kind there are."""

KINDS: tuple[str, ...] = tuple(kind for source in SOURCES for kind in source.kinds)
GROUPS: Mapping[str, tuple[str, ...]] = {
    "accelerator": ACCELERATORS,
    "nic": INTERFACES,
    "all": KINDS,
}
"""Words that ask for several kinds at once."""


def kinds_of(text: str | None) -> frozenset[str] | None:
    """Return the kinds of a list such as `gpu,nic`; None where none is asked for.

    Raises ValueError for a word that is neither a kind nor a group.
    """
    if text is None or not text.strip():
        return None
    found: set[str] = set()
    for word in (part.strip() for part in text.split(",")):
        kinds = GROUPS.get(word, (word,))
        if kinds == (word,) and word not in KINDS:
            raise ValueError(f"{word[:40]!r} is none of {', '.join((*KINDS, *GROUPS))}")
        found.update(kinds)
    return frozenset(found)


def devices_of(
    hardware: Hardware,
    kinds: frozenset[str] | None = None,
    keep: Callable[[Device], bool] | None = None,
) -> list[Device]:
    """Return the devices of the kinds that `keep` keeps, sorted by kind and address.

    Without kinds, the everyday ones.
    """
    found = _each(hardware, kinds)
    if hardware.runtime_in_use is not None:
        found = map(functools.partial(in_runtime, hardware.runtime_in_use), found)
    if hardware.policy is not None:
        found = map(functools.partial(within_policy, hardware.policy), found)
    # Sorting costs more than finding, and most fleets have little of what is asked for.
    return sorted(filter(keep, found), key=_order)


def _each(hardware: Hardware, kinds: frozenset[str] | None) -> Iterator[Device]:
    names = names_of(hardware)
    for source in SOURCES:
        if kinds is None and source.everyday is not None:
            yield from source.everyday(hardware, names)
        elif kinds is not None and not kinds.isdisjoint(source.kinds):
            yield from (one for one in source.every(hardware, names) if one.kind in kinds)


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or path


def _order(device: Device) -> tuple[str, tuple[tuple[str, int], ...], str]:
    where = device.address or device.name
    # A PCI address is hexadecimal of fixed width; elsewhere port 10 comes after port 2.
    return device.kind, ((where, -1),) if ":" in where else natural(where), device.name
