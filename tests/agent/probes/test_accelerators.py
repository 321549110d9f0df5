"""Accelerators: each real one once, with the reason why it cannot be used."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.host import Host
from skerry_agent.probes import accelerators
from skerry_agent.probes.result import Absent, Found
from skerry_wire.hardware import Accelerator


def kinds(tree):
    return [(one.kind, one.address) for one in found(tree, "accelerators")]


@pytest.mark.parametrize("class_", ["030000", "030200"])
def test_nvidia_of_both_classes(tree, class_):
    tree.pci("0000:01:00.0", "10de:1eb8", class_, driver="nvidia")
    tree.write(
        "proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: Tesla T4\nDevice Minor: 0"
    )
    (gpu,) = found(tree, "accelerators")
    assert (gpu.kind, gpu.model, gpu.usable) == ("gpu", "Tesla T4", True)
    assert gpu.device_nodes == ("/dev/nvidia0",)
    assert gpu.memory_bytes is None, "only the driver's library tells, and nobody asked it"


PCI = [
    # ids, class, driver, below the function's folder; kind, vendor, model, device node
    ("10de:2204", "030000", "nvidia", "", "gpu", "NVIDIA", "NVIDIA GPU 2204", None),
    ("10de:2330", "030200", "nvidia", "", "gpu", "NVIDIA", "NVIDIA GPU 2330", None),
    ("1002:744c", "030000", "amdgpu", "drm/card0", "gpu", "AMD", "AMD GPU 744c", "/dev/dri/card0"),
    ("1002:74a1", "120000", "amdgpu", "drm/card1", "gpu", "AMD", "AMD GPU 74a1", "/dev/dri/card1"),
    ("1002:738c", "038000", "amdgpu", "drm/card1", "gpu", "AMD", "AMD GPU 738c", "/dev/dri/card1"),
    ("8086:56a0", "030000", "xe", "drm/card0", "gpu", "Intel", "Intel GPU 56a0", "/dev/dri/card0"),
    ("8086:9a49", "030000", "i915", "drm/card0", "gpu", "Intel", "Intel GPU 9a49",
     "/dev/dri/card0"),
    ("8086:0bd5", "038000", "xe", "drm/card0", "gpu", "Intel", "Intel GPU 0bd5", "/dev/dri/card0"),
    *(
        (f"8086:{device}", "120000", "intel_vpu", "accel/accel0", "npu", "Intel",
         f"Intel NPU {device}", "/dev/accel/accel0")
        for device in ("7d1d", "ad1d", "643e", "b03e", "fd3e", "d71d")
    ),
    *(
        (f"1022:{device}", "118000", "amdxdna", "accel/accel1", "npu", "AMD",
         f"AMD XDNA NPU {device}", "/dev/accel/accel1")
        for device in ("1502", "17f0", "17f2", "17f3", "1b0b", "1b0c")
    ),
    *(
        ("1ac1:089a", class_, "apex", "apex/apex_0", "tpu", "Google",
         "Coral Edge TPU 089a", "/dev/apex_0")
        for class_ in ("0000ff", "088000")
    ),
    ("1e60:2864", "0b4000", "hailo", "hailo_chardev/hailo0", "npu", "Hailo", "Hailo-8",
     "/dev/hailo0"),
    ("1e60:45c4", "0b4000", "hailo1x", "hailo1x/hailo0", "npu", "Hailo", "Hailo-10H",
     "/dev/hailo0"),
    ("1e60:43a2", "0b4000", "hailo", "hailo_chardev/hailo1", "npu", "Hailo", "Hailo-15L",
     "/dev/hailo1"),
    ("1e60:26a2", "0b4000", "hailo", "hailo_chardev/hailo0", "npu", "Hailo", "Mars",
     "/dev/hailo0"),
    ("17cb:a080", "120000", "qaic", "accel/accel0", "npu", "Qualcomm", "Cloud AI 80",
     "/dev/accel/accel0"),
    ("17cb:a100", "120000", "qaic", "accel/accel0", "npu", "Qualcomm", "Cloud AI 100 a100",
     "/dev/accel/accel0"),
    ("17cb:a110", "120000", "qaic", "accel/accel0", "npu", "Qualcomm", "Cloud AI 100 Ultra",
     "/dev/accel/accel0"),
    ("1da3:0001", "120000", "habanalabs", "accel/accel0", "npu", "Habana", "Goya",
     "/dev/accel/accel0"),
    ("1da3:1000", "120000", "habanalabs", "habanalabs/hl0", "npu", "Habana", "Gaudi 1000",
     "/dev/hl0"),
    ("1da3:1010", "120000", "habanalabs", "accel/accel0", "npu", "Habana", "Gaudi 1010",
     "/dev/accel/accel0"),
    ("1da3:1020", "120000", "habanalabs", "accel/accel0", "npu", "Habana", "Gaudi2",
     "/dev/accel/accel0"),
    *(
        (f"1f9d:{device}", "120000", "metis", "", "npu", "Axelera", f"Metis AIPU {device}", None)
        for device in ("1100", "11aa", "0001")
    ),
    ("1fe9:0100", "120000", "memx_pcie", "", "npu", "MemryX", "MX3 0100", None),
    *(
        (f"1ff4:{device}", "120000", "dx_dma", "", "npu", "DEEPX", f"DX NPU {device}", None)
        for device in ("0100", "0101", "0110", "0111", "0102", "0112", "2001")
    ),
    ("15b3:a2d2", "020000", "mlx5_core", "", "dpu", "NVIDIA", "BlueField a2d2", None),
    ("15b3:a2d6", "020000", "mlx5_core", "", "dpu", "NVIDIA", "BlueField-2", None),
    ("15b3:a2dc", "020000", "mlx5_core", "", "dpu", "NVIDIA", "BlueField-3", None),
    ("8086:1452", "020000", "idpf", "", "dpu", "Intel", "Intel IPU 1452", None),
    ("1dd8:1002", "020000", "ionic", "", "dpu", "AMD", "Pensando DSC 1002", None),
    ("10ee:5020", "120000", "xclmgmt", "", "fpga", "AMD", "Alveo 5020", None),
    ("1e52:401e", "120000", "tenstorrent", "tenstorrent/tenstorrent!0", "npu", "Tenstorrent",
     "Wormhole", "/dev/tenstorrent/0"),
    ("1e52:b140", "120000", "tenstorrent", "tenstorrent/tenstorrent!0", "npu", "Tenstorrent",
     "Blackhole", "/dev/tenstorrent/0"),
    ("1e52:faca", "120000", "tenstorrent", "tenstorrent/tenstorrent!0", "npu", "Tenstorrent",
     "Grayskull", "/dev/tenstorrent/0"),
    ("1e7c:bca1", "0b4000", "akida", "", "npu", "BrainChip", "Akida bca1", None),
    *(
        (f"1d0f:{device}", "088000", "neuron", "neuron_device/neuron0", "npu", "AWS",
         f"Neuron {device}", "/dev/neuron0")
        for device in ("7064", "7164", "7264", "7364")
    ),
    ("1e67:0004", "120000", "untether", "", "npu", "Untether AI", "runAI 0004", None),
    ("1ed2:0001", "120000", "furiosa", "", "npu", "FuriosaAI", "Furiosa NPU 0001", None),
    ("1eff:1220", "120000", "rebellions", "", "npu", "Rebellions", "Rebellions NPU 1220", None),
    # Unknown devices of makers of nothing else.
    ("1e60:9999", "0b4000", "hailo", "", "npu", "Hailo", "Hailo 9999", None),
    ("1da3:9999", "120000", "habanalabs", "", "npu", "Habana", "Habana 9999", None),
]  # fmt: skip


@pytest.mark.parametrize("row", PCI, ids=lambda row: f"{row[0]}-{row[1]}")
def test_each_pci_row_is_one_accelerator(tree, row):
    ids, class_, driver, inside, kind, vendor, model, node = row
    files = {f"{inside}/dev": "1:0"} if inside else {}
    tree.pci("0000:01:00.0", ids, class_, driver=driver, **files)
    assert found(tree, "accelerators") == (
        Accelerator(
            kind=kind,
            vendor=vendor,
            model=model,
            bus="pci",
            address="0000:01:00.0",
            driver=driver,
            device_nodes=(node,) if node else (),
            usable=True,
        ),
    )


USB = [
    ("1a6e:089a", "tpu", "Google", "Coral USB Accelerator"),
    ("18d1:9302", "tpu", "Google", "Coral USB Accelerator"),
    *(
        (f"03e7:{product}", "vpu", "Intel", "Movidius VPU")
        for product in ("2150", "2485", "f63b", "f63c", "f63d")
    ),
    ("3231:0100", "npu", "Kneron", "KL520"),
    ("3231:0200", "npu", "Kneron", "KL720"),
    ("3231:0720", "npu", "Kneron", "KL720"),
]


@pytest.mark.parametrize(("ids", "kind", "vendor", "model"), USB)
def test_each_usb_row_is_one_accelerator_in_all_of_its_states(tree, ids, kind, vendor, model):
    assert found(tree.usb("1-4", ids), "accelerators") == (
        Accelerator(kind=kind, vendor=vendor, model=model, bus="usb", address="1-4", usable=True),
    )


TREE = [
    *(
        (f"npu@{chip}", f"rockchip,{chip}-rknpu", "npu", "Rockchip",
         f"Rockchip NPU {chip.upper()}")
        for chip in ("rk3568", "rk3562", "rk3576", "rk3588", "rv1106", "rv1126b")
    ),
    ("npu@fdab0000", "rockchip,rk3588-rknn-core", "npu", "Rockchip", "Rockchip NPU RK3588"),
    ("npu@38500000", "vivante,gc", "npu", "VeriSilicon", "Vivante NPU"),
    ("npu@ff100000", "vivante,gc", "npu", "VeriSilicon", "Vivante NPU"),
    ("npu@4a900000", "fsl,imx93-npu arm,ethos-u65", "npu", "NXP", "i.MX 93 NPU (Ethos-U65)"),
    ("npu@4a900000", "arm,ethos-u65", "npu", "Arm", "Ethos U65"),
    ("npu@1000", "deepx,npu", "npu", "DEEPX", "DX NPU"),
    ("dsp@7e000000", "ti,am62a-c7xv-dsp", "dsp", "Texas Instruments", "C7x DSP"),
]  # fmt: skip


def bound(tree, device, driver, node=None):
    """Bind a driver to a platform device, which may be called unlike its node."""
    folder = f"sys/devices/platform/{device}"
    tree.write(folder, {}).write(f"sys/bus/platform/drivers/{driver}", {})
    tree.link(f"{folder}/driver", f"/sys/bus/platform/drivers/{driver}")
    tree.link(f"sys/bus/platform/devices/{device}", f"/{folder}")
    if node:
        tree.link(f"{folder}/of_node", f"/sys/firmware/devicetree/base{node}")


@pytest.mark.parametrize("row", TREE, ids=lambda row: f"{row[1]}")
def test_each_row_of_the_device_tree_is_one_accelerator(tree, row):
    name, compatible, kind, vendor, model = row
    tree.node("/", "a,board").node(f"/soc/{name}", compatible)
    expected = Accelerator(
        kind=kind,
        vendor=vendor,
        model=model,
        bus="soc",
        address=f"/soc/{name}",
        reason="no driver is bound",
    )
    assert found(tree, "accelerators") == (expected,)
    stem, _, address = name.partition("@")
    bound(tree, f"{address}.{stem}", "its_driver")
    (one,) = found(tree, "accelerators")
    assert (one.driver, one.usable, one.reason) == ("its_driver", True, None)


def test_a_driver_is_found_behind_a_bus_that_translates_addresses(tree):
    tree.node("/", "a,board").node("/soc/npu@1000", "deepx,npu")
    bound(tree, "8000001000.npu", "dxrt_driver", node="/soc/npu@1000")
    tree.node("/soc/npu@2000", "x,y")
    bound(tree, "7000002000.npu", "another", node="/soc/npu@2000")
    (npu,) = found(tree, "accelerators")
    assert (npu.driver, npu.usable) == ("dxrt_driver", True)


def test_the_nodes_of_an_npu_are_told(tree):
    tree.node("/", "a,board").node("/npu@fdab0000", "rockchip,rk3588-rknpu")
    bound(tree, "fdab0000.npu", "RKNPU")
    tree.write("sys/devices/platform/fdab0000.npu/drm", {"card1": {}, "renderD129": {}})
    (npu,) = found(tree, "accelerators")
    assert npu.device_nodes == ("/dev/dri/card1", "/dev/dri/renderD129")


def cdsp(tree, *, fastrpc=True, nodes=()):
    remote = "/soc@0/remoteproc@21300000"
    tree.node("/", "a,board qcom,sm8450").node(remote, "qcom,sm8450-cdsp-pas", status="okay")
    if fastrpc:
        tree.node(f"{remote}/glink-edge/fastrpc", "qcom,fastrpc", label="cdsp")
    for node in nodes:
        tree.write(f"sys/class/misc/{node}", {})
    bound(tree, "21300000.remoteproc", "qcom_q6v5_pas")


def test_a_qualcomm_dsp_takes_work_through_fastrpc(tree):
    cdsp(tree, nodes=("fastrpc-cdsp", "fastrpc-cdsp-secure", "fastrpc-adsp"))
    (dsp,) = found(tree, "accelerators")
    assert (dsp.kind, dsp.vendor, dsp.model) == ("dsp", "Qualcomm", "Hexagon CDSP SM8450")
    assert dsp.device_nodes == ("/dev/fastrpc-cdsp", "/dev/fastrpc-cdsp-secure")
    assert dsp.usable


def test_one_whose_firmware_did_not_start_is_not_usable(tree):
    cdsp(tree)
    (dsp,) = found(tree, "accelerators")
    assert dsp.reason == "driver qcom_q6v5_pas is bound, but there is no device node"


@pytest.mark.parametrize("end", ["cdsp-pas", "cdsp-pil", "nsp0-pas", "nsp1-pas"])
def test_each_name_of_that_dsp(tree, end):
    remote = "/soc@0/remoteproc@1b300000"
    tree.node("/", "lenovo,x13s qcom,sc8280xp").node(remote, f"qcom,sc8280xp-{end}")
    tree.node(f"{remote}/glink-edge/fastrpc", "qcom,fastrpc", label="cdsp")
    assert kinds(tree) == [("dsp", remote)]


def test_one_without_fastrpc_is_none(tree):
    cdsp(tree, fastrpc=False)
    assert isinstance(result(tree, "accelerators"), Absent)


BOARDS = [
    ("nvidia,p2771-0000 nvidia,tegra186", "24", "Tegra X2 (GP10B)"),
    ("nvidia,p2972-0000 nvidia,tegra194", "25", "Xavier (GV11B)"),
    ("nvidia,p2371-2180 nvidia,tegra210", "33", "Tegra X1 (GM20B)"),
    ("nvidia,p3737-0000+p3701-0000 nvidia,tegra234", "35", "Orin (GA10B)"),
    ("nvidia,p3971-0080+p3834-0008 nvidia,tegra264", "38", "Thor (GB10B)"),
]


@pytest.mark.parametrize(("compatible", "chip", "model"), BOARDS)
def test_each_jetson_has_one_gpu_with_all_of_the_memory(tree, compatible, chip, model):
    del chip
    tree.node("/", compatible).write("proc/meminfo", "MemTotal: 1000 kB")
    expected = Accelerator(
        kind="gpu",
        vendor="NVIDIA",
        model=model,
        bus="soc",
        address="/",
        memory_bytes=1000 * 1024,
        reason="no driver is bound",
    )
    assert found(tree, "accelerators") == (expected,)


@pytest.mark.parametrize(("compatible", "chip", "model"), BOARDS)
def test_a_board_that_names_no_chip_is_known_by_the_chips_own_number(tree, compatible, chip, model):
    del compatible
    tree.node("/", "maker,carrier").write("sys/devices/soc0", {"family": "Tegra", "soc_id": chip})
    tree.write("dev/nvgpu", {})
    (gpu,) = found(tree, "accelerators")
    assert (gpu.model, gpu.usable, gpu.device_nodes) == (model, True, ("/dev/nvgpu",))


def test_another_makers_chip_of_the_same_number_is_none(tree):
    tree.node("/", "maker,carrier").write("sys/devices/soc0", {"family": "i.MX", "soc_id": "35"})
    assert isinstance(result(tree, "accelerators"), Absent)


def test_the_driver_of_a_jetsons_gpu_is_found_by_its_clock(tree):
    tree.node("/", "nvidia,tegra234").write("sys/bus/platform/drivers/gk20a", {})
    device = "sys/devices/platform/17000000.gpu"
    tree.write(f"{device}/of_node/name", b"ga10b\0")
    tree.link(f"{device}/driver", "/sys/bus/platform/drivers/gk20a")
    tree.write("sys/class/devfreq/17000000.gpu", {})
    tree.link("sys/class/devfreq/17000000.gpu/device", f"/{device}")
    (gpu,) = found(tree, "accelerators")
    assert gpu.driver == "gk20a"
    assert gpu.reason == "driver gk20a is bound, but has made no device node"


def test_an_fpga_in_a_chip_is_usable_through_its_manager(tree):
    tree.node("/", "xlnx,zynqmp-kr260 xlnx,zynqmp")
    (fpga,) = found(tree, "accelerators")
    assert (fpga.kind, fpga.model) == ("fpga", "Zynq UltraScale+")
    assert fpga.reason == "the kernel has no FPGA manager"
    tree.write("sys/class/fpga_manager/fpga0", {})
    (fpga,) = found(tree, "accelerators")
    assert (fpga.usable, fpga.memory_bytes) == (True, None)


NOT_COMPUTE = [
    ("1a03:2000", "030000"),  # management controllers
    ("102b:0534", "030000"),
    ("1002:515e", "030000"),
    ("1002:4752", "030000"),
    ("1234:1111", "030000"),  # virtual machines
    ("1af4:1050", "038000"),
    ("15ad:0405", "030000"),
    ("1b36:0100", "030000"),
    ("10de:22a3", "068000"),  # a switch between GPUs
    ("10de:10f8", "040300"),  # their sound, USB and UCSI
    ("10de:1ad6", "0c0330"),
    ("1002:ab38", "040300"),
    ("8086:7d03", "118000"),  # Intel's gauge of the chip, not its NPU
    ("1022:14e8", "060000"),
    ("8086:37c8", "0b4000"),  # compresses and encrypts
    ("1dd8:1000", "060400"),  # the bridge of a card
    ("1ed2:0001", "060400"),
    ("15b3:101d", "020000"),  # a network card that is nothing more
    ("1e60:9999", "028000"),
]


@pytest.mark.parametrize(("ids", "class_"), NOT_COMPUTE)
def test_what_is_no_accelerator(tree, ids, class_):
    assert isinstance(result(tree.pci("0000:01:00.0", ids, class_), "accelerators"), Absent)


def test_boards_of_several_makers(tree):
    tree.pci("0000:00:02.0", "8086:9a49", "030000", driver="i915", **{"drm/card0/dev": ""})
    tree.pci("0000:01:00.0", "10de:2204", "030000", driver="vfio-pci")
    tree.pci("0000:02:00.0", "1e60:2864", "0b4000")
    tree.pci("0000:03:00.0", "1a03:2000", "030000", driver="ast")
    tree.usb("1-4", "1a6e:089a")
    tree.node("/", "x,board").node("/npu@1", "deepx,npu")
    assert kinds(tree) == [
        ("gpu", "0000:00:02.0"),
        ("gpu", "0000:01:00.0"),
        ("npu", "0000:02:00.0"),
        ("npu", "/npu@1"),
        ("tpu", "1-4"),
    ]


def test_two_gpus_of_one_card_are_two(tree):
    bridge = "pci0000:00/0000:00:02.0/0000:03:00.0"
    for port, bus in (("08", "04"), ("10", "05")):
        place = f"{bridge}/0000:03:{port}.0/0000:{bus}:00.0"
        tree.pci(f"0000:{bus}:00.0", "10de:102d", "030200", driver="nvidia", place=place)
    assert kinds(tree) == [("gpu", "0000:04:00.0"), ("gpu", "0000:05:00.0")]


def test_a_virtual_function_given_to_a_guest_is_a_gpu_there(tree):
    tree.pci("0000:00:05.0", "10de:2331", "030200", driver="nvidia")
    assert kinds(tree) == [("gpu", "0000:00:05.0")]


def test_the_drivers_version_is_told(tree):
    tree.pci("0000:01:00.0", "10de:2204", "030000", driver="nvidia")
    tree.write("sys/module/nvidia/version", "550.54.14")
    (gpu,) = found(tree, "accelerators")
    assert gpu.driver_version == "550.54.14"


def test_nodes_that_only_draw_are_not_told(tree):
    nodes = {f"drm/{name}/dev": "" for name in ("card0", "controlD64", "renderD128")}
    tree.pci("0000:00:02.0", "8086:0166", "030000", driver="i915", **nodes)
    (gpu,) = found(tree, "accelerators")
    assert gpu.device_nodes == ("/dev/dri/card0", "/dev/dri/renderD128")


def test_own_memory_of_an_amd_gpu_is_told(tree):
    tree.pci(
        "0000:01:00.0",
        "1002:1681",
        "030000",
        driver="amdgpu",
        mem_info_vram_total=512 * 1024**2,
        mem_info_gtt_total=16 * 1024**3,  # the host's, which the GPU may borrow
    )
    (gpu,) = found(tree, "accelerators")
    assert gpu.memory_bytes == 512 * 1024**2


# --- on the box itself: what stands below /dev ---------------------------------------------


def on_box(tree):
    """Return what is found where /dev is the box's own."""
    answer = accelerators.parse(accelerators.read(Host(tree.root, live=True)))
    assert isinstance(answer, Found)
    return answer.value


def test_a_device_node_that_sysfs_promises_may_be_missing(tree):
    tree.pci("0000:00:0b.0", "8086:7d1d", "120000", driver="intel_vpu", **{"accel/accel0/dev": ""})
    (npu,) = on_box(tree)
    assert npu.reason == "driver intel_vpu is bound, but /dev/accel/accel0 is not there"
    (npu,) = on_box(tree.write("dev/accel/accel0"))
    assert npu.usable


def test_the_node_of_a_part_of_the_chip_may_be_missing(tree):
    cdsp(tree, nodes=("fastrpc-cdsp",))
    (dsp,) = on_box(tree)
    assert dsp.reason == "driver qcom_q6v5_pas is bound, but /dev/fastrpc-cdsp is not there"
    (dsp,) = on_box(tree.write("dev/fastrpc-cdsp"))
    assert dsp.usable


def test_a_gpu_that_its_driver_could_not_start(tree):
    tree.pci("0000:01:00.0", "10de:2204", "030000", driver="nvidia")
    (gpu,) = on_box(tree)
    assert not gpu.usable
    information = "proc/driver/nvidia/gpus/0000:01:00.0/information"
    tree.write(information, "Model: \t RTX 3090\nDevice Minor: \t 0")
    (gpu,) = on_box(tree.write("dev/nvidia0"))
    assert (gpu.model, gpu.usable) == ("RTX 3090", True)


@pytest.mark.parametrize(
    ("ids", "driver", "stem"), [("1fe9:0100", "memx", "memx"), ("1ff4:0101", "dx", "dxrt")]
)
def test_nodes_that_only_their_names_tell(tree, ids, driver, stem):
    tree.pci("0000:01:00.0", ids, "120000", driver=driver)
    (npu,) = on_box(tree)
    assert npu.reason == f"driver {driver} is bound, but /dev/{stem}0 is not there"
    tree.write(f"dev/{stem}0").write(f"dev/{stem}0_feature")
    (npu,) = on_box(tree)
    assert (npu.device_nodes, npu.usable) == ((f"/dev/{stem}0",), True)
    tree.pci("0000:02:00.0", ids, "120000", driver=driver).write(f"dev/{stem}1")
    assert [(npu.device_nodes, npu.usable) for npu in on_box(tree)] == [((), True)] * 2


def test_the_sound_of_a_gpu_a_switch_and_virtual_functions_are_none(tree):
    tree.pci("0000:01:00.0", "10de:1eb8", "030000", driver="nvidia")
    tree.pci("0000:01:00.1", "10de:10f8", "040300", driver="snd_hda_intel")
    tree.pci("0000:05:00.0", "10de:22a3", "068000")
    tree.pci("0000:01:01.4", "10de:1eb8", "030000", physfn="")
    assert kinds(tree) == [("gpu", "0000:01:00.0")]


def test_the_graphics_of_a_management_controller_compute_nothing(tree):
    tree.pci("0000:03:00.0", "1a03:2000", "030000", driver="ast")
    assert isinstance(result(tree, "accelerators"), Absent)


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        (None, "no driver is bound"),
        ("vfio-pci", "is reserved for a virtual machine (vfio-pci)"),
        ("nouveau", "driver nouveau is bound, not nvidia"),
    ],
)
def test_a_gpu_that_cannot_be_used_says_why(tree, driver, reason):
    (gpu,) = found(tree.pci("0000:01:00.0", "10de:1eb8", "030200", driver=driver), "accelerators")
    assert (gpu.usable, gpu.reason) == (False, reason)


def kfd(tree, node, location, *, simd=64, bank_bytes=1024, domain=0):
    folder = f"sys/class/kfd/kfd/topology/nodes/{node}"
    text = f"simd_count {simd}\nlocation_id {location}\ndomain {domain}"
    tree.write(f"{folder}/properties", text)
    tree.write(f"{folder}/mem_banks/0/properties", f"heap_type 1\nsize_in_bytes {bank_bytes}")


def test_partitions_of_an_amd_gpu_are_one_gpu_with_all_of_its_memory(tree):
    tree.pci("0000:c1:00.0", "1002:74a1", "038000", driver="amdgpu", **{"drm/renderD128/dev": ""})
    kfd(tree, 0, 0, simd=0)
    for partition in range(4):
        kfd(tree, partition + 1, 0xC100 + (partition << 28))
    (gpu,) = found(tree, "accelerators")
    assert (gpu.address, gpu.memory_bytes) == ("0000:c1:00.0", 4 * 1024)
    assert gpu.device_nodes == ("/dev/dri/renderD128", "/dev/kfd")


def test_kfd_alone_tells_of_the_gpus_too(tree):
    kfd(tree, 0, 0, simd=0)
    kfd(tree, 1, 0x0300)
    kfd(tree, 2, 0x8300)
    assert kinds(tree) == [("gpu", "0000:03:00.0"), ("gpu", "0000:83:00.0")]


def test_three_cores_of_one_rockchip_npu_are_one(tree):
    tree.node("/", "radxa,rock-5b rockchip,rk3588")
    for address in ("fdab0000", "fdac0000", "fdad0000"):
        tree.node(f"/npu@{address}", "rockchip,rk3588-rknn-core", status="okay")
    assert kinds(tree) == [("npu", "/npu@fdab0000")]


@pytest.mark.parametrize("status", ["disabled", "reserved", "fail"])
def test_a_node_that_is_not_enabled_is_no_device(tree, status):
    tree.node("/", "pine64,quartz64").node("/npu@fde40000", "rockchip,rk3568-rknpu", status=status)
    assert isinstance(result(tree, "accelerators"), Absent)


def test_nor_is_one_below_a_node_that_is_not(tree):
    tree.node("/", "x,board").node("/bus@1", "simple-bus", status="disabled")
    tree.node("/bus@1/npu@2", "rockchip,rk3568-rknpu")
    assert isinstance(result(tree, "accelerators"), Absent)


def test_the_same_part_is_an_npu_only_by_its_nodes_name(tree):
    tree.node("/", "fsl,imx8mp").node("/gpu@38000000", "vivante,gc").node(
        "/npu@38500000", "vivante,gc"
    )
    assert kinds(tree) == [("npu", "/npu@38500000")]


def test_a_jetson_without_a_gpu_node_is_known_by_its_chip(tree):
    tree.node("/", "nvidia,p3737-0000+p3701-0000 nvidia,tegra234")
    tree.write("proc/meminfo", "MemTotal: 1000 kB").write("dev/nvhost-gpu")
    (gpu,) = found(tree, "accelerators")
    assert (gpu.model, gpu.memory_bytes, gpu.usable) == ("Orin (GA10B)", 1000 * 1024, True)


def test_only_known_integrated_parts_count_the_hosts_memory_as_theirs(tree):
    tree.write("proc/meminfo", "MemTotal: 1000 kB")
    tree.pci("0000:01:00.0", "10de:2e12", "030200", driver="nvidia")
    tree.pci("0000:02:00.0", "10de:1eb8", "030200", driver="nvidia")
    spark, tesla = found(tree, "accelerators")
    assert (spark.memory_bytes, tesla.memory_bytes) == (1000 * 1024, None)


def test_an_npu_on_pci_needs_its_device_node(tree):
    tree.pci("0000:00:0b.0", "8086:7d1d", "120000", driver="intel_vpu")
    (npu,) = found(tree, "accelerators")
    assert "no device node" in npu.reason
    tree.write("sys/devices/pci0000:00/0000:00:0b.0/accel/accel0/dev", "261:0")
    (npu,) = found(tree, "accelerators")
    assert (npu.usable, npu.device_nodes) == (True, ("/dev/accel/accel0",))


def card(tree, bus, vendor, device, bridge, above="", functions=("00.0", "00.1")):
    """Write a card with a bridge of its own, whose functions stand on two buses behind it."""
    place = f"pci0000:00/0000:00:01.0/{above}0000:{bus}0:00.0"
    tree.pci(f"0000:{bus}0:00.0", f"{vendor}:{bridge}", "060400", place=place)
    for port, function in enumerate(functions):
        down = f"0000:{bus}1:0{port}.0"
        end = f"0000:{bus}{port + 2}:{function}"
        tree.pci(down, f"{vendor}:{bridge}", "060400", place=f"{place}/{down}")
        tree.pci(end, f"{vendor}:{device}", "020000", place=f"{place}/{down}/{end}")


@pytest.mark.parametrize(
    ("vendor", "device", "bridge"), [("15b3", "a2d6", "1978"), ("1dd8", "1002", "1000")]
)
def test_functions_of_one_dpu_are_one_and_two_cards_behind_a_switch_are_two(
    tree, vendor, device, bridge
):
    tree.pci("0000:00:01.0", "8086:1901", "060400", place="pci0000:00/0000:00:01.0")
    switch = "0000:10:00.0/"
    tree.pci("0000:10:00.0", "10b5:8747", "060400", place=f"pci0000:00/0000:00:01.0/{switch}")
    card(tree, "2", vendor, device, bridge, above=switch)
    card(tree, "3", vendor, device, bridge, above=switch)
    assert kinds(tree) == [("dpu", "0000:22:00.0"), ("dpu", "0000:32:00.0")]


def test_two_ports_of_one_dpu_are_one(tree):
    for function in (0, 1):
        tree.pci(f"0000:03:00.{function}", "15b3:a2d6", "020000", driver="mlx5_core")
    assert kinds(tree) == [("dpu", "0000:03:00.0")]


def test_two_functions_of_an_fpga_card_are_one(tree):
    tree.pci("0000:03:00.0", "10ee:5020", "120000", driver="xclmgmt")
    tree.pci("0000:03:00.1", "10ee:5021", "120000", driver="xocl")
    assert kinds(tree) == [("fpga", "0000:03:00.0")]


def test_the_same_npu_in_the_kernels_of_two_makers(tree):
    tree.node("/", "fsl,imx8mp").node("/gpu3d@38000000", "fsl,imx8-gpu fsl,imx6q-gpu")
    tree.node("/vipsi@38500000", "fsl,imx8-gpu fsl,imx6q-gpu")
    base = "sys/firmware/devicetree/base"
    tree.write(f"{base}/galcore/compatible", b"amlogic, galcore\0")  # the blank is theirs
    assert kinds(tree) == [("npu", "/galcore"), ("npu", "/vipsi@38500000")]


def test_a_stick_is_of_no_use_where_the_nodes_of_usb_devices_are_missing(tree):
    tree.usb("1-1", "18d1:9302")
    live = Host(tree.root, live=True)
    (stick,) = accelerators.parse(accelerators.read(live)).value
    assert (stick.usable, stick.reason) == (
        *(False, "the box has no /dev/bus/usb, through which it is driven"),
    )
    tree.write("dev/bus/usb/001/002")
    (stick,) = accelerators.parse(accelerators.read(Host(tree.root, live=True))).value
    assert (stick.usable, stick.reason, stick.device_nodes) == (True, None, ())
