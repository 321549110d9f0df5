"""Accelerators inside a system on a chip: nodes of the device tree, and chips known as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from skerry_agent.host import Host
from skerry_agent.probes.device_tree import TreeNode, base_of, device_tree
from skerry_agent.probes.kernel_text import line, short
from skerry_agent.probes.soc_accelerator_table import (
    CHIPS,
    BoardRow,
    TreeRow,
    board_row,
    tree_row,
)
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Accelerator

PLATFORM = "/sys/bus/platform/devices"
SOC = "/sys/devices/soc0"
DEVFREQ = "/sys/class/devfreq"
FPGA_MANAGERS = "/sys/class/fpga_manager"
MISC = "/sys/class/misc"
TEGRA_NODES = ("/dev/nvhost-gpu", "/dev/nvgpu", "/dev/nvhost-ctrl-gpu", "/dev/nvidia0")
TEGRA_GPUS = frozenset({"gp10b", "gv11b", "ga10b", "gb10b", "gpu"})
"""How the node of the GPU is called in the trees of the boards' makers."""


@frozen()
class RawTreeAccelerator:
    """A node of the device tree that fits a row; `holds` what the row asks for below it.

    `missing` are those of its device nodes that should be below /dev and are not.
    """

    node: TreeNode
    driver: str | None
    nodes: tuple[str, ...]
    missing: tuple[str, ...]
    holds: bool


@frozen()
class RawBoard:
    """What is known of a whole board: its row, its GPU's node, and what its drivers made."""

    row: BoardRow
    gpu: TreeNode | None
    gpu_driver: str | None
    nodes: tuple[str, ...]
    managers: tuple[str, ...]


# --- reading --------------------------------------------------------------------------------


def read_tree(host: Host) -> tuple[RawTreeAccelerator, ...]:
    """Collect what is known of the nodes that fit a row."""
    tree = device_tree(host)
    found = ((node, tree_row(node.name, node.compatibles)) for node in tree)
    return tuple(_read_node(host, node, row, tree) for node, row in found if row is not None)


def _read_node(
    host: Host, node: TreeNode, row: TreeRow, tree: tuple[TreeNode, ...]
) -> RawTreeAccelerator:
    below = f"{node.path}/"
    held = [
        other
        for other in tree
        if row.holds in other.compatibles and other.path.startswith(below) and other.is_enabled
    ]
    folder = _platform_device(host, node)
    nodes = [
        place + name
        for sub, place in (("accel", "/dev/accel/"), ("drm", "/dev/dri/"))
        for name in (host.entries(f"{folder}/{sub}") if folder else ())
        if name[-1:].isdigit()
    ]
    nodes += [f"/dev/{name}" for name in host.entries("/dev") if _is_numbered(name, row.dev)]
    for other in held:
        label = host.text(f"{base_of(host)}{other.path}/label")
        names = (f"fastrpc-{label}", f"fastrpc-{label}-secure") if label else ()
        nodes += [f"/dev/{name}" for name in names if host.exists(f"{MISC}/{name}")]
    driver = host.link(f"{folder}/driver") if folder else None
    missing = tuple(n for n in nodes if host.is_live and not host.exists(n))
    return RawTreeAccelerator(node, driver, tuple(nodes), missing, bool(held))


def _is_numbered(name: str, stem: str | None) -> bool:
    """Say whether a name is the stem alone (`galcore`) or with a number (`ethosu0`)."""
    return stem is not None and name.startswith(stem) and f"0{name[len(stem) :]}".isdecimal()


def _platform_device(host: Host, node: TreeNode) -> str | None:
    """Return the folder of the device that the kernel made of a node of the tree."""
    stem, _, address = node.name.partition("@")
    usual = f"{PLATFORM}/{address}.{stem}"
    if host.exists(usual):
        return usual
    # Behind a bus that translates addresses, or without an address, it is called otherwise.
    for name in host.entries(PLATFORM):
        if stem in name:
            target = host.target(f"{PLATFORM}/{name}/of_node")
            if target is not None and target.endswith(f"/base{node.path}"):
                return f"{PLATFORM}/{name}"
    return None


def read_board(host: Host) -> RawBoard | None:
    """Collect what is known of a board whose chip is an accelerator, None of all others."""
    tree = device_tree(host)
    row = board_row(tree[0].compatibles if tree else ()) or _row_of_chip(host)
    if row is None:
        return None
    gpu = next((node for node in tree if row.gpu_compatible in node.compatibles), None)
    return RawBoard(
        row=row,
        gpu=gpu,
        gpu_driver=_driver_of_gpu(host, gpu) if row.kind == "gpu" else None,
        nodes=tuple(node for node in TEGRA_NODES if host.exists(node)),
        managers=host.entries(FPGA_MANAGERS) if row.kind == "fpga" else (),
    )


def _row_of_chip(host: Host) -> BoardRow | None:
    """Return the row of the chip by its own number, where the tree's root names a board only."""
    if not (host.text(f"{SOC}/family") or "").lower().startswith("tegra"):
        return None
    compatible = CHIPS.get(host.text(f"{SOC}/soc_id") or "")
    return board_row((compatible,)) if compatible else None


def _driver_of_gpu(host: Host, gpu: TreeNode | None) -> str | None:
    folder = _platform_device(host, gpu) if gpu is not None else None
    if folder is not None:
        return host.link(f"{folder}/driver")
    for name in host.entries(DEVFREQ):
        device = f"{DEVFREQ}/{name}/device"
        if host.text(f"{device}/of_node/name") in TEGRA_GPUS:
            return host.link(f"{device}/driver")
    return None


# --- understanding --------------------------------------------------------------------------


def in_tree(nodes: tuple[RawTreeAccelerator, ...]) -> Iterable[Accelerator]:
    """Return one record for each accelerator that the device tree describes and enables."""
    seen: set[str] = set()
    for raw in sorted(nodes, key=lambda raw: raw.node.path):
        row = tree_row(raw.node.name, raw.node.compatibles)
        if row is None or not raw.node.is_enabled or (row.holds and not raw.holds):
            continue
        if row.one is not None and row.one in seen:
            continue
        seen.add(row.one or "")
        reason = _why_not(row, raw)
        yield Accelerator(
            kind=row.kind,
            vendor=row.maker,
            model=_model(row, raw.node),
            bus="soc",
            address=line(raw.node.path) or "/",
            driver=short(raw.driver),
            device_nodes=tuple(sorted(filter(None, map(line, raw.nodes))))[:64],
            usable=reason is None,
            reason=reason,
        )


def _why_not(row: TreeRow, raw: RawTreeAccelerator) -> str | None:
    if raw.driver is None:
        return "no driver is bound"
    if row.holds and not raw.nodes:
        return f"driver {raw.driver} is bound, but there is no device node"
    if raw.missing:
        return f"driver {raw.driver} is bound, but {raw.missing[0]} is not there"
    return None


def _model(row: TreeRow, node: TreeNode) -> str:
    """Return the row's model, with the chip in it that a compatible such as rk3588-rknpu names."""
    begin, star, end = row.compatible.partition("*")
    for compatible in node.compatibles:
        if star and row.names_chip and compatible.startswith(begin) and compatible.endswith(end):
            chip = compatible[len(begin) : len(compatible) - len(end) or None]
            return short(f"{row.model} {chip.upper()}") or row.model
    return row.model


def _no_node(driver: str | None) -> str:
    if driver is None:
        return "no driver is bound"
    return f"driver {short(driver)} is bound, but has made no device node"


def of_board(raw: RawBoard | None, total_bytes: int | None) -> Iterable[Accelerator]:
    """Return the record of a board's own accelerator; its GPU has all of the host's memory."""
    # The mainline tree of some chips leaves the GPU out: then the chip itself tells.
    if raw is None or (raw.gpu is not None and not raw.gpu.is_enabled):
        return
    is_gpu = raw.row.kind == "gpu"
    if is_gpu:
        reason = None if raw.nodes else _no_node(raw.gpu_driver)
    else:
        reason = None if raw.managers else "the kernel has no FPGA manager"
    yield Accelerator(
        kind=raw.row.kind,
        vendor=raw.row.maker,
        model=raw.row.model,
        bus="soc",
        address=line(raw.gpu.path if raw.gpu else "/") or "/",
        memory_bytes=total_bytes if is_gpu else None,
        driver=short(raw.gpu_driver),
        device_nodes=raw.nodes if is_gpu else (),
        usable=reason is None,
        reason=reason,
    )
