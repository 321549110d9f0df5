"""The operating system and the board."""

from __future__ import annotations

import dataclasses
import re

from skerry_agent.host import Host
from skerry_agent.probes import cgroup
from skerry_agent.probes.kernel_text import pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.hardware import System

DMI = ("sys_vendor", "product_name", "board_vendor", "board_name", "bios_vendor", "modalias")

VENDORS_OF_VIRTUAL_MACHINES = (
    ("qemu", "qemu"),
    ("vmware", "vmware"),
    ("innotek", "oracle"),
    ("virtualbox", "oracle"),
    ("xen", "xen"),
    ("amazon ec2", "amazon"),
    ("google compute engine", "google"),
    ("microsoft corporation virtual machine", "microsoft"),
    ("parallels", "parallels"),
    ("bochs", "bochs"),
    ("openstack", "kvm"),
    ("kvm", "kvm"),
)
"""What the DMI tables hold in a virtual machine, and the name that systemd gives it."""

NOT_FILLED_IN = frozenset(
    {
        "to be filled by o.e.m.",
        "default string",
        "system manufacturer",
        "system product name",
        "not specified",
        "not applicable",
        "unknown",
        "none",
        "o.e.m.",
        "invalid",
    }
)

_ARCH_OF_MODALIAS = {"x86": "x86_64"}
_ARCH_OF_DT_CPU = re.compile(r"arm,cortex-(?:a(?:5|7|8|9|12|15|17)|r\d+|m\d+)\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class RawSystem:
    """The texts. `dmi` is in the order of DMI."""

    machine: str | None
    hostname: str | None
    kernel: str | None
    version: str | None
    os_release: str | None
    dmi: tuple[str | None, ...]
    dt_model: str | None
    dt_compatible: str | None
    dt_cpu: str | None
    cpuinfo: str | None
    cpu_modalias: str | None
    hypervisor: str | None
    container: str | None
    mounts: str | None


def read(host: Host) -> RawSystem:
    """Collect the texts."""
    return RawSystem(
        machine=host.machine() or host.text("/proc/sys/kernel/arch"),
        hostname=host.text("/proc/sys/kernel/hostname") or host.text("/etc/hostname"),
        kernel=host.text("/proc/sys/kernel/osrelease"),
        version=host.text("/proc/version"),
        os_release=host.text("/etc/os-release") or host.text("/usr/lib/os-release"),
        dmi=tuple(host.text(f"/sys/class/dmi/id/{name}") for name in DMI),
        dt_model=device_tree_text(host, "model"),
        dt_compatible=device_tree_text(host, "compatible"),
        dt_cpu=_first_dt_cpu(host),
        cpuinfo=host.head("/proc/cpuinfo", 8192),
        cpu_modalias=host.text("/sys/devices/system/cpu/cpu0/modalias"),
        hypervisor=host.text("/sys/hypervisor/type"),
        container=_container(host),
        mounts=cgroup.mounts_text(host),
    )


def device_tree_text(host: Host, name: str) -> str | None:
    """Return a property of the device tree's root."""
    return host.text(f"/proc/device-tree/{name}") or host.text(
        f"/sys/firmware/devicetree/base/{name}"
    )


def _first_dt_cpu(host: Host) -> str | None:
    for name in host.folders("/sys/firmware/devicetree/base/cpus"):
        if name.startswith("cpu@"):
            return host.text(f"/sys/firmware/devicetree/base/cpus/{name}/compatible")
    return None


def _container(host: Host) -> str | None:
    named = host.text("/run/systemd/container")
    if named:
        return named
    if host.exists("/run/.containerenv"):
        return "podman"
    return "docker" if host.exists("/.dockerenv") else None


def parse(raw: RawSystem) -> Found[System] | Absent | Failed:
    """Understand the texts."""
    release = pairs(raw.os_release)
    vendor, model = _board(raw)
    system = System(
        arch=short(_arch(raw)),
        hostname=short(raw.hostname),
        kernel=short(raw.kernel or _kernel_of(raw.version)),
        os_id=_release_word(release, "ID"),
        os_version=_release_word(release, "VERSION_ID"),
        os_name=_release_word(release, "PRETTY_NAME"),
        board_vendor=vendor,
        board_model=model,
        virtualization=short(_virtualization(raw)),
        cgroup_version=cgroup.version(raw.mounts),
    )
    return Found(system) if system != System() else Absent("nothing names the system")


def _release_word(release: dict[str, str], key: str) -> str | None:
    return short(release.get(key, "").strip("\"'"))


def _kernel_of(version: str | None) -> str | None:
    words = (version or "").split()
    return words[2] if len(words) > 2 and words[:2] == ["Linux", "version"] else None


def _board(raw: RawSystem) -> tuple[str | None, str | None]:
    sys_vendor, product, board_vendor, board, _, modalias = raw.dmi
    if raw.dt_model:
        maker = (raw.dt_compatible or "").partition("\0")[0].partition(",")[0]
        return short(maker), short(raw.dt_model)
    named = _filled(sys_vendor) or _filled(board_vendor), _filled(product) or _filled(board)
    if named != (None, None) or not modalias:
        return named
    return (
        _filled(_of_modalias(modalias, "svn") or _of_modalias(modalias, "rvn")),
        _filled(_of_modalias(modalias, "pn") or _of_modalias(modalias, "rn")),
    )


def _of_modalias(modalias: str, key: str) -> str | None:
    """Return one value of a text such as `dmi:bvnMaker:...:svnMaker:pnModel:...`."""
    parts = modalias.split(":")
    return next((p[len(key) :] for p in parts if p.startswith(key) and len(p) > len(key)), None)


def _filled(text: str | None) -> str | None:
    text = short(text)
    return None if text is None or text.lower() in NOT_FILLED_IN else text


def _arch(raw: RawSystem) -> str | None:
    """Return the kernel's name of the architecture, as `uname -m` prints it."""
    if raw.machine:
        return raw.machine
    info = pairs(raw.cpuinfo, ":")
    if "flags" in info and ("vendor_id" in info or "model name" in info):
        return "x86_64" if " lm " in f" {info['flags']} " else "i686"
    if info.get("arch") == "IA-64":
        return "ia64"
    if info.get("vendor_id", "").startswith("IBM/S390"):
        return "s390x"
    if info.get("isa", "").startswith("rv"):
        return "riscv64" if info["isa"].startswith("rv64") else "riscv32"
    if info.get("cpu", "").startswith("POWER"):
        return "ppc64le" if "little" in (raw.cpuinfo or "").lower() else "ppc64"
    return _arm(info) or _arch_by_other_ways(raw)


def _arm(info: dict[str, str]) -> str | None:
    named = info.get("CPU architecture")
    if named is None:
        return None
    # 64-bit kernels list `asimd`; a 32-bit kernel on an ARMv8 part says 8 and lists `neon`.
    features = f" {info.get('Features', '')} "
    if named in ("8", "AArch64") and " asimd " in features:
        return "aarch64"
    if named in ("7", "8"):
        return "armv7l" if named == "7" or " neon " in features else "aarch64"
    return "aarch64" if named == "AArch64" else None


def _arch_by_other_ways(raw: RawSystem) -> str | None:
    kind = re.match(r"cpu:type:([a-z0-9]+)", raw.cpu_modalias or "")
    if kind:
        return _ARCH_OF_MODALIAS.get(kind[1])
    first = (raw.dt_cpu or "").partition("\0")[0]
    if not first:
        return None
    if _ARCH_OF_DT_CPU.match(first):
        return "armv7l"
    if first.startswith(("sifive,", "riscv", "thead,", "spacemit,")):
        return "riscv64"
    return "aarch64" if first.startswith(("arm,", "nvidia,", "qcom,", "apple,")) else None


def _virtualization(raw: RawSystem) -> str | None:
    """Return the container or virtual machine by systemd's name, `none`, or None if unknown."""
    if raw.container:
        return raw.container
    if raw.hypervisor:
        return raw.hypervisor
    board = " ".join(text for text in raw.dmi[:5] if text).lower()
    for sign, name in VENDORS_OF_VIRTUAL_MACHINES:
        if sign in board:
            return name
    flags = pairs(raw.cpuinfo, ":").get("flags")
    if flags is not None and " hypervisor " in f" {flags} ":
        return "vm-other"
    return "none" if flags is not None or (raw.dt_model and not board) else None
