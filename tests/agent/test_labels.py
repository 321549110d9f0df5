"""Labels, as Node Feature Discovery spells them."""

from hypothesis import given
from hypothesis import strategies as st

from skerry_agent.labels import MAX_LABELS, PREFIX, labels, value
from skerry_wire.hardware import Cpu, Disk, Hardware, PciFunction, System, UsbDevice


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
    assert not any("FPU" in key for key in x86)
    arm = of(system=System(arch="aarch64"), cpu=Cpu(flags=("asimd",)))
    assert f"{PREFIX}cpu-cpuid.ASIMD" in arm


def test_vendors_threads_and_numa():
    found = of(cpu=Cpu(vendor="GenuineIntel", logical_count=8, core_count=4, numa_node_count=2))
    assert found[f"{PREFIX}cpu-model.vendor_id"] == "Intel"
    assert f"{PREFIX}cpu-hardware_multithreading" in found
    assert f"{PREFIX}memory-numa" in found


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
