"""MAKES, the visible table: a dozen makes of box, with the hardware that an agent finds on each.

The figures are those of real products of each sort; what a make has and what its boxes differ in
(memory, what is plugged in) is all that tells one box's hardware from another's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from skerry_wire.hardware import (
    Accelerator,
    Bluetooth,
    Camera,
    Cpu,
    CpuCache,
    CpuKind,
    Disk,
    Filesystem,
    GpioChip,
    Hardware,
    I2cBus,
    Memory,
    Modem,
    Nic,
    NumaMemory,
    PciFunction,
    ProbeStatus,
    PtpClock,
    RuntimeInfo,
    Sensor,
    SerialPort,
    System,
    UsbDevice,
    Watchdog,
)

GIB = 2**30

_X86 = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse "
    "sse2 ht syscall nx pdpe1gb rdtscp lm constant_tsc rep_good nopl xtopology nonstop_tsc cpuid "
    "tsc_known_freq pni pclmulqdq monitor ssse3 cx16 sse4_1 sse4_2 x2apic movbe popcnt "
    "tsc_deadline_timer aes xsave rdrand lahf_lm 3dnowprefetch fsgsbase tsc_adjust smep erms "
    "rdseed smap clflushopt sha_ni xsaveopt xsavec xgetbv1 xsaves arat umip rdpid ibpb stibp ssbd "
    "md_clear flush_l1d arch_capabilities"
)
_INTEL = (
    "vmx dts acpi ss tm pbe art arch_perfmon pebs bts dtes64 ds_cpl est tm2 xtpr pdcm epb "
    "intel_pt tpr_shadow flexpriority ept vpid ept_ad dtherm ida pln pts hwp hwp_notify"
)
_AVX = "fma avx f16c bmi1 avx2 bmi2 invpcid adx gfni vaes vpclmulqdq fsrm"
_AVX512 = (
    "avx512f avx512dq avx512ifma avx512cd avx512bw avx512vl avx512vbmi avx512_vbmi2 avx512_vnni "
    "avx512_bitalg avx512_vpopcntdq"
)
_AMD = (
    "mmxext fxsr_opt cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse osvw ibs topoext "
    "perfctr_core cpb hw_pstate vmmcall clzero xsaveerptr wbnoinvd npt lbrv svm_lock nrip_save "
    "tsc_scale vmcb_clean flushbyasid decodeassists pausefilter pfthreshold overflow_recov succor"
)
_ARM = "fp asimd evtstrm crc32 cpuid"
_ARM82 = "aes pmull sha1 sha2 atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """One make. `cards` are PCI functions as (class, vendor, device, driver, name)."""

    name: str
    share: int
    """Of a hundred boxes."""
    arch: str
    system: tuple[str, str, str, str]
    """Board vendor, board model, kernel, version of the operating system (Debian, Ubuntu)."""
    cpu: tuple[str, str, int, int, float]
    """Model, vendor, cores, threads a core, MHz."""
    flags: str
    memory_gib: tuple[int, ...]
    disks: tuple[tuple[str, str, int], ...]
    """Name, transport, GB."""
    nics: tuple[tuple[str, str, int], ...]
    """Name, driver, Mbit/s."""
    cards: tuple[tuple[str, str, str, str, str], ...] = ()
    serial: int = 0
    can: int = 0
    gpio: int = 0
    accelerator: tuple[str, str, str, int] | None = None
    """Of the chip itself: kind, vendor, model, GiB."""
    gpu: tuple[str, int] | None = None
    """Model and GiB of the cards that some of its boxes have."""
    numa: int = 1
    virtual: str = "none"
    wireless: bool = False


_PC = (
    ("060000", "8086", "461c", "", "Host bridge"),
    ("030000", "8086", "46d1", "i915", "UHD Graphics"),
    ("0c0330", "8086", "54ed", "xhci_hcd", "USB 3.2 controller"),
    ("0c0500", "8086", "54a3", "i801_smbus", "SMBus"),
    ("010601", "8086", "54d3", "ahci", "SATA controller"),
    ("020000", "8086", "125c", "igc", "Ethernet Controller I226-V"),
    ("040300", "8086", "54c8", "snd_hda_intel", "HD Audio"),
)
_SERVER = (
    ("060000", "8086", "09a2", "", "Memory Map"),
    ("0c0330", "8086", "a1af", "xhci_hcd", "USB 3.0 controller"),
    ("030000", "1a03", "2000", "ast", "ASPEED Graphics"),
    ("010802", "144d", "a80a", "nvme", "NVMe SSD PM9A3"),
    ("020000", "8086", "1592", "ice", "Ethernet Controller E810-C"),
    ("020000", "8086", "1592", "ice", "Ethernet Controller E810-C"),
    ("0b4000", "8086", "4940", "4xxx", "QuickAssist Technology"),
)
_VIRTIO = (
    ("060000", "8086", "1237", "", "440FX"),
    ("010000", "1af4", "1001", "virtio-pci", "Virtio block device"),
    ("020000", "1af4", "1000", "virtio-pci", "Virtio network device"),
    ("00ff00", "1af4", "1005", "virtio-pci", "Virtio RNG"),
)

MAKES: tuple[Make, ...] = (
    Make(
        name="pi4",
        share=16,
        arch="aarch64",
        system=("Raspberry Pi Foundation", "Raspberry Pi 4 Model B Rev 1.5", "6.1.0-rpi8", "12"),
        cpu=("Cortex-A72", "ARM", 4, 1, 1800.0),
        flags=_ARM,
        memory_gib=(2, 4, 8),
        disks=(("mmcblk0", "mmc", 32),),
        nics=(("eth0", "bcmgenet", 1000),),
        gpio=2,
        serial=1,
        wireless=True,
    ),
    Make(
        name="pi5",
        share=12,
        arch="aarch64",
        system=("Raspberry Pi Foundation", "Raspberry Pi 5 Model B Rev 1.0", "6.6.31-rpi", "12"),
        cpu=("Cortex-A76", "ARM", 4, 1, 2400.0),
        flags=f"{_ARM} {_ARM82}",
        memory_gib=(4, 8, 16),
        disks=(("nvme0n1", "nvme", 256),),
        nics=(("eth0", "macb", 1000),),
        cards=(("010802", "15b7", "5015", "nvme", "NVMe SSD SN740"),),
        gpio=5,
        serial=1,
        wireless=True,
    ),
    Make(
        name="rk3588",
        share=7,
        arch="aarch64",
        system=("Radxa", "ROCK 5B", "6.1.43-rk2312", "12"),
        cpu=("Cortex-A76", "ARM", 8, 1, 2400.0),
        flags=f"{_ARM} {_ARM82}",
        memory_gib=(8, 16),
        disks=(("mmcblk0", "mmc", 64), ("nvme0n1", "nvme", 512)),
        nics=(("enP4p65s0", "r8125", 2500),),
        cards=(("020000", "10ec", "8125", "r8125", "RTL8125 2.5GbE"),),
        gpio=5,
        accelerator=("npu", "Rockchip", "RK3588 NPU", 0),
    ),
    Make(
        name="imx8",
        share=10,
        arch="aarch64",
        system=("NXP", "i.MX8MPlus gateway", "6.1.55-lts", "12"),
        cpu=("Cortex-A53", "ARM", 4, 1, 1800.0),
        flags=f"{_ARM} aes pmull sha1 sha2",
        memory_gib=(2, 4),
        disks=(("mmcblk2", "mmc", 16),),
        nics=(("eth0", "fec", 1000), ("eth1", "imx-dwmac", 1000)),
        gpio=5,
        serial=3,
        can=2,
        accelerator=("npu", "VeriSilicon", "VIP8000", 0),
    ),
    Make(
        name="orin-nano",
        share=3,
        arch="aarch64",
        system=("NVIDIA", "Jetson Orin Nano Developer Kit", "5.15.136-tegra", "22.04"),
        cpu=("Cortex-A78AE", "ARM", 6, 1, 1510.0),
        flags=f"{_ARM} {_ARM82}",
        memory_gib=(8,),
        disks=(("nvme0n1", "nvme", 512),),
        nics=(("enP8p1s0", "r8168", 1000),),
        cards=(("020000", "10ec", "8168", "r8168", "RTL8111 Gigabit"),),
        gpio=2,
        accelerator=("gpu", "NVIDIA", "Orin (Ampere)", 8),
    ),
    Make(
        name="agx-orin",
        share=2,
        arch="aarch64",
        system=("NVIDIA", "Jetson AGX Orin", "5.15.136-tegra", "22.04"),
        cpu=("Cortex-A78AE", "ARM", 12, 1, 2200.0),
        flags=f"{_ARM} {_ARM82}",
        memory_gib=(32, 64),
        disks=(("mmcblk0", "mmc", 64), ("nvme0n1", "nvme", 1000)),
        nics=(("eth0", "nvethernet", 10000),),
        gpio=2,
        can=2,
        accelerator=("gpu", "NVIDIA", "Orin (Ampere)", 32),
    ),
    Make(
        name="n100",
        share=16,
        arch="x86_64",
        system=("Example Industries", "Mini PC N100", "6.1.0-18-amd64", "12"),
        cpu=("Intel(R) N100", "GenuineIntel", 4, 1, 3400.0),
        flags=f"{_X86} {_INTEL} {_AVX}",
        memory_gib=(8, 16),
        disks=(("sda", "sata", 256),),
        nics=(("enp1s0", "igc", 2500), ("enp2s0", "igc", 2500)),
        cards=(*_PC, ("020000", "8086", "125c", "igc", "Ethernet Controller I226-V")),
        wireless=True,
    ),
    Make(
        name="nuc",
        share=9,
        arch="x86_64",
        system=("Intel Corporation", "NUC11TNHi7", "6.1.0-18-amd64", "12"),
        cpu=("11th Gen Intel(R) Core(TM) i7-1165G7", "GenuineIntel", 4, 2, 4700.0),
        flags=f"{_X86} {_INTEL} {_AVX} {_AVX512}",
        memory_gib=(16, 32, 64),
        disks=(("nvme0n1", "nvme", 500),),
        nics=(("enp88s0", "igc", 2500),),
        cards=(*_PC, ("010802", "8086", "f1aa", "nvme", "NVMe SSD 670p")),
        wireless=True,
    ),
    Make(
        name="atom-gateway",
        share=11,
        arch="x86_64",
        system=("Example Controls", "IPC-227E", "5.10.0-28-amd64", "11"),
        cpu=("Intel Atom(R) x6425E", "GenuineIntel", 4, 1, 3000.0),
        flags=f"{_X86} {_INTEL}",
        memory_gib=(4, 8),
        disks=(("sda", "sata", 128),),
        nics=(("enp1s0", "igb", 1000), ("enp2s0", "igb", 1000), ("enp3s0", "igb", 1000)),
        cards=(*_PC, *[("020000", "8086", "1533", "igb", "I210 Gigabit")] * 3),
        serial=4,
        can=1,
    ),
    Make(
        name="xeon-d",
        share=4,
        arch="x86_64",
        system=("Supermicro", "SYS-110D-20C", "5.15.0-105-generic", "22.04"),
        cpu=("Intel(R) Xeon(R) D-2796NT", "GenuineIntel", 20, 2, 3100.0),
        flags=f"{_X86} {_INTEL} {_AVX} {_AVX512}",
        memory_gib=(128, 256),
        disks=(("nvme0n1", "nvme", 1920), ("nvme1n1", "nvme", 1920)),
        nics=(("ens1f0", "ice", 25000), ("ens1f1", "ice", 25000), ("eno1", "i40e", 10000)),
        cards=_SERVER,
        gpu=("NVIDIA L4", 24),
    ),
    Make(
        name="epyc",
        share=4,
        arch="x86_64",
        system=("Dell Inc.", "PowerEdge R7525", "5.15.0-105-generic", "22.04"),
        cpu=("AMD EPYC 7543 32-Core Processor", "AuthenticAMD", 64, 2, 3700.0),
        flags=f"{_X86} {_AMD} {_AVX}",
        memory_gib=(512, 1024),
        disks=(("nvme0n1", "nvme", 3840), ("nvme1n1", "nvme", 3840), ("sda", "sata", 480)),
        nics=(("ens3f0np0", "mlx5_core", 100000), ("eno1", "tg3", 1000), ("eno2", "tg3", 1000)),
        cards=(*_SERVER, ("020000", "15b3", "101d", "mlx5_core", "ConnectX-6 Dx")),
        gpu=("NVIDIA A100-SXM4-80GB", 80),
        numa=2,
    ),
    Make(
        name="cloud-x86",
        share=4,
        arch="x86_64",
        system=("QEMU", "Standard PC (i440FX + PIIX, 1996)", "6.8.0-1008-generic", "24.04"),
        cpu=("AMD EPYC 9R14", "AuthenticAMD", 4, 2, 2600.0),
        flags=f"{_X86} hypervisor {_AVX} {_AVX512}",
        memory_gib=(16, 32),
        disks=(("vda", "virtio", 100),),
        nics=(("ens5", "virtio_net", 0),),
        cards=_VIRTIO,
        virtual="kvm",
    ),
    Make(
        name="cloud-arm",
        share=2,
        arch="aarch64",
        system=("QEMU", "QEMU KVM Virtual Machine", "6.8.0-1008-generic", "24.04"),
        cpu=("Neoverse-N1", "ARM", 8, 1, 2600.0),
        flags=f"{_ARM} {_ARM82}",
        memory_gib=(16, 32),
        disks=(("nvme0n1", "nvme", 100),),
        nics=(("ens5", "ena", 0),),
        cards=_VIRTIO,
        virtual="kvm",
    ),
)
"""Their shares add up to 100."""

_PROBES = (
    "system cpu memory storage filesystems nics pci usb accelerators cameras bluetooth serial "
    "gpio i2c modems ptp watchdogs sensors runtimes features"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What one box of a make has beside what all of them have."""

    memory_gib: int
    gpus: int = 0
    cameras: int = 0
    adapters: int = 0
    """Serial ports on USB."""
    modem: bool = False


def hardware_of(make: Make, variant: Variant) -> Hardware:
    """Return what an agent would find, without labels and the box's own name."""
    vendor, board, kernel, version = make.system
    pci = tuple(_functions(make, variant))
    usb = tuple(_usb(variant))
    return Hardware(
        system=System(
            arch=make.arch,
            kernel=kernel,
            os_id="ubuntu" if "." in version else "debian",
            os_version=version,
            os_name=f"{'Ubuntu' if '.' in version else 'Debian GNU/Linux'} {version}",
            board_vendor=vendor,
            board_model=board,
            virtualization=make.virtual,
            cgroup_version=2,
            secure_boot=make.arch == "x86_64",
            tpm_version="2.0" if make.arch == "x86_64" else None,
            security_modules=("lockdown", "capability", "yama", "apparmor"),
            kvm=make.virtual == "none",
        ),
        cpu=_cpu(make),
        memory=_memory(make, variant),
        storage=tuple(
            Disk(name=name, transport=how, rotational=False, size_bytes=size * 10**9, model=how)
            for name, how, size in make.disks
        ),
        filesystems=_filesystems(make),
        nics=tuple(_nics(make)),
        pci=pci,
        usb=usb,
        accelerators=tuple(_accelerators(make, variant, pci)),
        cameras=tuple(
            Camera(
                name="HD Webcam C920", path=f"/dev/video{2 * at}", bus="usb", address=f"1-1.{at}"
            )
            for at in range(variant.cameras)
        ),
        bluetooth=(Bluetooth(name="hci0", bus="usb"),) if make.wireless else (),
        serial_ports=tuple(_serial_ports(make, variant)),
        gpio=tuple(
            GpioChip(name=f"gpiochip{at}", path=f"/dev/gpiochip{at}", label="soc", line_count=32)
            for at in range(make.gpio)
        ),
        i2c=tuple(
            I2cBus(name=f"i2c-{at}", label="adapter", path=f"/dev/i2c-{at}") for at in range(4)
        ),
        modems=_modems(variant),
        ptp=(PtpClock(name="ptp0", path="/dev/ptp0", label=make.nics[0][1]),),
        watchdogs=(Watchdog(name="watchdog0", path="/dev/watchdog0", label="watchdog"),),
        sensors=tuple(
            Sensor(kind="temperature", name=f"temp{at}", chip="coretemp") for at in range(1, 5)
        ),
        runtimes=_runtimes(make),
        features={"cpu-pstate.scaling_governor": "performance", "kernel-config.NO_HZ": "true"},
        probes={name: ProbeStatus(status="found") for name in _PROBES.split()},
    )


def _cpu(make: Make) -> Cpu:
    model, vendor, cores, threads, mhz = make.cpu
    logical = cores * threads
    levels = ((1, "data", 32), (1, "instruction", 32), (2, "unified", 1024))
    return Cpu(
        logical_count=logical,
        present_count=logical,
        effective_count=logical,
        core_count=cores,
        package_count=make.numa,
        numa_node_count=make.numa,
        threads_per_core=threads,
        model=model,
        vendor=vendor,
        max_mhz=mhz,
        kinds=(CpuKind(name=model, logical_count=logical),),
        caches=tuple(
            CpuCache(level=level, type=kind, size_bytes=size * 1024, count=cores)  # type: ignore[arg-type]
            for level, kind, size in levels
        ),
        flags=tuple(sorted(make.flags.split())),
    )


def _memory(make: Make, variant: Variant) -> Memory:
    # The kernel keeps some for itself.
    there = variant.memory_gib * GIB * 97 // 100
    numa = tuple(NumaMemory(node=at, total_bytes=there // make.numa) for at in range(make.numa))
    return Memory(total_bytes=there, swap_bytes=0, numa=numa)


def _filesystems(make: Make) -> tuple[Filesystem, ...]:
    name, _, size = make.disks[-1]
    part = f"/dev/{name}p2" if name[-1].isdigit() else f"/dev/{name}2"
    return (
        Filesystem(mount="/", device=part, type="ext4", size_bytes=size * 10**9 * 94 // 100),
        Filesystem(mount="/boot", device=part[:-1] + "1", type="ext4", size_bytes=512 * 2**20),
    )


def _functions(make: Make, variant: Variant) -> Iterator[PciFunction]:
    cards: Sequence[tuple[str, str, str, str, str]] = make.cards
    if make.gpu is not None:
        cards = (*cards, *[("030200", "10de", "20b2", "nvidia", make.gpu[0])] * variant.gpus)
    for at, (class_, vendor, device, driver, name) in enumerate(cards):
        yield PciFunction(
            address=f"0000:{at:02x}:00.0",
            vendor=vendor,
            device=device,
            class_=class_,
            driver=driver or None,
            vendor_name={"8086": "Intel Corporation", "10de": "NVIDIA Corporation"}.get(vendor),
            device_name=name,
            numa_node=at * make.numa // max(1, len(cards)) if make.numa > 1 else None,
            sriov_vfs=128 if driver in ("ice", "mlx5_core") else None,
        )


def _usb(variant: Variant) -> Iterator[UsbDevice]:
    yield UsbDevice(path="1-1", vendor="2109", product="3431", classes=("09",), product_name="Hub")
    for at in range(variant.cameras):
        yield UsbDevice(
            path=f"1-1.{at}", vendor="046d", product="082d", classes=("0e", "01"),
            vendor_name="Logitech", product_name="HD Pro Webcam C920",
        )  # fmt: skip
    for at in range(variant.adapters):
        yield UsbDevice(
            path=f"1-2.{at}", vendor="0403", product="6001", classes=("ff",),
            vendor_name="FTDI", product_name="FT232R USB UART",
        )  # fmt: skip
    if variant.modem:
        yield UsbDevice(path="2-1", vendor="2c7c", product="0125", classes=("ff",))


def _nics(make: Make) -> Iterator[Nic]:
    for name, driver, speed in make.nics:
        yield Nic(
            name=name,
            hardware=True,
            kind="ethernet",
            driver=driver,
            speed_mbps=speed or None,
            mtu=1500,
            operstate="up",
            sriov_vfs=128 if driver in ("ice", "mlx5_core") else None,
        )
    if make.wireless:
        yield Nic(name="wlan0", hardware=True, kind="wifi", driver="brcmfmac", operstate="down")
    for at in range(make.can):
        yield Nic(name=f"can{at}", hardware=True, kind="can", driver="flexcan", operstate="down")
    yield Nic(name="lo", hardware=False, kind="other", mtu=65536, operstate="unknown")


def _accelerators(
    make: Make, variant: Variant, pci: Sequence[PciFunction]
) -> Iterator[Accelerator]:
    if make.accelerator is not None:
        kind, vendor, model, gib = make.accelerator
        yield Accelerator(
            kind=kind,  # type: ignore[arg-type]
            vendor=vendor,
            model=model,
            bus="soc",
            address=f"/soc/{kind}@0",
            memory_bytes=gib * GIB or None,
            driver="nvgpu" if vendor == "NVIDIA" else "rknpu",
            device_nodes=(f"/dev/{kind}0",),
            usable=True,
        )
    if make.gpu is None:
        return
    cards = [one for one in pci if one.vendor == "10de"]
    for at, card in enumerate(cards[: variant.gpus]):
        yield Accelerator(
            kind="gpu",
            vendor="NVIDIA",
            model=make.gpu[0],
            bus="pci",
            address=card.address,
            memory_bytes=make.gpu[1] * GIB,
            driver="nvidia",
            device_nodes=(f"/dev/nvidia{at}",),
            numa_node=card.numa_node,
            usable=True,
            driver_version="550.54.15",
        )


def _serial_ports(make: Make, variant: Variant) -> Iterator[SerialPort]:
    for at in range(make.serial):
        yield SerialPort(name=f"ttyS{at}", path=f"/dev/ttyS{at}", driver="serial8250")
    for at in range(variant.adapters):
        yield SerialPort(
            name=f"ttyUSB{at}",
            path=f"/dev/ttyUSB{at}",
            driver="ftdi_sio",
            bus="usb",
            address=f"1-2.{at}:1.0",
        )


def _modems(variant: Variant) -> tuple[Modem, ...]:
    if not variant.modem:
        return ()
    paths = ("/dev/cdc-wdm0", "/dev/ttyUSB20", "/dev/ttyUSB21")
    one = Modem(
        name="2-1", bus="usb", address="2-1", driver="qmi_wwan", paths=paths, interfaces=("wwan0",)
    )
    return (one,)


def _runtimes(make: Make) -> tuple[RuntimeInfo, ...]:
    podman = "." not in make.system[3]
    name, version = ("podman", "4.3.1") if podman else ("docker", "26.1.0")
    socket = f"/run/{name}/{name}.sock" if podman else "/run/docker.sock"
    return (RuntimeInfo(name=name, version=version, socket=socket, usable=True),)
