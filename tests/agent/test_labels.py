"""Labels, as Node Feature Discovery spells them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_agent.labels import MAX_LABELS, PREFIX, labels, value
from skerry_wire.hardware import Cpu, Disk, Hardware, Memory, PciFunction, System, UsbDevice


def of(**fields):
    return labels(Hardware(**fields), {})


def test_the_system():
    system = System(
        arch="aarch64", hostname="Shop-1", kernel="6.1.0-13-arm64", os_id="debian", os_version="12"
    )
    found = of(system=system)
    assert found["kubernetes.io/arch"] == "arm64"
    assert found["kubernetes.io/hostname"] == "shop-1"
    assert found[f"{PREFIX}kernel-version.full"] == "6.1.0-13-arm64"
    assert found[f"{PREFIX}kernel-version.major"] == "6"
    assert found[f"{PREFIX}system-os_release.ID"] == "debian"
    assert found[f"{PREFIX}system-os_release.VERSION_ID.major"] == "12"


def test_instruction_sets_have_other_names_on_x86():
    x86 = of(system=System(arch="x86_64"), cpu=Cpu(flags=("avx2", "aes", "fpu")))
    assert f"{PREFIX}cpu-cpuid.AVX2" in x86
    assert f"{PREFIX}cpu-cpuid.AESNI" in x86
    assert f"{PREFIX}cpu-cpuid.X87" in x86
    assert not any("FPU" in key for key in x86)
    arm = of(system=System(arch="aarch64"), cpu=Cpu(flags=("asimd",)))
    assert f"{PREFIX}cpu-cpuid.ASIMD" in arm


FLAGS = [
    ("x86_64", "avx512f", "AVX512F"),
    ("x86_64", "fma", "FMA3"),
    ("x86_64", "sha_ni", "SHA"),
    ("i686", "sep", "SYSEE"),
    ("aarch64", "asimdrdm", "ASIMDRDM"),
    ("armv7l", "vfpv3", "VFPv3"),
    ("armv7l", "fastmult", "FASTMUL"),
    ("s390x", "vxe2", "VXE2"),
]


@pytest.mark.parametrize(("arch", "flag", "name"), FLAGS)
def test_each_architecture_has_its_own_names(arch, flag, name):
    assert f"{PREFIX}cpu-cpuid.{name}" in of(system=System(arch=arch), cpu=Cpu(flags=(flag,)))


@pytest.mark.parametrize(
    ("arch", "flag"),
    [("x86_64", "sse2"), ("x86_64", "cx16"), ("x86_64", "sgx"), ("aarch64", "paca"),
     ("riscv64", "v"), ("ppc64le", "altivec")],
)  # fmt: skip
def test_what_node_feature_discovery_leaves_out_is_left_out(arch, flag):
    found = of(system=System(arch=arch), cpu=Cpu(flags=(flag,)))
    assert not any("cpuid" in key for key in found)


def test_xsave_that_the_kernel_shows_is_turned_on():
    found = of(system=System(arch="x86_64"), cpu=Cpu(flags=("xsave",)))
    assert {f"{PREFIX}cpu-cpuid.XSAVE", f"{PREFIX}cpu-cpuid.OSXSAVE"} <= found.keys()


def test_vendors_and_numa():
    found = of(cpu=Cpu(vendor="GenuineIntel", numa_node_count=2))
    assert found[f"{PREFIX}cpu-model.vendor_id"] == "Intel"
    assert f"{PREFIX}memory-numa" in found


@pytest.mark.parametrize(("threads", "text"), [(2, "true"), (1, "false"), (None, None)])
def test_threads(threads, text):
    found = of(cpu=Cpu(threads_per_core=threads))
    assert found.get(f"{PREFIX}cpu-hardware_multithreading") == text


@pytest.mark.parametrize(("size", "text"), [(1024, "true"), (0, None), (None, None)])
def test_swap(size, text):
    assert of(memory=Memory(swap_bytes=size)).get(f"{PREFIX}memory-swap.enabled") == text


@pytest.mark.parametrize(
    ("version", "parts"),
    [("12", ["12", None]), ("22.04", ["22", "04"]), ("3.20.1", ["3", "20"]), ("sid", [None, None])],
)
def test_parts_of_a_version_are_numbers(version, parts):
    found = of(system=System(os_version=version))
    prefix = f"{PREFIX}system-os_release.VERSION_ID"
    assert [found.get(f"{prefix}.major"), found.get(f"{prefix}.minor")] == parts


def test_virtual_functions_of_a_network_card_that_does_rdma():
    ids = {"vendor": "15b3", "class_": "020000"}
    found = of(
        pci=(
            PciFunction(address="0000:01:00.0", device="101d", sriov_vfs=8, **ids),
            PciFunction(address="0000:01:00.2", device="101e", virtual_function=True, **ids),
        )
    )
    assert set(found) == {
        f"{PREFIX}network-sriov.capable",
        f"{PREFIX}network-sriov.configured",
        f"{PREFIX}custom-rdma.capable",
    }


def test_a_usb_device_without_ids_has_no_label():
    assert of(usb=(UsbDevice(path="1-1", classes=("ff",)),)) == {}


def test_devices():
    pci = (
        PciFunction(address="0000:01:00.0", vendor="10de", device="1eb8", class_="030200"),
        PciFunction(
            address="0000:02:00.0", vendor="8086", device="1533", class_="020000", sriov_vfs=7
        ),
    )
    usb = (UsbDevice(path="1-1", vendor="18d1", product="9302", classes=("ff", "03")),)
    found = of(pci=pci, usb=usb, storage=(Disk(name="sda", rotational=False),))
    assert f"{PREFIX}pci-0302_10de.present" in found
    assert f"{PREFIX}pci-0200_8086.present" not in found
    assert f"{PREFIX}network-sriov.capable" in found
    assert f"{PREFIX}usb-ff_18d1_9302.present" in found
    assert f"{PREFIX}usb-03_18d1_9302.present" not in found
    assert f"{PREFIX}storage-nonrotationaldisk" in found


def test_an_unknown_disk_is_not_called_solid_state():
    assert of(storage=(Disk(name="sda"),)) == {}


def test_the_operators_label_overrides_and_all_are_sorted():
    found = labels(Hardware(system=System(arch="x86_64")), {"kubernetes.io/arch": "mine", "a": "1"})
    assert found == {"a": "1", "kubernetes.io/arch": "mine"}
    assert list(found) == sorted(found)


def test_there_are_never_too_many():
    usb = tuple(
        UsbDevice(path=str(i), vendor=f"{i:04x}", product="0001", classes=("ff",))
        for i in range(2 * MAX_LABELS)
    )
    found = labels(Hardware(usb=usb), {"z": "mine"})
    assert len(found) == MAX_LABELS
    assert found["z"] == "mine"


@given(st.text(max_size=200))
def test_a_value_is_one_that_kubernetes_takes(text):
    found = value(text)
    assert found is None or (
        0 < len(found) <= 63
        and found[0].isalnum()
        and found[-1].isalnum()
        and all(c.isascii() and (c.isalnum() or c in "-_.") for c in found)
    )


def test_features_are_labels_under_their_own_names():
    found = labels(Hardware(features={"cpu-pstate.status": "active"}), {})
    assert found["feature.node.kubernetes.io/cpu-pstate.status"] == "active"
