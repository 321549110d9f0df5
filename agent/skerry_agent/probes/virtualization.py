"""Which virtual machine or container this box is, by the names that `systemd-detect-virt` prints.

Only what an ordinary user may read is asked. The processor's own word (the hypervisor leaf of
CPUID) is none of that, so what a hypervisor leaves in the kernel's files has to do: clock
sources, firmware tables, the device tree. Used by the system probe.
"""

from __future__ import annotations

from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import pairs
from skerry_wire.frozen import frozen

DMI = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")
IN_MODALIAS = ("pn", "svn", "rvn", "bvn", "pvr")
"""The same in `/sys/class/dmi/id/modalias`, which has no blanks."""

DEVICE_TREE = ("/proc/device-tree", "/sys/firmware/devicetree/base")
CLOCKS = "/sys/devices/system/clocksource/clocksource0/available_clocksource"

IN_FIRMWARE = (
    ("kvm", "kvm"),
    ("openstack", "kvm"),
    ("kubevirt", "kvm"),
    ("amazonec2", "amazon"),
    ("qemu", "qemu"),
    ("vmware", "vmware"),
    ("vmw", "vmware"),
    ("innotekgmbh", "oracle"),
    ("virtualbox", "oracle"),
    ("xen", "xen"),
    ("bochs", "bochs"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
    ("hyper-v", "microsoft"),
    ("applevirtualization", "apple"),
    ("googlecomputeengine", "google"),
)
"""How a text of the firmware begins in a virtual machine, in lower case, without blanks."""

BY_CLOCK = (("kvm-clock", "kvm"), ("hyperv_clocksource", "microsoft"), ("xen", "xen"))
"""Clock sources that only a hypervisor offers."""

BARE_METAL = ".metal"
"""What the model's name of a rented machine ends with when no hypervisor is between."""


@frozen()
class RawVirtualization:
    """The texts. The last three are signs in the device tree: of QEMU, and of POWER machines."""

    container: str | None
    kernel: str | None
    cpuinfo: str | None
    dmi: tuple[str | None, ...]
    hypervisor: str | None
    xen_capabilities: str | None
    clocks: str | None
    sysinfo: str | None
    tree: str | None
    board: str | None
    has_firmware_channel: bool
    partition: bool
    graphics: bool


def read(host: Host, cpuinfo: str | None, kernel: str | None) -> RawVirtualization:
    """Collect the texts that the system probe does not have yet."""
    tree = next((place for place in DEVICE_TREE if host.kind(place) == "folder"), None)
    return RawVirtualization(
        container=_container(host),
        kernel=kernel,
        cpuinfo=cpuinfo,
        dmi=_dmi(host),
        hypervisor=host.text("/sys/hypervisor/type"),
        xen_capabilities=host.text("/proc/xen/capabilities"),
        clocks=host.text(CLOCKS),
        sysinfo=host.text("/proc/sysinfo"),
        tree=host.text(f"{tree}/hypervisor/compatible") if tree else None,
        board=host.text(f"{tree}/compatible") if tree else None,
        has_firmware_channel=any("fw-cfg" in n for n in (host.folders(tree) if tree else ())),
        partition=tree is not None and host.exists(f"{tree}/ibm,partition-name"),
        graphics=tree is not None and host.exists(f"{tree}/chosen/qemu,graphic-width"),
    )


def _dmi(host: Host) -> tuple[str | None, ...]:
    parts = (host.text("/sys/class/dmi/id/modalias") or "").split(":")
    in_modalias = (
        next((part[len(key) :] for part in parts if part.startswith(key)), None)
        for key in IN_MODALIAS
    )
    return tuple(
        host.text(f"/sys/class/dmi/id/{name}") or other
        for name, other in zip(DMI, in_modalias, strict=True)
    )


def _container(host: Host) -> str | None:
    if host.exists("/proc/vz") and not host.exists("/proc/bc"):
        return "openvz"
    named = host.text("/run/host/container-manager") or host.text("/run/systemd/container")
    if named:
        return named
    if host.exists("/run/.containerenv"):
        return "podman"
    return "docker" if host.exists("/.dockerenv") else None


def name(raw: RawVirtualization) -> str | None:
    """Return what the box is, `none` on bare metal, None where nothing tells.

    A container comes before the machine that it is in.
    """
    if raw.kernel and ("Microsoft" in raw.kernel or "WSL" in raw.kernel):
        return "wsl"
    return raw.container or _of_kernel(raw) or _of_firmware(raw) or _otherwise(raw)


def _of_kernel(raw: RawVirtualization) -> str | None:
    """Return what the kernel itself says."""
    info = pairs(raw.cpuinfo, ":")
    if info.get("vendor_id") == "User Mode Linux":
        return "uml"
    if raw.sysinfo is not None:
        return _of_mainframe(raw.sysinfo)
    if raw.hypervisor == "xen" or raw.xen_capabilities is not None:
        # The first domain runs the hypervisor's own tools on the bare machine.
        return "none" if "control_d" in (raw.xen_capabilities or "") else "xen"
    if raw.hypervisor:
        return raw.hypervisor
    if raw.tree is not None:
        return _of_tree(raw.tree)
    if raw.partition and not raw.graphics:
        return "powervm"
    if raw.graphics or raw.has_firmware_channel or "emulated by qemu" in info.get("model", ""):
        return "qemu"
    return "vm-other" if "linux,dummy-virt" in (raw.board or "") else None


def _of_mainframe(sysinfo: str) -> str:
    program = pairs(sysinfo, ":").get("VM00 Control Program")
    if program is None:
        return "none"
    return "kvm" if "KVM" in program else "zvm"


def _of_tree(compatible: str) -> str:
    if compatible.startswith("linux,kvm"):
        return "kvm"
    if "xen" in compatible:
        return "xen"
    return "vmware" if "vmware" in compatible else "vm-other"


def _of_firmware(raw: RawVirtualization) -> str | None:
    texts = [(text or "").lower().replace(" ", "") for text in raw.dmi]
    clock = next((vm for sign, vm in BY_CLOCK if sign in (raw.clocks or "")), None)
    for text in texts:
        for start, vm in IN_FIRMWARE:
            if text.startswith(start):
                if vm == "amazon" and BARE_METAL in texts[0]:
                    return "none"
                # QEMU is the machine, KVM what runs it: systemd names the latter where it is.
                return clock if clock and vm in ("qemu", "bochs") else vm
    if texts[:2] == ["virtualmachine", "microsoftcorporation"]:
        return "microsoft"
    return clock


def _otherwise(raw: RawVirtualization) -> str | None:
    """Return what the processors' flags leave: some virtual machine, or the bare metal."""
    info = pairs(raw.cpuinfo, ":")
    flags = info.get("flags")
    if flags is not None:
        return "vm-other" if " hypervisor " in f" {flags} " else "none"
    # Other processors have no such flag: where firmware or a board's description tells of no
    # virtual machine, there is none.
    is_told = raw.board or (any(raw.dmi) and ("Features" in info or "isa" in info))
    return "none" if is_told else None
