"""The operating system and the board."""

from __future__ import annotations

import re

from skerry_agent.host import Host
from skerry_agent.probes import cgroup, virtualization
from skerry_agent.probes.kernel_text import pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import System

DMI = ("sys_vendor", "product_name", "board_vendor", "board_name", "modalias")

EFI_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""The vendor id of the variables that the UEFI standard itself names."""

SIGNS_OF_MODULES = (
    ("/sys/module/apparmor/parameters/enabled", "Y", "apparmor"),
    ("/sys/fs/selinux/enforce", None, "selinux"),
    ("/sys/fs/smackfs/load2", None, "smack"),
    ("/proc/sys/kernel/yama/ptrace_scope", None, "yama"),
)
"""What shows a security module to those who cannot read the kernel's list: a file, its text."""

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

_ARCH_OF_LINE = (
    ("CPU Family", "Loongson-64bit", "loongarch64"),
    ("CPU Family", "Loongson-32bit", "loongarch32"),
    ("cpu", "Alpha", "alpha"),
    ("type", "sun4u", "sparc64"),
    ("type", "sun4v", "sparc64"),
    ("type", "sun4m", "sparc"),
    ("CPU", "680", "m68k"),
)
"""What /proc/cpuinfo says on architectures that it names in one way: key, beginning of its text."""

_ARCH_OF_RELEASE = {
    **{
        name: name for name in ("x86_64", "aarch64", "ppc64le", "ppc64", "s390x", "riscv64", "i686")
    },
    "amd64": "x86_64",
    "arm64": "aarch64",
    "powerpc64le": "ppc64le",
}
"""How distributions end the kernel's release, `6.1.0-13-amd64`, where they name an architecture."""

_BEFORE_ARMV8 = re.compile(r"\(v([4-7])([lb])\)\Z")
_POWER = re.compile(r"POWER([0-9]{1,2})")
_ARCH_OF_MODALIAS = {"x86": "x86_64"}
_ARCH_OF_DT_CPU = re.compile(r"arm,cortex-(?:a(?:5|7|8|9|12|15|17)|r\d+|m\d+)\Z")


@frozen()
class RawTpm:
    """What tells of a trusted platform module. The kernel manages resources of version 2 only."""

    major: str | None
    caps: str | None
    place: str | None
    has_resource_manager: bool


@frozen()
class RawSystem:
    """The texts. `dmi` is in the order of DMI; `signs` are of security modules."""

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
    byte_order: str | None
    virtualization: virtualization.RawVirtualization
    mounts: str | None
    secure_boot: bool | None
    tpm: RawTpm | None
    modules: str | None
    signs: tuple[str, ...]
    kvm: bool | None


def read(host: Host) -> RawSystem:
    """Collect the texts."""
    kernel = host.text("/proc/sys/kernel/osrelease")
    cpuinfo = host.head("/proc/cpuinfo", 8192)
    return RawSystem(
        machine=host.machine() or host.text("/proc/sys/kernel/arch"),
        hostname=host.text("/proc/sys/kernel/hostname") or host.text("/etc/hostname"),
        kernel=kernel,
        version=host.text("/proc/version"),
        os_release=host.text("/etc/os-release") or host.text("/usr/lib/os-release"),
        dmi=tuple(host.text(f"/sys/class/dmi/id/{name}") for name in DMI),
        dt_model=device_tree_text(host, "model"),
        dt_compatible=device_tree_text(host, "compatible"),
        dt_cpu=_first_dt_cpu(host),
        cpuinfo=cpuinfo,
        cpu_modalias=host.text("/sys/devices/system/cpu/cpu0/modalias"),
        byte_order=host.text("/sys/kernel/cpu_byteorder"),
        virtualization=virtualization.read(host, cpuinfo, kernel),
        mounts=cgroup.mounts_text(host),
        secure_boot=_secure_boot(host),
        tpm=_tpm(host),
        modules=host.text("/sys/kernel/security/lsm"),
        signs=_signs(host),
        kvm=_kvm(host),
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


def _secure_boot(host: Host) -> bool | None:
    """Return whether the firmware verified what it started, None where it does not say."""
    for place in (
        f"/sys/firmware/efi/efivars/SecureBoot-{EFI_GLOBAL}",
        f"/sys/firmware/efi/vars/SecureBoot-{EFI_GLOBAL}/data",
    ):
        value = host.read(place, 64)
        if isinstance(value, bytes) and value and value[-1] in (0, 1):
            return value[-1] == 1
    return None


def _tpm(host: Host) -> RawTpm | None:
    for folder in ("/sys/class/tpm/tpm0", "/sys/class/misc/tpm0"):
        if host.exists(folder):
            return RawTpm(
                major=host.text(f"{folder}/tpm_version_major"),
                caps=host.text(f"{folder}/caps") or host.text(f"{folder}/device/caps"),
                place=host.target(folder),
                has_resource_manager=host.exists("/sys/class/tpmrm/tpmrm0"),
            )
    return None


def _kvm(host: Host) -> bool | None:
    if host.exists("/dev/kvm") or host.exists("/sys/class/misc/kvm"):
        return True
    # A recording without these folders does not tell.
    return False if host.entries("/dev") or host.entries("/sys/class/misc") else None


def _signs(host: Host) -> tuple[str, ...]:
    found = []
    for place, wanted, name in SIGNS_OF_MODULES:
        text = host.text(place) if wanted else None
        if text == wanted and host.exists(place):
            found.append(name)
    return tuple(found)


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
        virtualization=short(virtualization.name(raw.virtualization)),
        cgroup_version=cgroup.version(raw.mounts),
        secure_boot=raw.secure_boot,
        tpm_version=_tpm_version(raw.tpm),
        security_modules=_modules(raw),
        kvm=raw.kvm,
    )
    return Found(system) if system != System() else Absent("nothing names the system")


def _tpm_version(tpm: RawTpm | None) -> str | None:
    if tpm is None:
        return None
    if tpm.major is not None:
        return {"1": "1.2", "2": "2.0"}.get(tpm.major, "unknown")
    # Before Linux 5.6 only a module of version 1.2 described itself in a file.
    if "TCG version: 1.2" in (tpm.caps or ""):
        return "1.2"
    is_two = tpm.has_resource_manager or "/MSFT0101:" in (tpm.place or "")
    return "2.0" if is_two else "unknown"


def _modules(raw: RawSystem) -> tuple[str, ...]:
    listed = (raw.modules or "").split(",") if raw.modules else raw.signs
    return tuple(name for name in map(short, listed) if name)[:32]


def _release_word(release: dict[str, str], key: str) -> str | None:
    return short(release.get(key, "").strip("\"'"))


def _kernel_of(version: str | None) -> str | None:
    words = (version or "").split()
    return words[2] if len(words) > 2 and words[:2] == ["Linux", "version"] else None


def _board(raw: RawSystem) -> tuple[str | None, str | None]:
    sys_vendor, product, board_vendor, board, modalias = raw.dmi
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
    power = _POWER.match(info.get("cpu", ""))
    if power:
        # From the eighth on they run in either order of bytes.
        order = {"little": "ppc64le", "big": "ppc64"}.get(raw.byte_order or "")
        return "ppc64" if int(power[1]) < 8 else order or _arch_of_release(raw)
    for key, start, arch in _ARCH_OF_LINE:
        if info.get(key, "").startswith(start):
            return arch
    return _arm(info) or _arch_by_other_ways(raw) or _arch_of_release(raw)


def _arch_of_release(raw: RawSystem) -> str | None:
    release = raw.kernel or _kernel_of(raw.version) or ""
    return _ARCH_OF_RELEASE.get(re.split("[.-]", release)[-1])


def _arm(info: dict[str, str]) -> str | None:
    named = info.get("CPU architecture")
    if named is None:
        return None
    # 32-bit kernels write `ARMv6-compatible processor rev 7 (v6l)`. Their own name ends so from
    # ARMv6 on, whose number of the architecture may be 7; before that it has that number: 5TE.
    ending = _BEFORE_ARMV8.search(info.get("model name") or info.get("Processor") or "")
    if ending is not None:
        old = named.lower() if named.startswith(("4", "5")) else ending[1]
        return f"armv{old}{ending[2]}"
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
