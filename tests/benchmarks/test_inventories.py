"""What is read out of the outputs of other programs, from small ones."""

import json

import pytest
from benchmarks import inventories
from benchmarks.facts import LABELS, LIMITED, MEMORY

GIB = 2**30


def test_lscpu():
    rows = [
        {"field": "CPU(s):", "data": "8"},
        {"field": "Model name:", "data": None, "children": [
            {"field": "Socket(s):", "data": "2"}, {"field": "Core(s) per socket:", "data": "2"},
        ]},
        {"field": "L1d cache:", "data": "128 KiB (4 instances)"},
        {"field": "L3:", "data": "8 MiB (2 instances)"},
        {"field": "NUMA node(s):", "data": "2"},
    ]  # fmt: skip
    assert inventories.lscpu(json.dumps({"lscpu": rows})) == {
        "logical processors": 8, "packages": 2, "cores": 4, "NUMA nodes": 2, "caches": 6,
    }  # fmt: skip


def test_lspci():
    assert inventories.lspci("Slot:\t00:00.0\nClass:\tx\n\nSlot:\t00:01.0\n") == {
        "PCI functions": 2
    }


@pytest.mark.parametrize("whole", [lambda root: root, lambda root: [root]])
def test_lshw(whole):
    root = {"id": "box", "class": "system", "children": [
        {"id": "memory", "class": "memory", "size": 4 * GIB},
        {"id": "cache:0", "class": "memory", "size": 1},
        {"id": "cpu:0", "class": "processor", "configuration": {"cores": "2", "threads": "4"}},
        {"id": "cpu:1", "class": "processor", "disabled": True},
        {"id": "pci", "class": "bridge", "businfo": "pci@0000:00:00.0", "children": [
            {"id": "network", "class": "network", "businfo": "pci@0000:00:03.0", "children": [
                {"id": "v", "class": "network", "businfo": "virtio@2", "logicalname": "eth0"},
            ]},
            {"id": "usbhost", "class": "bus", "businfo": "usb@1", "children": [
                {"id": "usb", "class": "generic", "businfo": "usb@1:2"},
            ]},
        ]},
        {"id": "virtio1", "class": "disk", "businfo": "virtio@1"},
        {"id": "cdrom", "class": "disk", "businfo": "scsi@1"},
        {"id": "veth", "class": "network", "logicalname": "docker0"},
    ]}  # fmt: skip
    assert inventories.lshw(json.dumps(whole(root))) == {
        "packages": 1, "logical processors": 4, "cores": 2, "caches": 1, MEMORY: 4 * GIB,
        "PCI functions": 2, "USB devices": 1, "network devices": 1, "disks": 1,
        "transports of disks": 1,
    }  # fmt: skip


HWINFO = """\
a log
01: None 00.0: 10102 Main Memory
  Hardware Class: memory
  Memory Size: 7 GB + 512 MB

02: PCI 03.0: 0200 Ethernet controller
  Hardware Class: network

03: USB 00.0: 0000 Unclassified device
  SysFS BusID: 1-1.2:1.0
  Hardware Class: unknown

04: USB 00.1: 0000 Unclassified device
  SysFS BusID: 1-1.2:1.1
  Hardware Class: unknown

05: None 00.0: 10600 Disk
  Hardware Class: disk

06: None 00.0: 10103 CPU
  Hardware Class: cpu
"""


def test_hwinfo():
    assert inventories.hwinfo(HWINFO) == {
        "logical processors": 1, MEMORY: 7 * GIB + GIB // 2, "PCI functions": 1, "USB devices": 1,
        "network devices": 1, "disks": 1,
    }  # fmt: skip


def test_only_words_count_for_what_no_field_holds():
    assert inventories.lspci("docker0 cgroup_version") == {"PCI functions": 0}
    said = inventories.lspci("podman, docker. cgroup memory limit; feature.node.kubernetes.io/x")
    assert said == {"PCI functions": 0, "container runtimes": 2, LIMITED: 1, LABELS: 1}


def test_skerry_is_read_as_strictly():
    said = {
        "cpu": {"logical_count": 4, "core_count": None, "package_count": 1, "caches": [],
                "numa_node_count": 1, "effective_count": 2},
        "memory": {"total_bytes": GIB, "limit_bytes": None},
        "storage": [{"transport": None}, {"transport": "sata"}],
        "pci": [{}], "usb": [], "nics": [{"hardware": True}, {"hardware": False}],
        "runtimes": [], "labels": {"feature.node.kubernetes.io/cpu-model.id": "1"},
    }  # fmt: skip
    assert inventories.skerry(json.dumps(said)) == {
        "logical processors": 4, "packages": 1, "NUMA nodes": 1, MEMORY: GIB, "PCI functions": 1,
        "USB devices": 0, "network devices": 1, "disks": 2, "transports of disks": 1,
        "container runtimes": 0, LIMITED: 1, LABELS: 1,
    }  # fmt: skip
