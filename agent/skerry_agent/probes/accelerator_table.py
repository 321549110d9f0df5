"""Which devices on a bus are accelerators. Data only: PCI and USB ids.

Ids are those of pci.ids, usb.ids, the Linux kernel and the named vendors' drivers. The first row
that fits a device counts. What stands in no row is no accelerator: a display adapter of a board
management controller or of a virtual machine computes nothing.
"""

from __future__ import annotations

from typing import Literal

from skerry_wire.frozen import frozen

Kind = Literal["gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu"]

DRM = ("drm", "/dev/dri/")
ACCEL = ("accel", "/dev/accel/")


@frozen(kw_only=True)
class PciRow:
    """PCI functions that are one sort of accelerator.

    `devices` and `classes` hold beginnings of the hexadecimal ids; empty fits all but bridges.
    `drivers` are those that make it usable, empty: any. `nodes` says in which folder of the
    function the device nodes are listed, and where they are below /dev; `dev` is how they begin
    there when no folder lists them. A card is known by its slot, or (`behind_bridge`) by the
    topmost of the bridges of the same vendor that are above it.
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
    dev: str | None = None
    behind_bridge: bool = False


@frozen(kw_only=True)
class UsbRow:
    """USB ids of one accelerator, in all the states that it shows itself in."""

    ids: tuple[tuple[str, str], ...]
    kind: Kind
    maker: str
    model: str


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
        classes=("03", "1200"),  # the largest Instincts call themselves processing accelerators
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
        devices=("1452", "1453", "1457"),  # data path, control plane, storage
        kind="dpu",
        maker="Intel",
        model="Intel IPU",
        drivers=("idpf",),
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
        dev="memx",
    ),
    PciRow(
        vendor="1ff4",
        devices=("0100", "0101", "0110", "0111", "0102", "0112", "2001"),
        kind="npu",
        maker="DEEPX",
        model="DX NPU",
        dev="dxrt",
    ),
    PciRow(
        vendor="15b3",
        devices=("a2d2", "a2d6", "a2d9", "a2dc", "a2df"),
        kind="dpu",
        maker="NVIDIA",
        model="BlueField",
        models=(
            ("a2d6", "BlueField-2"),
            ("a2d9", "BlueField-3 Lx"),
            ("a2dc", "BlueField-3"),
            ("a2df", "BlueField-4"),
        ),
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
    # Newer devices of those who make nothing else: by their class, whatever their id.
    *(
        PciRow(vendor=vendor, classes=("0b40", "12"), kind="npu", maker=maker, model=maker)
        for vendor, maker in (
            ("1da3", "Habana"),
            ("1e52", "Tenstorrent"),
            ("1e60", "Hailo"),
            ("1f9d", "Axelera"),
            ("1fe9", "MemryX"),
            ("1ff4", "DEEPX"),
        )
    ),
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
