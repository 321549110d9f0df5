"""Operating system, board, virtual machine."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.result import Absent

RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'


def test_names(tree):
    tree.write("etc/os-release", RELEASE).write("proc/sys/kernel/hostname", "shop-1")
    tree.write("proc/sys/kernel/osrelease", "6.1.0-13-amd64")
    system = found(tree, "system")
    assert (system.os_id, system.os_version, system.hostname) == ("debian", "12", "shop-1")
    assert system.kernel == "6.1.0-13-amd64"


def test_a_board_is_named_by_its_device_tree(tree):
    tree.node("/", "raspberrypi,4-model-b brcm,bcm2711", model="Raspberry Pi 4 Model B Rev 1.4")
    system = found(tree, "system")
    assert system.board_model == "Raspberry Pi 4 Model B Rev 1.4"
    assert system.board_vendor == "raspberrypi"


@pytest.mark.parametrize("text", ["To be filled by O.E.M.", "Default string", "", "None"])
def test_what_the_maker_did_not_fill_in_is_none(tree, text):
    tree.write("etc/os-release", RELEASE).write("sys/class/dmi/id/product_name", text)
    assert found(tree, "system").board_model is None


@pytest.mark.parametrize(
    ("vendor", "name"), [("QEMU", "qemu"), ("VMware, Inc.", "vmware"), ("Dell Inc.", None)]
)
def test_virtual_machines_by_their_tables(tree, vendor, name):
    assert found(tree.write("sys/class/dmi/id/sys_vendor", vendor), "system").virtualization == name


@pytest.mark.parametrize(
    ("info", "arch"),
    [
        ({"vendor_id": "GenuineIntel", "flags": "fpu lm"}, "x86_64"),
        ({"vendor_id": "GenuineIntel", "flags": "fpu"}, "i686"),
        ({"CPU architecture": "8", "Features": "fp asimd crc32"}, "aarch64"),
        ({"CPU architecture": "8", "Features": "half neon"}, "armv7l"),
        ({"isa": "rv64imafdc"}, "riscv64"),
    ],
)
def test_the_architecture_of_a_recorded_box(tree, info, arch):
    assert found(tree.cpuinfo(info), "system").arch == arch


@pytest.mark.parametrize(
    ("mounts", "version"),
    [
        ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", 2),
        ("cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0", 1),
        (
            "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
            "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0",
            1,
        ),
    ],
)
def test_the_version_of_the_control_groups_is_read_from_the_mounts(tree, mounts, version):
    assert found(tree.write("proc/self/mounts", mounts), "system").cgroup_version == version


def test_nothing_is_absent(tree):
    assert isinstance(result(tree, "system"), Absent)
