"""Which devices are accelerators. Data only: PCI and USB ids, device-tree compatibles.

Ids are those of pci.ids, usb.ids, the Linux kernel and the named vendors' drivers. The first row
that fits a device counts. What stands in no row is no accelerator: a display adapter of a board
management controller or of a virtual machine computes nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

Kind = Literal["gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu"]

DRM = ("drm", "/dev/dri/")
ACCEL = ("accel", "/dev/accel/")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PciRow:
    """PCI functions that are one sort of accelerator.

    `devices` and `classes` hold beginnings of the hexadecimal ids; empty fits all but bridges.
    `drivers` are those that make it usable, empty: any. `nodes` says in which folder of the
    function the device nodes are listed, and where they are below /dev. A card is known by its
    slot, or (`behind_bridge`) by the first bridge of the same vendor above it.
    """

    vendor: str
    devices: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    not_devices: tuple[str, ...] = ()
    kind: Kind
    maker: str
    model: str
    models: tuple[tuple[str, str], ...] = ()
    drivers: tuple[str, ...] = ()
    nodes: tuple[tuple[str, str], ...] = ()
    behind_bridge: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UsbRow:
    """USB ids of one accelerator, in all the states that it shows itself in."""

    ids: tuple[tuple[str, str], ...]
    kind: Kind
    maker: str
    model: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TreeRow:
    """Nodes of a device tree. `compatible` is exact, or begins and ends around one `*`.

    `name` is how the node's name must begin. Nodes of rows with the same `one` are one device.
    `holds` is a compatible that must be found below the node.
    """

    compatible: str
    name: str = ""
    kind: Kind
    maker: str
    model: str
    one: str | None = None
    holds: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """Whole systems on a chip, by the compatible of the tree's root."""

    compatible: str
    kind: Kind
    maker: str
    model: str
    gpu_compatible: str | None = None


UNIFIED_MEMORY = frozenset({("10de", "2e12"), ("10de", "2e2a")})
"""GPUs that share all of the host's memory (GB10) and therefore report none of their own."""

PCI_ROWS = (
    PciRow(
        vendor="10de",
        classes=("0300", "0302"),
        kind="gpu",
        maker="NVIDIA",
        model="NVIDIA GPU",
        drivers=("nvidia",),
    ),
    PciRow(
        vendor="1002",
        classes=("03",),
        # Graphics of server boards: they draw a console.
        not_devices=("515e", "5969", "4752", "4753", "4755", "5159"),
        kind="gpu",
        maker="AMD",
        model="AMD GPU",
        drivers=("amdgpu",),
        nodes=(DRM,),
    ),
    PciRow(
        vendor="8086",
        devices=("7d1d", "ad1d", "643e", "b03e", "fd3e", "d71d"),
        kind="npu",
        maker="Intel",
        model="Intel NPU",
        drivers=("intel_vpu",),
        nodes=(ACCEL,),
    ),
    PciRow(
        vendor="8086",
        classes=("03",),
        kind="gpu",
        maker="Intel",
        model="Intel GPU",
        drivers=("i915", "xe"),
        nodes=(DRM,),
    ),
    PciRow(
        vendor="8086",
        devices=("1452", "1453", "1454", "1455", "1456", "1457", "1458", "1459"),
        kind="dpu",
        maker="Intel",
        model="Intel IPU",
        drivers=("idpf", "icc"),
    ),
    PciRow(
        vendor="1022",
        devices=("1502", "17f0", "17f2", "17f3", "1b0b", "1b0c"),
        kind="npu",
        maker="AMD",
        model="AMD XDNA NPU",
        drivers=("amdxdna",),
        nodes=(ACCEL,),
    ),
    PciRow(
        vendor="1ac1",
        devices=("089a",),
        kind="tpu",
        maker="Google",
        model="Coral Edge TPU",
        drivers=("apex",),
        nodes=(("apex", "/dev/"),),
    ),
    PciRow(
        vendor="1e60",
        devices=("2864", "45c4", "43a2", "26a2"),
        kind="npu",
        maker="Hailo",
        model="Hailo",
        models=(
            ("2864", "Hailo-8"),
            ("45c4", "Hailo-10H"),
            ("43a2", "Hailo-15L"),
            ("26a2", "Mars"),
        ),
        nodes=(("hailo_chardev", "/dev/"), ("hailo1x", "/dev/")),
    ),
    PciRow(
        vendor="17cb",
        devices=("a080", "a100", "a110"),
        kind="npu",
        maker="Qualcomm",
        model="Cloud AI 100",
        models=(("a080", "Cloud AI 80"), ("a110", "Cloud AI 100 Ultra")),
        drivers=("qaic",),
        nodes=(ACCEL, DRM),
    ),
    PciRow(
        vendor="1da3",
        devices=("0001", "1000", "1010", "1020"),
        kind="npu",
        maker="Habana",
        model="Gaudi",
        models=(("0001", "Goya"), ("1020", "Gaudi2")),
        drivers=("habanalabs",),
        nodes=(ACCEL, ("habanalabs", "/dev/")),
    ),
    PciRow(
        vendor="1f9d",
        devices=("1100", "11aa", "0001"),
        kind="npu",
        maker="Axelera",
        model="Metis AIPU",
    ),
    PciRow(
        vendor="1fe9",
        devices=("0100",),
        kind="npu",
        maker="MemryX",
        model="MX3",
    ),
    PciRow(
        vendor="1ff4",
        devices=("0100", "0101", "0110", "0111", "0102", "0112", "2001"),
        kind="npu",
        maker="DEEPX",
        model="DX NPU",
    ),
    PciRow(
        vendor="15b3",
        devices=("a2d2", "a2d6", "a2dc"),
        kind="dpu",
        maker="NVIDIA",
        model="BlueField",
        models=(("a2d6", "BlueField-2"), ("a2dc", "BlueField-3")),
        drivers=("mlx5_core",),
        behind_bridge=True,
    ),
    PciRow(
        vendor="1dd8",
        kind="dpu",
        maker="AMD",
        model="Pensando DSC",
        drivers=("ionic", "pds_core"),
        behind_bridge=True,
    ),
    PciRow(
        vendor="10ee",
        devices=("50",),
        kind="fpga",
        maker="AMD",
        model="Alveo",
        drivers=("xclmgmt", "xocl", "xrt-mgmt"),
    ),
    PciRow(
        vendor="1e52",
        devices=("401e", "b140", "faca"),
        kind="npu",
        maker="Tenstorrent",
        model="Tensix",
        models=(("401e", "Wormhole"), ("b140", "Blackhole"), ("faca", "Grayskull")),
        drivers=("tenstorrent",),
        nodes=(("tenstorrent", "/dev/"),),
    ),
    PciRow(vendor="1e7c", devices=("bca1",), kind="npu", maker="BrainChip", model="Akida"),
    PciRow(
        vendor="1d0f",
        devices=("7064", "7164", "7264", "7364"),
        kind="npu",
        maker="AWS",
        model="Neuron",
        drivers=("neuron",),
        nodes=(("neuron_device", "/dev/"),),
    ),
    PciRow(vendor="1e67", devices=("0004",), kind="npu", maker="Untether AI", model="runAI"),
    PciRow(vendor="1ed2", kind="npu", maker="FuriosaAI", model="Furiosa NPU"),
    PciRow(vendor="1eff", kind="npu", maker="Rebellions", model="Rebellions NPU"),
)

USB_ROWS = (
    UsbRow(
        # The first id until a program loads the firmware, the second afterwards.
        ids=(("1a6e", "089a"), ("18d1", "9302")),
        kind="tpu",
        maker="Google",
        model="Coral USB Accelerator",
    ),
    UsbRow(
        # Not booted (Myriad 2, Myriad X), booted, and the boot loaders.
        ids=tuple(("03e7", product) for product in ("2150", "2485", "f63b", "f63c", "f63d")),
        kind="vpu",
        maker="Intel",
        model="Movidius VPU",
    ),
    UsbRow(ids=(("3231", "0100"),), kind="npu", maker="Kneron", model="KL520"),
    UsbRow(ids=(("3231", "0200"), ("3231", "0720")), kind="npu", maker="Kneron", model="KL720"),
)

TREE_ROWS = (
    TreeRow(
        compatible="rockchip,*-rknpu",
        kind="npu",
        maker="Rockchip",
        model="Rockchip NPU",
        one="rknpu",
    ),
    TreeRow(
        compatible="rockchip,*-rknn-core",
        kind="npu",
        maker="Rockchip",
        model="Rockchip NPU",
        one="rknpu",
    ),
    # The same part serves as a graphics processor; the node's name tells.
    TreeRow(
        compatible="vivante,gc", name="npu", kind="npu", maker="VeriSilicon", model="Vivante NPU"
    ),
    TreeRow(compatible="fsl,imx93-npu", kind="npu", maker="NXP", model="i.MX 93 NPU (Ethos-U65)"),
    TreeRow(compatible="arm,ethos-u*", kind="npu", maker="Arm", model="Ethos-U"),
    TreeRow(compatible="deepx,npu", kind="npu", maker="DEEPX", model="DX NPU"),
    TreeRow(
        compatible="qcom,*-cdsp-pas",
        kind="dsp",
        maker="Qualcomm",
        model="Hexagon CDSP",
        holds="qcom,fastrpc",
    ),
    TreeRow(compatible="ti,*-c7xv-dsp", kind="dsp", maker="Texas Instruments", model="C7x DSP"),
)

BOARD_ROWS = (
    BoardRow(
        compatible="nvidia,tegra210",
        kind="gpu",
        maker="NVIDIA",
        model="Tegra X1 (GM20B)",
        gpu_compatible="nvidia,gm20b",
    ),
    BoardRow(
        compatible="nvidia,tegra186",
        kind="gpu",
        maker="NVIDIA",
        model="Tegra X2 (GP10B)",
        gpu_compatible="nvidia,gp10b",
    ),
    BoardRow(
        compatible="nvidia,tegra194",
        kind="gpu",
        maker="NVIDIA",
        model="Xavier (GV11B)",
        gpu_compatible="nvidia,gv11b",
    ),
    BoardRow(
        compatible="nvidia,tegra234",
        kind="gpu",
        maker="NVIDIA",
        model="Orin (GA10B)",
        gpu_compatible="nvidia,ga10b",
    ),
    BoardRow(
        compatible="nvidia,tegra264",
        kind="gpu",
        maker="NVIDIA",
        model="Thor (GB10B)",
        gpu_compatible="nvidia,gb10b",
    ),
    BoardRow(compatible="xlnx,zynqmp", kind="fpga", maker="AMD", model="Zynq UltraScale+"),
)


def pci_row(vendor: str, device: str, class_: str) -> PciRow | None:
    """Return the row of a PCI function, None when it is no accelerator."""
    for row in PCI_ROWS:
        if (
            row.vendor == vendor
            and (not row.devices or device.startswith(row.devices))
            and device not in row.not_devices
            and (class_.startswith(row.classes) if row.classes else not class_.startswith("06"))
        ):
            return row
    return None


def usb_row(vendor: str, product: str) -> UsbRow | None:
    """Return the row of a USB device, None when it is no accelerator."""
    return next((row for row in USB_ROWS if (vendor, product) in row.ids), None)


def tree_row(name: str, compatibles: tuple[str, ...]) -> TreeRow | None:
    """Return the row of a node of the device tree, None when it is no accelerator."""
    for row in TREE_ROWS:
        begin, star, end = row.compatible.partition("*")
        for compatible in compatibles:
            fits = (
                compatible.startswith(begin) and compatible.endswith(end)
                if star
                else compatible == begin
            )
            if fits and name.startswith(row.name):
                return row
    return None


def board_row(compatibles: tuple[str, ...]) -> BoardRow | None:
    """Return the row of a whole board, None when it has nothing beside its nodes."""
    return next((row for row in BOARD_ROWS if row.compatible in compatibles), None)
