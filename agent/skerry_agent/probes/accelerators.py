"""Accelerators: one record for each real device, however many functions or cores it shows.

The rows of `accelerator_table` say what is one. A device that is there but cannot be used is
recorded too, with the reason in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from skerry_agent.host import Host
from skerry_agent.probes import device_names, pci, soc_accelerators, usb
from skerry_agent.probes.accelerator_table import UNIFIED_MEMORY, PciRow, pci_row, usb_row
from skerry_agent.probes.kernel_text import count, line, pairs, short, size
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Accelerator

KFD_NODES = "/sys/class/kfd/kfd/topology/nodes"
KFD = "/dev/kfd"
USB_NODES = "/dev/bus/usb"
"""Where the nodes of USB devices are. Their numbers change with each plug, so none is told."""
NVIDIA_GPUS = "/proc/driver/nvidia/gpus"
VIDEO_MEMORY_HEAPS = frozenset({"1", "2"})
OLD_NODES = "controlD"
"""Nodes of old kernels through which nothing can be computed."""

RESERVED = frozenset({"vfio-pci", "pci-stub", "pciback", "xen-pciback"})
"""Drivers that keep a device for a virtual machine."""

_BDF = re.compile(r"([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2})\.[0-7]\Z")


@frozen()
class RawPciAccelerator:
    """A PCI function that fits a row, and what else is known of it.

    Functions of one `card` are one device. `nodes` are its device nodes, `missing` those that
    should be below /dev and are not; `nvidia` is what NVIDIA's driver writes of it.
    """

    function: pci.RawFunction
    card: str
    nodes: tuple[str, ...]
    missing: tuple[str, ...]
    vram: str | None
    nvidia: str | None
    driver_version: str | None


@frozen()
class RawKfdNode:
    """A node of AMD's compute topology, and its banks of memory."""

    properties: str | None
    banks: tuple[str, ...]


@frozen()
class RawAccelerators:
    """Everything that may be an accelerator."""

    pci: tuple[RawPciAccelerator, ...]
    names: tuple[tuple[tuple[str, str], device_names.Names], ...]
    usb: tuple[usb.RawUsb, ...]
    tree: tuple[soc_accelerators.RawTreeAccelerator, ...]
    board: soc_accelerators.RawBoard | None
    kfd: tuple[RawKfdNode, ...]
    meminfo: str | None
    trouble: str | None
    usb_nodes_missing: bool = False


# --- reading --------------------------------------------------------------------------------


def read(host: Host) -> RawAccelerators:
    """Collect the texts of what fits a row."""
    functions, pci_trouble = pci.read_functions(host, lambda f: _row_of(f) is not None)
    sticks, usb_trouble = usb.read_devices(host)
    vendors = {function.address: function.vendor for function in functions}
    fitting = [(function, row) for function in functions if (row := _row_of(function))]
    cards = tuple(_read_card(host, f, row, vendors, fitting) for f, row in fitting)
    wanted = {(c.function.vendor or "", c.function.device or "") for c in cards}
    board = soc_accelerators.read_board(host)
    amd = any(card.function.vendor == "1002" for card in cards) or not functions
    return RawAccelerators(
        pci=cards,
        names=tuple(sorted(device_names.read(host, "pci", wanted).items(), key=lambda i: i[0])),
        usb=tuple(s for s in sticks if usb_row(s.vendor or "", s.product or "")),
        tree=soc_accelerators.read_tree(host),
        board=board,
        kfd=tuple(_read_kfd(host)) if amd else (),
        meminfo=host.text("/proc/meminfo") if cards or board else None,
        trouble=pci_trouble or usb_trouble,
        usb_nodes_missing=host.is_live and not host.exists(USB_NODES),
    )


def _row_of(function: pci.RawFunction) -> PciRow | None:
    if function.is_virtual or not function.vendor or not function.device:
        return None
    return pci_row(function.vendor, function.device, function.class_ or "")


def _read_card(
    host: Host,
    function: pci.RawFunction,
    row: PciRow,
    vendors: Mapping[str, str | None],
    fitting: Sequence[tuple[pci.RawFunction, PciRow]],
) -> RawPciAccelerator:
    folder = f"{pci.DEVICES}/{function.address}"
    nodes = [
        place + name.replace("!", "/")
        for sub, place in row.nodes
        for name in host.entries(f"{folder}/{sub}")
        if name[-1:].isdigit() and not name.startswith(OLD_NODES)
    ]
    missing: tuple[str, ...] = ()
    nvidia = None
    if function.vendor == "10de":
        told = f"{NVIDIA_GPUS}/{function.address}/information"
        nvidia = host.text(told)
        minor = count(pairs(nvidia, ":").get("Device Minor"), 4095)
        nodes += [f"/dev/nvidia{minor}"] if minor is not None else []
        missing = (told,) if nvidia is None else ()
    if row.dev is not None:
        named = [f"/dev/{n}" for n in host.entries("/dev") if _is_numbered(n, row.dev)]
        # Which of several cards a numbered node belongs to, nothing tells.
        nodes += named if sum(other is row for _, other in fitting) == 1 else []
        missing = () if named else (f"/dev/{row.dev}0",)
    missing += tuple(node for node in nodes if not host.exists(node))
    driver = function.driver
    module = f"/sys/module/{(driver or '').replace('-', '_')}"
    return RawPciAccelerator(
        function=function,
        card=_card_of(host, function, row, vendors),
        nodes=tuple(nodes),
        missing=missing if host.is_live else (),
        vram=host.text(f"{folder}/mem_info_vram_total") if function.vendor == "1002" else None,
        nvidia=nvidia,
        driver_version=host.text(f"{module}/version", 4096) if driver else None,
    )


def _is_numbered(name: str, stem: str) -> bool:
    return name.startswith(stem) and name[len(stem) :].isdecimal()


def _card_of(
    host: Host, function: pci.RawFunction, row: PciRow, vendors: Mapping[str, str | None]
) -> str:
    """Return what the functions of one card have in common: its bridge, else its slot."""
    match = _BDF.match(function.address)
    card = match[1] if match else function.address
    if row.behind_bridge:
        place = host.target(f"{pci.DEVICES}/{function.address}") or ""
        above = [part for part in place.split("/")[:-1] if _BDF.match(part)]
        while above and vendors.get(above[-1]) == row.vendor:
            card = above.pop()
    return card


def _read_kfd(host: Host) -> Iterable[RawKfdNode]:
    for name in host.entries(KFD_NODES):
        folder = f"{KFD_NODES}/{name}"
        banks = [
            host.text(f"{folder}/mem_banks/{bank}/properties") or ""
            for bank in host.entries(f"{folder}/mem_banks")[:64]
        ]
        yield RawKfdNode(host.text(f"{folder}/properties"), tuple(banks))


# --- understanding --------------------------------------------------------------------------


def parse(raw: RawAccelerators) -> Found[tuple[Accelerator, ...]] | Absent | Failed:
    """Understand the texts."""
    total = size(pairs(raw.meminfo, ":").get("MemTotal"))
    kfd = _kfd_memory(raw.kfd)
    found = [
        *_on_pci(raw.pci, dict(raw.names), kfd, total),
        *_on_usb(raw.usb, raw.usb_nodes_missing),
    ]
    found += soc_accelerators.in_tree(raw.tree)
    found += soc_accelerators.of_board(raw.board, total)
    if not raw.pci:
        found += _of_kfd(kfd)
    if not found:
        if raw.trouble is not None:
            return Failed(f"a bus could not be listed: {raw.trouble}")
        return Absent("no known accelerator is on a bus or in the device tree")
    return Found(tuple(sorted(found, key=lambda a: (a.bus, a.address)))[:128])


def _on_pci(
    cards: tuple[RawPciAccelerator, ...],
    names: dict[tuple[str, str], device_names.Names],
    kfd: dict[str, int],
    total: int | None,
) -> Iterable[Accelerator]:
    groups: dict[tuple[str, str], list[RawPciAccelerator]] = {}
    for card in cards:
        row = _row_of(card.function)
        if row is not None:
            groups.setdefault((row.kind, card.card), []).append(card)
    for group in groups.values():
        # The function that a driver holds speaks for the card, else the first.
        first = min(group, key=lambda c: (c.function.driver is None, c.function.address))
        row = _row_of(first.function)
        if row is not None:
            yield _pci_accelerator(first, row, names, kfd, total)


def _pci_accelerator(
    card: RawPciAccelerator,
    row: PciRow,
    names: dict[tuple[str, str], device_names.Names],
    kfd: dict[str, int],
    total: int | None,
) -> Accelerator:
    function = card.function
    ids = function.vendor or "", function.device or ""
    nvidia = pairs(card.nvidia, ":")
    nodes = (*card.nodes, *((KFD,) if function.address in kfd else ()))
    driver = short(function.driver)
    reason = _why_not(row, driver, card)
    vram = size(card.vram) or kfd.get(function.address)
    return Accelerator(
        kind=row.kind,
        vendor=row.maker,
        model=short(nvidia.get("Model")) or _model(row, ids, names.get(ids)),
        bus="pci",
        address=function.address,
        memory_bytes=total if ids in UNIFIED_MEMORY else vram or None,
        driver=driver,
        device_nodes=tuple(sorted(filter(None, map(line, nodes))))[:64],
        numa_node=count(function.numa_node),
        usable=reason is None,
        reason=reason,
        driver_version=short(card.driver_version),
    )


def _model(row: PciRow, ids: tuple[str, str], names: device_names.Names | None) -> str:
    known = dict(row.models).get(ids[1])
    listed = names.device if names else None
    return known or listed or short(f"{row.model} {ids[1]}") or row.model


def _why_not(row: PciRow, driver: str | None, card: RawPciAccelerator) -> str | None:
    if driver is None:
        return "no driver is bound"
    if driver in RESERVED:
        return f"is reserved for a virtual machine ({driver})"
    if row.drivers and driver not in row.drivers:
        return f"driver {driver} is bound, not {' or '.join(row.drivers)}"
    if row.nodes and not card.nodes:
        return f"driver {driver} is bound, but has made no device node"
    if card.missing:
        return f"driver {driver} is bound, but {card.missing[0]} is not there"
    return None


def _on_usb(sticks: tuple[usb.RawUsb, ...], nodes_missing: bool) -> Iterable[Accelerator]:
    # Driven from user space, which also loads the firmware.
    reason = f"the box has no {USB_NODES}, through which it is driven" if nodes_missing else None
    for stick in sticks:
        row = usb_row(stick.vendor or "", stick.product or "")
        if row is not None:
            yield Accelerator(
                kind=row.kind,
                vendor=row.maker,
                model=row.model,
                bus="usb",
                address=stick.path,
                usable=reason is None,
                reason=reason,
            )


def _kfd_memory(nodes: tuple[RawKfdNode, ...]) -> dict[str, int]:
    """Return the memory in bytes of each GPU that AMD's compute topology shows, by PCI address.

    Partitions of one GPU share its address and together its memory; each is no GPU of its own.
    """
    found: dict[str, int] = {}
    for node in nodes:
        table = pairs(node.properties, " ")
        location = count(table.get("location_id"))
        if not count(table.get("simd_count")) or location is None:
            continue
        place = location & 0xFFFF  # above it stands the number of the partition
        domain = count(table.get("domain"), 0xFFFF_FFFF) or 0
        address = f"{domain:04x}:{place >> 8:02x}:{place >> 3 & 31:02x}.0"
        banks = [pairs(bank, " ") for bank in node.banks]
        own = [
            count(bank.get("size_in_bytes"), 2**62) or 0
            for bank in banks
            if bank.get("heap_type") in VIDEO_MEMORY_HEAPS
        ]
        found[address] = min(found.get(address, 0) + sum(own), 2**63 - 1)
    return found


def _of_kfd(memory: dict[str, int]) -> Iterable[Accelerator]:
    for address, bytes_ in memory.items():
        yield Accelerator(
            kind="gpu",
            vendor="AMD",
            model="AMD GPU",
            bus="pci",
            address=address,
            memory_bytes=bytes_ or None,
            driver="amdgpu",
            device_nodes=(KFD,),
            usable=True,
        )
