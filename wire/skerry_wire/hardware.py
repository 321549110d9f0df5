"""What a node has. Every value is None where the box does not say: zero is a measurement.

Identifiers of vendors and devices are lower-case hexadecimal without a prefix, as the kernel
and pci.ids write them. No serial number, MAC or IP address is ever part of these records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_wire.box_policy import BoxPolicy
from skerry_wire.frozen import frozen
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.schema import Items, Key, Range, Sparse, Text
from skerry_wire.types import ByteCount, Count, Hex, Line, Moment, Short


@frozen(kw_only=True)
class System:
    """Operating system and board."""

    arch: Short | None = None
    hostname: Short | None = None
    kernel: Short | None = None
    os_id: Short | None = None
    os_version: Short | None = None
    os_name: Short | None = None
    board_vendor: Short | None = None
    board_model: Short | None = None
    virtualization: Short | None = None
    cgroup_version: Annotated[int, Range(1, 2)] | None = None
    secure_boot: bool | None = None
    tpm_version: Short | None = None
    """`1.2` or `2.0`; `unknown` where there is one that does not say; None without one."""
    security_modules: Annotated[tuple[Short, ...], Items(32), Sparse()] = ()
    """Linux security modules, in the kernel's order."""
    kvm: bool | None = None
    """Whether the kernel offers hardware virtualisation at /dev/kvm."""


@frozen(kw_only=True)
class CpuKind:
    """Processors of one microarchitecture; a uniform machine has one kind."""

    name: Short
    logical_count: Count


@frozen(kw_only=True)
class CpuCache:
    """Caches of one level, type and size: how many instances of it there are."""

    level: Annotated[int, Range(1, 9)]
    type: Literal["data", "instruction", "unified"]
    size_bytes: ByteCount
    count: Count


@frozen(kw_only=True)
class Cpu:
    """Processors. `logical_count` is those online, `effective_count` those this box may use."""

    logical_count: Count | None = None
    present_count: Count | None = None
    effective_count: Count | None = None
    core_count: Count | None = None
    package_count: Count | None = None
    numa_node_count: Count | None = None
    threads_per_core: Count | None = None
    """The most that any core has: a hybrid part has cores with two and cores with one."""
    model: Short | None = None
    vendor: Short | None = None
    max_mhz: Annotated[float, Range(0, 100_000)] | None = None
    kinds: Annotated[tuple[CpuKind, ...], Items(64)] = ()
    caches: Annotated[tuple[CpuCache, ...], Items(64)] = ()
    flags: Annotated[tuple[Short, ...], Items(1024)] = ()


@frozen(kw_only=True)
class NumaMemory:
    """Memory of one NUMA node."""

    node: Count
    total_bytes: ByteCount


@frozen(kw_only=True)
class HugePages:
    """Huge pages of one size that are reserved."""

    size_bytes: ByteCount
    count: Count


@frozen(kw_only=True)
class Memory:
    """`total_bytes` is the host's; `limit_bytes` the cgroup's, None without a limit."""

    total_bytes: ByteCount | None = None
    limit_bytes: ByteCount | None = None
    swap_bytes: ByteCount | None = None
    numa: Annotated[tuple[NumaMemory, ...], Items(1024)] = ()
    hugepages: Annotated[tuple[HugePages, ...], Items(16)] = ()


@frozen(kw_only=True)
class Disk:
    """A whole disk: neither a partition nor an optical, floppy or raw flash device."""

    name: Short
    transport: Short | None = None
    rotational: bool | None = None
    size_bytes: ByteCount | None = None
    model: Short | None = None
    address: Line | None = None
    """Where it, or what it is plugged into, hangs: a PCI address, a USB port, a name of its bus."""


@frozen(kw_only=True)
class Filesystem:
    """A mounted file system that is backed by a disk."""

    mount: Line
    device: Line
    type: Short
    size_bytes: ByteCount | None = None


@frozen(kw_only=True)
class Nic:
    """A network interface. One without a device behind it is virtual: `hardware` is false."""

    name: Short
    hardware: bool
    kind: Literal["ethernet", "wifi", "can", "wwan", "other"]
    driver: Short | None = None
    speed_mbps: Count | None = None
    mtu: Count | None = None
    operstate: Short | None = None
    address: Line | None = None
    """Of the device behind it: a PCI address, a USB port, or a name of its bus."""
    sriov_vfs: Count | None = None
    """Most virtual functions that it can be split into, None where it cannot."""
    virtual_function: Annotated[bool, Sparse()] = False


@frozen(kw_only=True)
class PciFunction:
    """One function of a PCI device."""

    address: Short
    vendor: Hex
    device: Hex
    class_: Annotated[Hex, Key("class")]
    driver: Short | None = None
    vendor_name: Short | None = None
    device_name: Short | None = None
    numa_node: Count | None = None
    sriov_vfs: Count | None = None
    iommu_group: Count | None = None
    virtual_function: Annotated[bool, Sparse()] = False
    device_nodes: Annotated[tuple[Line, ...], Items(32), Sparse()] = ()
    """Those of its own, through which programs use it; not those of what hangs on it by USB."""


@frozen(kw_only=True)
class UsbDevice:
    """A USB device that is not a root hub. `path` is the port, which outlives the ids."""

    path: Short
    vendor: Hex | None = None
    product: Hex | None = None
    classes: Annotated[tuple[Hex, ...], Items(64)] = ()
    vendor_name: Short | None = None
    product_name: Short | None = None


@frozen(kw_only=True)
class Accelerator:
    """One real accelerator, however many functions, partitions or cores it shows."""

    kind: Literal["gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu"]
    vendor: Short
    model: Short
    bus: Literal["pci", "usb", "soc"]
    address: Line
    memory_bytes: ByteCount | None = None
    driver: Short | None = None
    device_nodes: Annotated[tuple[Line, ...], Items(64)] = ()
    numa_node: Count | None = None
    usable: bool = False
    reason: Line | None = None
    driver_version: Short | None = None
    partitions: Annotated[tuple[Short, ...], Items(64), Sparse()] = ()
    """What it is split into (MIG profiles such as `1g.10gb`), one for each partition."""


@frozen(kw_only=True)
class Camera:
    """A video capture device."""

    name: Short
    path: Line
    bus: Short | None = None
    address: Line | None = None


@frozen(kw_only=True)
class Bluetooth:
    """A Bluetooth controller."""

    name: Short
    bus: Short | None = None
    address: Line | None = None


@frozen(kw_only=True)
class SerialPort:
    """A serial port that a driver holds: a UART of the board, or an adapter on USB."""

    name: Short
    path: Line
    driver: Short | None = None
    bus: Short | None = None
    address: Line | None = None
    """The USB port or PCI address behind it, which outlives the name."""


@frozen(kw_only=True)
class GpioChip:
    """A controller of general-purpose lines."""

    name: Short
    path: Line
    label: Short | None = None
    line_count: Count | None = None


@frozen(kw_only=True)
class I2cBus:
    """An I2C or SMBus adapter. `path` is None where the kernel gives programs no node of it."""

    name: Short
    label: Short | None = None
    path: Line | None = None


@frozen(kw_only=True)
class Modem:
    """A cellular modem, one for each device however many ports it has."""

    name: Short
    bus: Short | None = None
    address: Line | None = None
    driver: Short | None = None
    paths: Annotated[tuple[Line, ...], Items(32), Sparse()] = ()
    interfaces: Annotated[tuple[Short, ...], Items(32), Sparse()] = ()


@frozen(kw_only=True)
class PtpClock:
    """A clock that the Precision Time Protocol can set, most often of a network interface."""

    name: Short
    path: Line
    label: Short | None = None
    interfaces: Annotated[tuple[Short, ...], Items(32), Sparse()] = ()


@frozen(kw_only=True)
class Watchdog:
    """A hardware watchdog."""

    name: Short
    path: Line
    label: Short | None = None


@frozen(kw_only=True)
class Sensor:
    """Something that measures the box itself. What it measures now is in heartbeats."""

    kind: Literal["temperature", "power", "battery", "mains"]
    name: Short
    chip: Short | None = None


@frozen(kw_only=True)
class RuntimeInfo:
    """A container runtime or kubelet: installed, and whether its socket is there."""

    name: Short
    version: Short | None = None
    socket: Line | None = None
    usable: bool = False
    reason: Line | None = None


@frozen(kw_only=True)
class ProbeStatus:
    """How a probe fared. `reason` is given for absent and failed, and for what may be missing.

    `kept_from`: it failed, and what stands here was read then, when it last did not.
    """

    status: Literal["found", "absent", "failed"]
    reason: Line | None = None
    kept_from: Moment | None = None


@frozen(kw_only=True)
class Hardware:
    """Everything that the probes found. Lists are sorted, so that equal hardware is equal."""

    system: System = System()
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    storage: Annotated[tuple[Disk, ...], Items(1024)] = ()
    filesystems: Annotated[tuple[Filesystem, ...], Items(256)] = ()
    nics: Annotated[tuple[Nic, ...], Items(1024)] = ()
    pci: Annotated[tuple[PciFunction, ...], Items(2048)] = ()
    usb: Annotated[tuple[UsbDevice, ...], Items(512)] = ()
    accelerators: Annotated[tuple[Accelerator, ...], Items(128)] = ()
    cameras: Annotated[tuple[Camera, ...], Items(128)] = ()
    bluetooth: Annotated[tuple[Bluetooth, ...], Items(32)] = ()
    serial_ports: Annotated[tuple[SerialPort, ...], Items(256), Sparse()] = ()
    gpio: Annotated[tuple[GpioChip, ...], Items(128), Sparse()] = ()
    i2c: Annotated[tuple[I2cBus, ...], Items(128), Sparse()] = ()
    modems: Annotated[tuple[Modem, ...], Items(32), Sparse()] = ()
    ptp: Annotated[tuple[PtpClock, ...], Items(128), Sparse()] = ()
    watchdogs: Annotated[tuple[Watchdog, ...], Items(16), Sparse()] = ()
    sensors: Annotated[tuple[Sensor, ...], Items(256), Sparse()] = ()
    runtimes: Annotated[tuple[RuntimeInfo, ...], Items(16)] = ()
    cdi_devices: Annotated[tuple[Line, ...], Items(512), Sparse()] = ()
    """Fully qualified names of the Container Device Interface, such as `nvidia.com/gpu=0`."""
    features: Annotated[Mapping[str, Short], Items(64), Sparse()] = dataclasses.field(
        default_factory=dict
    )
    """Switches of processor and kernel by Node Feature Discovery's names: `cpu-pstate.turbo`."""
    policy: Annotated[BoxPolicy, Sparse()] | None = None
    """What the box allows, as its executor enforces it; None where no executor told it."""
    runtime_in_use: Annotated[RuntimeInUse, Sparse()] | None = None
    """Which of the runtimes the executor drives; None where none told it."""
    labels: Annotated[Mapping[str, Annotated[str, Text(256)]], Items(1024)] = dataclasses.field(
        default_factory=dict
    )
    probes: Annotated[Mapping[str, ProbeStatus], Items(64)] = dataclasses.field(
        default_factory=dict
    )
