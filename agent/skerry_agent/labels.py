"""Labels of a node, named as Node Feature Discovery and Kubernetes name them. Pure.

Only what Node Feature Discovery publishes by default is given, so that tools which know its labels
find the same ones here. An operator's label of the same key overrides. Not given: cpu-power, which
takes a privilege to read, and cpu-rdt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from skerry_agent import label_flags
from skerry_wire.hardware import Hardware

PREFIX = "feature.node.kubernetes.io/"
MAX_LABELS = 1024
MAX_KEY = 253
MAX_VALUE = 256

ARCH = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv8l": "arm",
    "armv7l": "arm",
    "armv6l": "arm",
    "armv5tel": "arm",
    "i686": "386",
    "i586": "386",
    "i386": "386",
    "loongarch64": "loong64",
}
"""Kubernetes' names of architectures, where they are not the kernel's."""

VENDOR_IDS = {
    "GenuineIntel": "Intel",
    "AuthenticAMD": "AMD",
    "HygonGenuine": "Hygon",
    "CentaurHauls": "VIA",
    "APM": "AMCC",
}
"""The makers' own spellings, and those of Node Feature Discovery."""

PCI_CLASSES = ("03", "0b40", "12")
"""Classes of PCI devices that get a label: displays, co-processors, accelerators."""

USB_CLASSES = frozenset({"0e", "ef", "fe", "ff"})
"""Classes of USB devices that get a label: video, miscellaneous, application, vendor-specific."""

_NOT_IN_A_VALUE = re.compile(r"[^-A-Za-z0-9_.]")
_KERNEL = re.compile(r"([0-9]+)\.([0-9]+)(?:\.([0-9]+))?")
_OS_VERSION = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:\..*)?\Z")
NETWORK = "02"
MELLANOX = "15b3"


def labels(hardware: Hardware, operator: Mapping[str, str]) -> dict[str, str]:
    """Return all labels of a node, sorted, the operator's in place of those with the same key."""
    found = {
        **dict(_of_system(hardware)),
        **dict(_of_cpu(hardware)),
        **dict(_of_devices(hardware)),
        **{f"{PREFIX}{name}": value(text) for name, text in hardware.features.items()},
    }
    known = {key: text for key, text in found.items() if text is not None}
    merged = {**dict(sorted(known.items())[: MAX_LABELS - len(operator)]), **operator}
    return {key: merged[key][:MAX_VALUE] for key in sorted(merged) if len(key) <= MAX_KEY}


def value(text: str | None) -> str | None:
    """Return text as Kubernetes lets a label's value be, None when nothing is left."""
    if text is None:
        return None
    return _NOT_IN_A_VALUE.sub("_", text)[:63].strip("-_.") or None


def _of_system(hardware: Hardware) -> Iterable[tuple[str, str | None]]:
    system = hardware.system
    yield "kubernetes.io/arch", ARCH.get(system.arch, system.arch) if system.arch else None
    yield "kubernetes.io/hostname", value(system.hostname.lower()) if system.hostname else None
    yield f"{PREFIX}kernel-version.full", value(system.kernel)
    kernel = _KERNEL.match(system.kernel or "")
    if kernel:
        yield f"{PREFIX}kernel-version.major", kernel[1]
        yield f"{PREFIX}kernel-version.minor", kernel[2]
        yield f"{PREFIX}kernel-version.revision", kernel[3]
    yield f"{PREFIX}system-os_release.ID", value(system.os_id)
    yield f"{PREFIX}system-os_release.VERSION_ID", value(system.os_version)
    version = _OS_VERSION.match(system.os_version or "")
    if version:
        yield f"{PREFIX}system-os_release.VERSION_ID.major", version[1]
        yield f"{PREFIX}system-os_release.VERSION_ID.minor", version[2]


def _of_cpu(hardware: Hardware) -> Iterable[tuple[str, str | None]]:
    cpu = hardware.cpu
    yield f"{PREFIX}cpu-model.vendor_id", value(VENDOR_IDS.get(cpu.vendor or "", cpu.vendor))
    for name in label_flags.names(hardware.system.arch, cpu.flags):
        yield f"{PREFIX}cpu-cpuid.{name}", "true"
    if cpu.threads_per_core:
        is_threaded = "true" if cpu.threads_per_core > 1 else "false"
        yield f"{PREFIX}cpu-hardware_multithreading", is_threaded
    if (cpu.numa_node_count or 0) > 1:
        yield f"{PREFIX}memory-numa", "true"
    if hardware.memory.swap_bytes:
        yield f"{PREFIX}memory-swap.enabled", "true"


def _of_devices(hardware: Hardware) -> Iterable[tuple[str, str | None]]:
    for function in hardware.pci:
        name = f"{PREFIX}pci-{function.class_[:4]}_{function.vendor}"
        if function.class_.startswith(PCI_CLASSES):
            yield f"{name}.present", "true"
            if function.sriov_vfs:
                yield f"{name}.sriov.capable", "true"
        if function.class_.startswith(NETWORK) and function.sriov_vfs:
            yield f"{PREFIX}network-sriov.capable", "true"
        if function.class_.startswith(NETWORK) and function.virtual_function:
            yield f"{PREFIX}network-sriov.configured", "true"
        if function.vendor == MELLANOX:
            yield f"{PREFIX}custom-rdma.capable", "true"
    for device in hardware.usb:
        for class_ in device.classes:
            if class_ in USB_CLASSES and device.vendor and device.product:
                name = f"usb-{class_}_{device.vendor}_{device.product}"
                yield f"{PREFIX}{name}.present", "true"
    if any(disk.rotational is False for disk in hardware.storage):
        yield f"{PREFIX}storage-nonrotationaldisk", "true"
