"""PCI functions."""

from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent

LIST = """\
# a list
10de  NVIDIA Corporation
\t1eb8  TU104GL [Tesla T4]
\t\t10de 12a2  T4
8086  Intel Corporation
\t1533  I210 Gigabit Network Connection
"""


def test_every_function_is_told_with_its_names(tree):
    tree.write("usr/share/misc/pci.ids", LIST)
    tree.pci("0000:01:00.0", "8086:1533", "020000", driver="igb", numa_node=0, sriov_totalvfs=7)
    tree.pci("0000:00:02.0", "10de:1eb8", "030200", numa_node=-1)
    gpu, nic = found(tree, "pci")
    assert (gpu.vendor_name, gpu.device_name) == ("NVIDIA Corporation", "TU104GL [Tesla T4]")
    assert (gpu.driver, gpu.numa_node) == (None, None)
    assert (nic.address, nic.class_, nic.driver) == ("0000:01:00.0", "020000", "igb")
    assert (nic.numa_node, nic.sriov_vfs) == (0, 7)
    assert nic.device_name == "I210 Gigabit Network Connection"


def test_ids_are_taken_from_uevent_where_the_files_are_missing(tree):
    folder = "sys/bus/pci/devices/0000:00:02.0"
    tree.write(f"{folder}/uevent", "PCI_CLASS=30000\nPCI_ID=8086:3E9B")
    (function,) = found(tree, "pci")
    assert (function.vendor, function.device, function.class_) == ("8086", "3e9b", "030000")


def test_a_name_that_is_no_address_is_passed_over(tree):
    tree.write("sys/bus/pci/devices/readme/vendor", "0x8086")
    assert isinstance(result(tree, "pci"), Absent)


def test_none_is_absent(tree):
    assert isinstance(result(tree, "pci"), Absent)


def test_device_nodes_of_a_function_are_told_and_those_of_its_group_where_it_is_kept(tree):
    tree.pci("0000:00:02.0", "8086:3e9b", "030000", driver="i915")
    tree.write("sys/devices/pci0000:00/0000:00:02.0/drm/card0/uevent", "DEVNAME=dri/card0")
    tree.link("sys/dev/char/226:0", "../../devices/pci0000:00/0000:00:02.0/drm/card0")
    tree.pci("0000:01:00.0", "10de:1eb8", "030200", driver="vfio-pci")
    folder = "sys/devices/pci0000:00/0000:01:00.0"
    tree.link(f"{folder}/iommu_group", "../../../kernel/iommu_groups/12")
    tree.pci("0000:02:00.0", "8086:1533", "020000", driver="igb")
    nodes = [function.device_nodes for function in found(tree, "pci")]
    assert nodes == [("/dev/dri/card0",), ("/dev/vfio/vfio", "/dev/vfio/12"), ()]
