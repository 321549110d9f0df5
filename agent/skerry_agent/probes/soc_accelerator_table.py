"""Which parts of a system on a chip are accelerators. Data only: device-tree compatibles.

Compatibles are those of the Linux kernel and of the makers' own kernels. What stands in no row is
no accelerator.
"""

from __future__ import annotations

from skerry_agent.probes.accelerator_table import Kind
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class TreeRow:
    """Nodes of a device tree. `compatible` is exact, or begins and ends around one `*`.

    `name` is how the node's name must begin. Nodes of rows with the same `one` are one device.
    `names_chip` says that what stands for the `*` is the chip that it is in.
    `holds` is a compatible that must be found below the node. `dev` is how device nodes begin.
    """

    compatible: str
    name: str = ""
    kind: Kind
    maker: str
    model: str
    one: str | None = None
    names_chip: bool = True
    holds: str | None = None
    dev: str | None = None


@frozen(kw_only=True)
class BoardRow:
    """Whole systems on a chip, by the compatible of the tree's root."""

    compatible: str
    kind: Kind
    maker: str
    model: str
    gpu_compatible: str | None = None


TREE_ROWS = (
    TreeRow(
        compatible="rockchip,*-rknpu",
        kind="npu",
        maker="Rockchip",
        model="Rockchip NPU",
        one="rknpu",
        dev="rknpu",
    ),
    TreeRow(
        compatible="rockchip,*-rknn-core",
        kind="npu",
        maker="Rockchip",
        model="Rockchip NPU",
        one="rknpu",
        dev="rknpu",
    ),
    # The same part serves as a graphics processor; the node's name tells.
    TreeRow(
        compatible="vivante,gc",
        name="npu",
        kind="npu",
        maker="VeriSilicon",
        model="Vivante NPU",
        dev="galcore",
    ),
    *(
        # The same in the kernels of NXP (the graphics processor's node is called otherwise) and
        # of Amlogic, who has it for nothing else.
        TreeRow(
            compatible=compatible,
            name=name,
            kind="npu",
            maker="VeriSilicon",
            model="Vivante NPU",
            dev="galcore",
        )
        for compatible, name in (("fsl,imx8-gpu", "vipsi"), ("amlogic, galcore", ""))
    ),
    TreeRow(
        compatible="fsl,imx93-npu",
        kind="npu",
        maker="NXP",
        model="i.MX 93 NPU (Ethos-U65)",
        dev="ethosu",
    ),
    TreeRow(compatible="arm,ethos-*", kind="npu", maker="Arm", model="Ethos", dev="ethosu"),
    TreeRow(compatible="deepx,npu", kind="npu", maker="DEEPX", model="DX NPU", dev="dxrt"),
    *(
        # Older kernels start it with a driver of its own; one chip names its two by their block.
        TreeRow(
            compatible=compatible,
            kind="dsp",
            maker="Qualcomm",
            model="Hexagon CDSP",
            holds="qcom,fastrpc",
        )
        for compatible in (
            "qcom,*-cdsp-pas",
            "qcom,*-cdsp-pil",
            "qcom,*-nsp0-pas",
            "qcom,*-nsp1-pas",
        )
    ),
    # Later chips (J722S) carry the compatible of the AM62A.
    TreeRow(
        compatible="ti,*-c7xv-dsp",
        kind="dsp",
        maker="Texas Instruments",
        model="C7x DSP",
        names_chip=False,
    ),
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

CHIPS = {
    "24": "nvidia,tegra186",
    "25": "nvidia,tegra194",
    "33": "nvidia,tegra210",
    "35": "nvidia,tegra234",
    "38": "nvidia,tegra264",
}
"""The numbers of the Tegra chips, as the kernel writes them into soc_id."""


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
