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
        (
            {"model name": "ARMv6-compatible processor rev 7 (v6l)", "CPU architecture": "7"},
            "armv6l",
        ),
        ({"Processor": "Feroceon rev 1 (v5l)", "CPU architecture": "5TE"}, "armv5tel"),
        ({"Processor": "ARMv7 Processor rev 10 (v7l)", "CPU architecture": "7"}, "armv7l"),
        ({"CPU Family": "Loongson-64bit", "Model Name": "Loongson-3C5000"}, "loongarch64"),
        ({"cpu": "UltraSparc T2 (Niagara2)", "type": "sun4v"}, "sparc64"),
        ({"cpu": "Alpha", "cpu model": "EV67"}, "alpha"),
        ({"cpu": "7455, altivec supported"}, None),  # of 32 bits or of 64, nothing tells
    ],
)
def test_the_architecture_of_a_recorded_box(tree, info, arch):
    tree.write("etc/os-release", RELEASE)
    assert found(tree.cpuinfo(info), "system").arch == arch


@pytest.mark.parametrize(
    ("cpu", "release", "order", "arch"),
    [
        ("POWER7 (architected), altivec supported", "3.0", "", "ppc64"),
        ("POWER9 (raw), altivec supported", "4.18.0-305.el8.ppc64le", "", "ppc64le"),
        ("POWER9, altivec supported", "6.1.0-13-powerpc64le", "", "ppc64le"),
        ("POWER10 (architected), altivec supported", "6.8.0", "big", "ppc64"),
        ("POWER8E, altivec supported", "4.4.0-210-generic", "", None),
    ],
)
def test_power_runs_in_either_order_of_bytes(tree, cpu, release, order, arch):
    tree.write("proc/sys/kernel/osrelease", release).write("sys/kernel/cpu_byteorder", order)
    assert found(tree.cpuinfo({"processor": 0, "cpu": cpu}), "system").arch == arch


@pytest.mark.parametrize(
    ("release", "arch"), [("6.1.0-13-amd64", "x86_64"), ("6.6.9", None), ("6.1-x86_64", "x86_64")]
)
def test_without_processors_the_kernels_release_may_tell(tree, release, arch):
    assert found(tree.write("proc/sys/kernel/osrelease", release), "system").arch == arch


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


GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    ("value", "on"),
    [(b"\x06\0\0\0\x01", True), (b"\x06\0\0\0\0", False), (b"", None), (b"\x06\0\0\0\x07", None)],
)
def test_secure_boot_is_the_last_byte_of_its_variable(tree, value, on):
    tree.write("etc/os-release", RELEASE).write(
        f"sys/firmware/efi/efivars/SecureBoot-{GUID}", value
    )
    assert found(tree, "system").secure_boot is on


def test_a_box_without_the_variable_does_not_say(tree):
    assert found(tree.write("etc/os-release", RELEASE), "system").secure_boot is None


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"tpm_version_major": 2}, "2.0"),
        ({"tpm_version_major": 1}, "1.2"),
        ({"caps": "Manufacturer: 0x49465800\nTCG version: 1.2\nFirmware version: 3.19"}, "1.2"),
        ({}, "unknown"),
    ],
)
def test_tpm_versions(tree, files, version):
    assert found(tree.write("sys/class/tpm/tpm0", files), "system").tpm_version == version


def test_only_a_tpm_of_version_2_has_a_resource_manager(tree):
    tree.write("sys/class/tpm/tpm0", {}).write("sys/class/tpmrm/tpmrm0", {})
    assert found(tree, "system").tpm_version == "2.0"


def test_security_modules_in_the_kernels_order(tree):
    tree.write("sys/kernel/security/lsm", "lockdown,capability,landlock,yama,apparmor,bpf")
    assert found(tree, "system").security_modules == (
        *("lockdown", "capability", "landlock", "yama", "apparmor", "bpf"),
    )


def test_without_the_kernels_list_by_their_signs(tree):
    tree.write("sys/fs/selinux/enforce", 1).write("sys/module/apparmor/parameters/enabled", "N")
    assert found(tree, "system").security_modules == ("selinux",)


@pytest.mark.parametrize(
    ("paths", "kvm"),
    [(("dev/kvm",), True), (("sys/class/misc/kvm",), True), (("dev/null",), False), ((), None)],
)
def test_hardware_virtualisation(tree, paths, kvm):
    for path in paths:
        tree.write(path)
    assert found(tree.write("etc/os-release", RELEASE), "system").kvm is kvm
