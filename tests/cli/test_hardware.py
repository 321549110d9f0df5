"""A node's hardware as a tree."""

import pytest

from skerry_cli.hardware import tree
from skerry_wire import hardware as hw
from skerry_wire.box_policy import AllowedRequests, BoxPolicy, PortRange
from skerry_wire.images import parse_pattern
from skerry_wire.runtime_limits import RuntimeInUse


def usb(path, name):
    return hw.UsbDevice(path=path, vendor="1d6b", product="0002", product_name=name)


def test_what_hangs_on_usb_stands_below_its_hub():
    lines = list(
        tree(
            hw.Hardware(
                usb=(usb("1-1", "Hub"), usb("1-1.10", "B"), usb("1-1.2", "A"), usb("2-1.3", "C")),
                serial_ports=(
                    hw.SerialPort(name="ttyUSB0", path="/dev/ttyUSB0", bus="usb", address="1-1.2"),
                ),
            )
        )
    )
    assert lines[:6] == [
        "usb",
        "  1-1 [1d6b:0002], Hub",
        "    1-1.2 [1d6b:0002], A",
        "      serial port /dev/ttyUSB0",
        "    1-1.10 [1d6b:0002], B",
        "  2-1.3 [1d6b:0002], C",
    ]


def test_what_a_pci_function_is_to_the_box_stands_below_it():
    address = "0000:01:00.0"
    lines = list(
        tree(
            hw.Hardware(
                pci=(
                    hw.PciFunction(
                        address=address, vendor="15b3", device="101d", class_="020000", sriov_vfs=8
                    ),
                ),
                nics=(hw.Nic(name="eth0", hardware=True, kind="ethernet", address=address),),
            )
        )
    )
    assert lines[-3:] == [
        "pci",
        "  0000:01:00.0 [15b3:101d], up to 8 virtual functions",
        "    network interface eth0",
    ]


def test_the_maker_of_an_accelerator_is_named_once():
    def of(vendor, model):
        return hw.Accelerator(
            kind="gpu", vendor=vendor, model=model, bus="pci", address="0000:01:00.0", usable=True
        )

    found = (of("Intel", "Intel GPU 3e9b"), of("nvidia", "NVIDIA L4"), of("AMD", "Radeon"))
    assert list(tree(hw.Hardware(accelerators=found))) == [
        "accelerators",
        "  gpu Intel GPU 3e9b, 0000:01:00.0, usable",
        "  gpu NVIDIA L4, 0000:01:00.0, usable",
        "  gpu AMD Radeon, 0000:01:00.0, usable",
    ]


def test_the_small_classes():
    lines = list(
        tree(
            hw.Hardware(
                system=hw.System(
                    secure_boot=False, tpm_version="2.0", security_modules=("lockdown", "apparmor")
                ),
                gpio=(hw.GpioChip(name="gpiochip0", path="/dev/gpiochip0", line_count=1),),
                i2c=(hw.I2cBus(name="i2c-1", path="/dev/i2c-1"), hw.I2cBus(name="i2c-2")),
                sensors=(
                    hw.Sensor(kind="battery", name="BAT0"),
                    hw.Sensor(kind="temperature", name="Core 0", chip="coretemp"),
                    hw.Sensor(kind="temperature", name="Core 1", chip="coretemp"),
                ),
                cdi_devices=("nvidia.com/gpu=0",),
            )
        )
    )
    assert lines == [
        "system",
        "  secure boot off",
        "  TPM 2.0",
        "  security modules lockdown apparmor",
        "gpio",
        "  /dev/gpiochip0, 1 line",
        "i2c",
        "  /dev/i2c-1, i2c-2",
        "sensors",
        "  battery: BAT0",
        "  temperature coretemp: Core 0, Core 1",
        "cdi devices",
        "  nvidia.com/gpu=0",
    ]


def test_a_box_that_says_nothing_has_no_line():
    assert list(tree(hw.Hardware())) == []


def test_disks_cameras_and_bluetooth_stand_below_what_they_hang_on():
    box = hw.Hardware(
        usb=tuple(hw.UsbDevice(path=f"1-{n}", vendor="1d6b", product="0002") for n in (1, 2, 3)),
        storage=(hw.Disk(name="sda", address="1-1"),),
        cameras=(hw.Camera(name="Cam", path="/dev/video0", address="1-2"),),
        bluetooth=(hw.Bluetooth(name="hci0", address="1-3"),),
    )
    lines = list(tree(box))
    start = lines.index("usb")
    assert lines[start : start + 7] == [
        "usb",
        "  1-1 [1d6b:0002]",
        "    disk sda",
        "  1-2 [1d6b:0002]",
        "    camera /dev/video0",
        "  1-3 [1d6b:0002]",
        "    Bluetooth hci0",
    ]


def test_what_may_be_missing_is_said_apart_from_what_failed():
    probes = {
        "cdi": hw.ProbeStatus(status="found", reason="/etc/cdi/b.yaml names no kind"),
        "usb": hw.ProbeStatus(status="failed", reason="permission denied"),
        "pci": hw.ProbeStatus(status="found"),
    }
    assert list(tree(hw.Hardware(probes=probes))) == [
        "probes that failed",
        "  usb, permission denied",
        "may be incomplete",
        "  cdi, /etc/cdi/b.yaml names no kind",
    ]


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        (BoxPolicy(), ["images: none, so nothing runs here"]),
        (BoxPolicy(any_image=True), ["images: any"]),
        (
            BoxPolicy(
                images=(
                    parse_pattern("registry.example/shop"),
                    parse_pattern("docker.io/nginx:1.27"),
                ),
                require_digest=True,
                privileged=True,
                host_network=True,
                capabilities=("NET_ADMIN",),
                bind=("/srv/data",),
                bind_read_only=("/etc/localtime",),
                volumes=False,
                devices=("/dev/ttyUSB*", "/dev/video*"),
                ports=(PortRange(first=80, last=80), PortRange(first=1, last=9, protocol="udp")),
                cpu_milli=1500,
                memory_bytes=2**31,
            ),
            [
                "images: registry.example/shop, docker.io/library/nginx:1.27, by digest only",
                "privileges: privileged, network of the host, NET_ADMIN",
                "folders: /srv/data, /etc/localtime (read-only)",
                "no volumes",
                "devices: /dev/ttyUSB*, /dev/video*",
                "ports: 80, 1-9/udp",
                "CPU limits of all containers together: 1.5",
                "memory limits of all containers together: 2 GiB",
            ],
        ),
        (
            BoxPolicy(any_image=True, requests=AllowedRequests(logs=False, exec=True)),
            ["images: any", "requests: exec, restart, top"],
        ),
    ],
)
def test_what_the_box_allows_is_told_and_what_it_does_not_mention_is_not(policy, lines):
    assert list(tree(hw.Hardware(policy=policy))) == [
        "the box's policy",
        *(f"  {line}" for line in lines),
    ]


@pytest.mark.parametrize(
    ("runtime", "line"),
    [
        (RuntimeInUse(name="podman", version="4.3.1"), "podman 4.3.1"),
        (RuntimeInUse(name="docker", version="1.41"), "docker API 1.41"),
        (RuntimeInUse(name="kubelet"), "kubelet"),
    ],
)
def test_the_runtime_in_which_instances_run_is_told(runtime, line):
    found = list(tree(hw.Hardware(runtime_in_use=runtime)))
    assert found == ["instances run in", f"  {line}"]
