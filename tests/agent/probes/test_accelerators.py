"""Accelerators: each real one once, with the reason why it cannot be used."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent


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


def test_the_sound_of_a_gpu_a_switch_and_virtual_functions_are_none(tree):
    tree.pci("0000:01:00.0", "10de:1eb8", "030000", driver="nvidia")
    tree.pci("0000:01:00.1", "10de:10f8", "040300", driver="snd_hda_intel")
    tree.pci("0000:05:00.0", "10de:22a3", "068000")
    tree.pci("0000:01:00.4", "10de:1eb8", "030000", physfn="")
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


@pytest.mark.parametrize("ids", ["1a6e:089a", "18d1:9302"])
def test_a_coral_is_one_device_in_both_of_its_states(tree, ids):
    (coral,) = found(tree.usb("1-4", ids), "accelerators")
    assert (coral.kind, coral.model, coral.address) == ("tpu", "Coral USB Accelerator", "1-4")


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
    assert gpu.device_nodes == ("/dev/dri/renderD128",)


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


def test_two_ports_of_one_dpu_are_one(tree):
    for function in (0, 1):
        tree.pci(f"0000:03:00.{function}", "15b3:a2d6", "020000", driver="mlx5_core")
    assert kinds(tree) == [("dpu", "0000:03:00.0")]
