"""Virtual machines and containers, by systemd's names."""

import pytest
from tests.agent.trees import found

DMI = "sys/class/dmi/id"
CLOCKS = "sys/devices/system/clocksource/clocksource0/available_clocksource"


def kind(tree):
    return found(tree.write("etc/os-release", "ID=debian"), "system").virtualization


@pytest.mark.parametrize(
    ("dmi", "clocks", "name"),
    [
        ({"sys_vendor": "QEMU"}, "tsc hpet", "qemu"),
        ({"sys_vendor": "QEMU"}, "tsc kvm-clock", "kvm"),
        ({"sys_vendor": "Amazon EC2", "product_name": "t3.large"}, "kvm-clock", "amazon"),
        ({"sys_vendor": "Amazon EC2", "product_name": "i3.metal"}, "tsc", "none"),
        (
            {"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"},
            "hyperv_clocksource_tsc_page",
            "microsoft",
        ),
        ({"product_name": "Google Compute Engine"}, "tsc", "google"),
        ({"modalias": "dmi:bvnX:svnVMware,Inc.:pnVMwareVirtualPlatform:pvrNone:"}, "tsc", "vmware"),
        ({"sys_vendor": "Hetzner"}, "kvm-clock", "kvm"),
        ({"sys_vendor": "innotek GmbH"}, "tsc", "oracle"),
    ],
)
def test_by_firmware_and_clocks(tree, dmi, clocks, name):
    assert kind(tree.write(DMI, dmi).write(CLOCKS, clocks)) == name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2"}, "wsl"),
        ({"run/systemd/container": "systemd-nspawn"}, "systemd-nspawn"),
        ({"run/.containerenv": ""}, "podman"),
        ({".dockerenv": "", CLOCKS: "kvm-clock"}, "docker"),
        ({"sys/hypervisor/type": "xen"}, "xen"),
        ({"sys/hypervisor/type": "xen", "proc/xen/capabilities": "control_d"}, "none"),
        ({"proc/sysinfo": "VM00 Control Program: KVM/Linux"}, "kvm"),
        ({"proc/sysinfo": "VM00 Control Program: z/VM    6.4.0"}, "zvm"),
        ({"proc/sysinfo": "LPAR Number: 3"}, "none"),
        ({"proc/cpuinfo": "flags\t: fpu hypervisor lm"}, "vm-other"),
        ({"proc/cpuinfo": "flags\t: fpu lm"}, "none"),
        ({"proc/cpuinfo": "vendor_id\t: User Mode Linux"}, "uml"),
        ({"proc/cpuinfo": "Features\t: fp asimd"}, None),
        ({"proc/cpuinfo": "Features\t: fp", f"{DMI}/sys_vendor": "NVIDIA"}, "none"),
    ],
)
def test_by_what_the_kernel_says(tree, files, name):
    for path, text in files.items():
        tree.write(path, text)
    assert kind(tree) == name


@pytest.mark.parametrize(
    ("nodes", "name"),
    [
        ({"/hypervisor": "linux,kvm"}, "kvm"),
        ({"/hypervisor": "xen,xen-4.17 xen,xen"}, "xen"),
        ({"/fw-cfg@9020000": "qemu,fw-cfg-mmio"}, "qemu"),
        ({"/": "linux,dummy-virt"}, "vm-other"),
        ({}, "none"),
    ],
)
def test_by_the_device_tree(tree, nodes, name):
    tree.node("/", "acme,board")
    for path, compatible in nodes.items():
        tree.node(path, compatible)
    assert kind(tree) == name
