"""Accelerators: one record for each real device, however many functions or cores it shows.

The rows of `accelerator_table` say what is one. A device that is there but cannot be used is
recorded too, with the reason in words.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from skerry_agent.host import Host
from skerry_agent.probes import device_names, pci, usb
from skerry_agent.probes.accelerator_table import (
    UNIFIED_MEMORY,
    BoardRow,
    PciRow,
    TreeRow,
    board_row,
    pci_row,
    tree_row,
    usb_row,
)
from skerry_agent.probes.device_tree import TreeNode, device_tree
from skerry_agent.probes.kernel_text import count, line, pairs, short, size
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.hardware import Accelerator

KFD_NODES = "/sys/class/kfd/kfd/topology/nodes"
NVIDIA_GPUS = "/proc/driver/nvidia/gpus"
TEGRA_NODES = ("/dev/nvhost-gpu", "/dev/nvgpu", "/dev/nvhost-ctrl-gpu", "/dev/nvidia0")
VIDEO_MEMORY_HEAPS = frozenset({"1", "2"})

_BDF = re.compile(r"([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2})\.[0-7]\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class RawPciAccelerator:
    """A PCI function that fits a row, and what else is known of it."""

    function: pci.RawFunction
    nodes: tuple[str, ...]
    vram: str | None
    nvidia: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class RawTreeAccelerator:
    """A node of the device tree that fits a row."""

    node: TreeNode
    driver: str | None
    nodes: tuple[str, ...]
    holds: bool


@dataclasses.dataclass(frozen=True, slots=True)
class RawKfdNode:
    """A node of AMD's compute topology, and its banks of memory."""

    properties: str | None
    banks: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class RawAccelerators:
    """Everything that may be an accelerator."""

    pci: tuple[RawPciAccelerator, ...]
    names: tuple[tuple[tuple[str, str], device_names.Names], ...]
    usb: tuple[usb.RawUsb, ...]
    tree: tuple[RawTreeAccelerator, ...]
    board: tuple[str, ...]
    board_gpu: TreeNode | None
    tegra_nodes: tuple[str, ...]
    kfd: tuple[RawKfdNode, ...]
    meminfo: str | None
    trouble: str | None


# --- reading --------------------------------------------------------------------------------


def read(host: Host) -> RawAccelerators:
    """Collect the texts of what fits a row."""
    functions, pci_trouble = pci.read_functions(host)
    sticks, usb_trouble = usb.read_devices(host)
    cards = tuple(_read_card(host, function) for function in functions if _row_of(function))
    wanted = {(c.function.vendor or "", c.function.device or "") for c in cards}
    tree = device_tree(host)
    board = tree[0].compatibles if tree else ()
    tegra = board_row(board)
    amd = any(card.function.vendor == "1002" for card in cards) or not functions
    return RawAccelerators(
        pci=cards,
        names=tuple(sorted(device_names.read(host, "pci", wanted).items(), key=lambda i: i[0])),
        usb=tuple(s for s in sticks if usb_row(s.vendor or "", s.product or "")),
        tree=tuple(_read_node(host, node, tree) for node in tree if _fits(node)),
        board=board,
        board_gpu=_board_gpu(tegra, tree),
        tegra_nodes=tuple(n for n in TEGRA_NODES if host.exists(n)) if tegra else (),
        kfd=tuple(_read_kfd(host)) if amd else (),
        meminfo=host.text("/proc/meminfo") if cards or tegra else None,
        trouble=pci_trouble or usb_trouble,
    )


def _row_of(function: pci.RawFunction) -> PciRow | None:
    if function.is_virtual or not function.vendor or not function.device:
        return None
    return pci_row(function.vendor, function.device, function.class_ or "")


def _fits(node: TreeNode) -> bool:
    return tree_row(node.name, node.compatibles) is not None


def _read_card(host: Host, function: pci.RawFunction) -> RawPciAccelerator:
    folder = f"{pci.DEVICES}/{function.address}"
    row = _row_of(function)
    nodes = [
        place + name.replace("!", "/")
        for sub, place in (row.nodes if row else ())
        for name in host.entries(f"{folder}/{sub}")
        if name[-1:].isdigit()
    ]
    return RawPciAccelerator(
        function=function,
        nodes=tuple(nodes),
        vram=host.text(f"{folder}/mem_info_vram_total") if function.vendor == "1002" else None,
        nvidia=host.text(f"{NVIDIA_GPUS}/{function.address}/information")
        if function.vendor == "10de"
        else None,
    )


def _read_node(host: Host, node: TreeNode, tree: tuple[TreeNode, ...]) -> RawTreeAccelerator:
    row = tree_row(node.name, node.compatibles)
    stem, _, address = node.name.partition("@")
    folder = f"/sys/bus/platform/devices/{address}.{stem}"
    below = f"{node.path}/"
    return RawTreeAccelerator(
        node=node,
        driver=host.link(f"{folder}/driver"),
        nodes=tuple(
            place + name
            for sub, place in (("accel", "/dev/accel/"), ("drm", "/dev/dri/"))
            for name in host.entries(f"{folder}/{sub}")
            if name[-1:].isdigit()
        ),
        holds=row is not None
        and any(
            row.holds in other.compatibles and other.path.startswith(below) and other.is_enabled
            for other in tree
        ),
    )


def _board_gpu(row: BoardRow | None, tree: tuple[TreeNode, ...]) -> TreeNode | None:
    if row is None or row.gpu_compatible is None:
        return None
    return next((node for node in tree if row.gpu_compatible in node.compatibles), None)


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
    names = dict(raw.names)
    found = [*_on_pci(raw.pci, names, kfd, total), *_on_usb(raw.usb), *_in_tree(raw.tree)]
    found += _of_board(raw, total)
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
            groups.setdefault((row.kind, _card_of(card.function, row)), []).append(card)
    for group in groups.values():
        # The function that a driver holds speaks for the card, else the first.
        first = min(group, key=lambda c: (c.function.driver is None, c.function.address))
        row = _row_of(first.function)
        if row is not None:
            yield _pci_accelerator(first, row, names, kfd, total)


def _card_of(function: pci.RawFunction, row: PciRow) -> str:
    """Return what the functions of one card have in common."""
    place = [part for part in (function.place or "").split("/") if _BDF.match(part)]
    if row.behind_bridge and len(place) > 2:
        # root port / the card's own upstream bridge / its ports / functions
        return place[1]
    match = _BDF.match(function.address)
    return match[1] if match else function.address


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
    minor = count(nvidia.get("Device Minor"), 4095)
    nodes = (*card.nodes, *((f"/dev/nvidia{minor}",) if minor is not None else ()))
    driver = short(function.driver)
    reason = _why_not(row, driver, nodes)
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
    )


def _model(row: PciRow, ids: tuple[str, str], names: device_names.Names | None) -> str:
    known = dict(row.models).get(ids[1])
    listed = names.device if names else None
    return known or listed or short(f"{row.model} {ids[1]}") or row.model


def _why_not(row: PciRow, driver: str | None, nodes: tuple[str, ...]) -> str | None:
    if driver is None:
        return "no driver is bound"
    if driver in ("vfio-pci", "pci-stub", "xen-pciback"):
        return f"is reserved for a virtual machine ({driver})"
    if row.drivers and driver not in row.drivers:
        return f"driver {driver} is bound, not {' or '.join(row.drivers)}"
    if row.nodes and not nodes:
        return f"driver {driver} is bound, but has made no device node"
    return None


def _on_usb(sticks: tuple[usb.RawUsb, ...]) -> Iterable[Accelerator]:
    for stick in sticks:
        row = usb_row(stick.vendor or "", stick.product or "")
        if row is not None:
            yield Accelerator(
                kind=row.kind,
                vendor=row.maker,
                model=row.model,
                bus="usb",
                address=stick.path,
                usable=True,  # driven from user space, which also loads the firmware
            )


def _in_tree(nodes: tuple[RawTreeAccelerator, ...]) -> Iterable[Accelerator]:
    seen: set[str] = set()
    for raw in sorted(nodes, key=lambda raw: raw.node.path):
        row = tree_row(raw.node.name, raw.node.compatibles)
        if row is None or not raw.node.is_enabled or (row.holds and not raw.holds):
            continue
        if row.one is not None and row.one in seen:
            continue
        seen.add(row.one or "")
        yield Accelerator(
            kind=row.kind,
            vendor=row.maker,
            model=_tree_model(row, raw.node),
            bus="soc",
            address=line(raw.node.path) or "/",
            driver=short(raw.driver),
            device_nodes=tuple(filter(None, map(line, raw.nodes)))[:64],
            usable=raw.driver is not None,
            reason=None if raw.driver else "no driver is bound",
        )


def _tree_model(row: TreeRow, node: TreeNode) -> str:
    """Return the row's model, with the chip in it that a compatible such as rk3588-rknpu names."""
    begin, star, end = row.compatible.partition("*")
    for compatible in node.compatibles:
        if star and compatible.startswith(begin) and compatible.endswith(end):
            chip = compatible[len(begin) : len(compatible) - len(end) or None]
            return short(f"{row.model} {chip.upper()}") or row.model
    return row.model


def _of_board(raw: RawAccelerators, total: int | None) -> Iterable[Accelerator]:
    row = board_row(raw.board)
    # The mainline tree of some chips leaves the GPU out: then the chip itself tells.
    if row is None or (raw.board_gpu is not None and not raw.board_gpu.is_enabled):
        return
    is_gpu = row.kind == "gpu"
    reason = None if raw.tegra_nodes or not is_gpu else "the driver has made no device node"
    yield Accelerator(
        kind=row.kind,
        vendor=row.maker,
        model=row.model,
        bus="soc",
        address=line(raw.board_gpu.path if raw.board_gpu else "/") or "/",
        memory_bytes=total if is_gpu else None,
        device_nodes=raw.tegra_nodes,
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
            device_nodes=("/dev/kfd",),
            usable=True,
        )
