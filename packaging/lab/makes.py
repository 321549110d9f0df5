"""MAKES, the visible table: the hardware of simulated boxes, and where they stand.

The figures are those of real products of each sort, in the words of the agent's own probes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from skerry_agent import capability
from skerry_wire.hardware import (
    Accelerator,
    Camera,
    Cpu,
    Disk,
    Filesystem,
    Hardware,
    Memory,
    Nic,
    NumaMemory,
    ProbeStatus,
    RuntimeInfo,
    SerialPort,
    System,
    UsbDevice,
)

GIB = 2**30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where boxes stand. `east_ms` and `north_ms` are where it lies in a plane of round-trip time,
    `last_mile_ms` what its own link adds to every way.
    """

    name: str
    zone: str
    region: str
    environment: str
    east_ms: float
    north_ms: float
    last_mile_ms: float

    @property
    def labels(self) -> Mapping[str, str]:
        """Return what the administrator of a box at this site says of it."""
        return {
            "site": self.name,
            "zone": self.zone,
            "region": self.region,
            "environment": self.environment,
        }

    def round_trip_ms(self, other: Site) -> float:
        """Return the round-trip time between boxes of two sites; within one it is 0.4 ms."""
        if self == other:
            return 0.4
        way = math.hypot(self.east_ms - other.east_ms, self.north_ms - other.north_ms)
        return way + self.last_mile_ms + other.last_mile_ms


def _site(name: str, zone: str, region: str, environment: str, *ms: float) -> Site:
    east, north, mile = ms
    return Site(
        name=name, zone=zone, region=region, environment=environment, east_ms=east, north_ms=north,
        last_mile_ms=mile,
    )  # fmt: skip


SITES: tuple[Site, ...] = (
    _site("quay-1", "harbour", "eu-north", "plant", 0, 0, 3),
    _site("quay-2", "harbour", "eu-north", "plant", 1, 1, 4),
    _site("quay-3", "harbour", "eu-north", "plant", 2, 0, 9),
    _site("mill-1", "inland", "eu-north", "plant", 12, 5, 6),
    _site("mill-2", "inland", "eu-north", "plant", 14, 6, 12),
    _site("dc-north", "inland", "eu-north", "cloud", 9, 9, 0.5),
    _site("dc-west", "coast", "us-west", "cloud", 120, 30, 0.5),
    _site("depot-1", "coast", "us-west", "plant", 124, 28, 7),
)
"""Eight sites in three zones of two regions."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """One make of box. `accelerators` are (kind, vendor, model, GiB, driver), one for each."""

    name: str
    arch: str
    board: tuple[str, str]
    cpu: tuple[str, str, int]
    """Model, vendor, logical processors."""
    memory_gib: int
    disk: tuple[str, str, int]
    """Name, transport, GB."""
    accelerators: tuple[tuple[str, str, str, int, str], ...] = ()
    cameras: int = 0
    serial_adapters: int = 0
    """On USB."""
    numa_nodes: int = 1
    flags: str = "fpu sse4_2 avx avx2 aes"
    virtual: str = "none"


_L4 = ("gpu", "NVIDIA", "NVIDIA L4", 24, "nvidia")
_MI210 = ("gpu", "AMD", "Instinct MI210", 64, "amdgpu")

MAKES: Mapping[str, Make] = {
    make.name: make
    for make in (
        Make(
            name="gateway", arch="aarch64", board=("Raspberry Pi Foundation", "Raspberry Pi 5"),
            cpu=("Cortex-A76", "ARM", 4), memory_gib=8, disk=("mmcblk0", "mmc", 64),
            serial_adapters=1, flags="fp asimd aes sha2",
        ),
        Make(
            name="vision", arch="aarch64", board=("Raspberry Pi Foundation", "Raspberry Pi 5"),
            cpu=("Cortex-A76", "ARM", 4), memory_gib=8, disk=("nvme0n1", "nvme", 256), cameras=2,
            accelerators=(("npu", "Hailo", "Hailo-8", 0, "hailo_pci"),), flags="fp asimd aes sha2",
        ),
        Make(
            name="minipc", arch="x86_64", board=("Example Industries", "Mini PC N100"),
            cpu=("Intel(R) N100", "GenuineIntel", 4), memory_gib=16, disk=("sda", "sata", 512),
            serial_adapters=2,
        ),
        Make(
            name="inference", arch="x86_64", board=("Supermicro", "SYS-110D-20C"),
            cpu=("Intel(R) Xeon(R) D-2796NT", "GenuineIntel", 40), memory_gib=128,
            disk=("nvme0n1", "nvme", 1920), accelerators=(_L4, _L4), numa_nodes=2,
            flags="fpu sse4_2 avx avx2 avx512f avx512_vnni aes vmx",
        ),
        Make(
            name="training", arch="x86_64", board=("Dell Inc.", "PowerEdge R7525"),
            cpu=("AMD EPYC 7543 32-Core Processor", "AuthenticAMD", 64), memory_gib=256,
            disk=("nvme0n1", "nvme", 3840), accelerators=(_MI210,), numa_nodes=2,
            flags="fpu sse4_2 avx avx2 aes svm",
        ),
        Make(
            name="cloud", arch="x86_64", board=("QEMU", "Standard PC (i440FX + PIIX, 1996)"),
            cpu=("AMD EPYC 9R14", "AuthenticAMD", 8), memory_gib=32, disk=("vda", "virtio", 100),
            flags="fpu sse4_2 avx avx2 avx512f aes hypervisor", virtual="kvm",
        ),
    )
}  # fmt: skip
"""Six makes: GPUs of two vendors, NPUs, cameras, serial ports, both architectures."""

STANDING: Mapping[str, tuple[str, ...]] = {
    "quay-1": ("gateway", "gateway", "vision", "minipc", "inference"),
    "quay-2": ("gateway", "vision", "minipc", "minipc"),
    "quay-3": ("gateway", "vision", "minipc", "minipc"),
    "mill-1": ("gateway", "vision", "minipc", "inference", "training"),
    "mill-2": ("gateway", "vision", "minipc", "minipc"),
    "dc-north": ("cloud", "cloud", "cloud", "cloud", "inference"),
    "dc-west": ("cloud", "cloud", "cloud", "cloud", "training"),
    "depot-1": ("gateway", "vision", "minipc", "minipc"),
}
"""Which makes stand at each site: 36 boxes."""


def hardware_of(make: Make, hostname: str, labels: Mapping[str, str]) -> Hardware:
    """Return what an agent would find on a box of this make, with its labels worked out."""
    vendor, model = make.board
    name, transport, gigabytes = make.disk
    found = Hardware(
        system=System(
            arch=make.arch, hostname=hostname, kernel="6.1.0-18-generic", os_id="debian",
            os_version="12", os_name="Debian GNU/Linux 12 (bookworm)", board_vendor=vendor,
            board_model=model, virtualization=make.virtual, cgroup_version=2,
        ),
        cpu=_cpu(make),
        memory=_memory(make),
        storage=(Disk(name=name, transport=transport, size_bytes=gigabytes * 10**9),),
        filesystems=(
            Filesystem(mount="/", device=f"/dev/{name}", type="ext4", size_bytes=gigabytes * 10**9),
        ),
        nics=(Nic(name="eth0", hardware=True, kind="ethernet", speed_mbps=1000, operstate="up"),),
        usb=_usb(make),
        accelerators=_accelerators(make),
        cameras=tuple(
            Camera(name="HD Pro Webcam C920", path=f"/dev/video{at}", bus="usb", address=f"1-1.{at}")
            for at in range(make.cameras)
        ),
        serial_ports=tuple(
            SerialPort(
                name=f"ttyUSB{at}", path=f"/dev/ttyUSB{at}", driver="ftdi_sio", bus="usb",
                address=f"1-2.{at}",
            )
            for at in range(make.serial_adapters)
        ),
        runtimes=(RuntimeInfo(name="podman", version="4.3.1", usable=True),),
        probes={"system": ProbeStatus(status="found")},
    )  # fmt: skip
    return capability.labelled(found, labels)


def _cpu(make: Make) -> Cpu:
    model, vendor, count = make.cpu
    return Cpu(
        logical_count=count, present_count=count, effective_count=count, core_count=count,
        package_count=1, numa_node_count=make.numa_nodes, threads_per_core=1, model=model,
        vendor=vendor, flags=tuple(sorted(make.flags.split())),
    )  # fmt: skip


def _memory(make: Make) -> Memory:
    there = make.memory_gib * GIB * 97 // 100  # the kernel keeps some for itself
    each = there // make.numa_nodes
    numa = tuple(NumaMemory(node=at, total_bytes=each) for at in range(make.numa_nodes))
    return Memory(total_bytes=there, swap_bytes=0, numa=numa)


def _usb(make: Make) -> tuple[UsbDevice, ...]:
    cameras = (
        UsbDevice(
            path=f"1-1.{at}", vendor="046d", product="082d", classes=("0e",), vendor_name="Logitech"
        )
        for at in range(make.cameras)
    )
    adapters = (
        UsbDevice(
            path=f"1-2.{at}", vendor="0403", product="6001", classes=("ff",), vendor_name="FTDI",
            product_name="FT232R USB UART",
        )
        for at in range(make.serial_adapters)
    )  # fmt: skip
    return (*cameras, *adapters)


def _accelerators(make: Make) -> tuple[Accelerator, ...]:
    return tuple(
        Accelerator(
            kind=kind,  # type: ignore[arg-type]
            vendor=vendor,
            model=model,
            bus="pci",
            address=f"0000:{0x21 + 0x20 * at:02x}:00.0",
            memory_bytes=gib * GIB or None,
            driver=driver,
            device_nodes=(_node_of(driver, at),),
            numa_node=at % make.numa_nodes if make.numa_nodes > 1 else None,
            usable=True,
        )
        for at, (kind, vendor, model, gib, driver) in enumerate(make.accelerators)
    )


def _node_of(driver: str, number: int) -> str:
    return {
        "nvidia": f"/dev/nvidia{number}",
        "amdgpu": f"/dev/dri/renderD{128 + number}",
        "hailo_pci": f"/dev/hailo{number}",
    }[driver]
