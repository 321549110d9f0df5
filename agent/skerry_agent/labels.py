"""Labels of a node, named as Node Feature Discovery and Kubernetes name them. Pure.

Only what Node Feature Discovery publishes by default is given, so that tools which know its labels
find the same ones here. An operator's label of the same key overrides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from skerry_wire.hardware import Hardware

PREFIX = "feature.node.kubernetes.io/"
MAX_LABELS = 1024
MAX_KEY = 253
MAX_VALUE = 256

ARCH = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "i386": "386",
}
"""Kubernetes' names of architectures, where they are not the kernel's."""

VENDOR_IDS = {
    "GenuineIntel": "Intel",
    "AuthenticAMD": "AMD",
    "HygonGenuine": "Hygon",
    "CentaurHauls": "VIA",
}

PCI_CLASSES = ("03", "0b40", "12")
"""Classes of PCI devices that get a label: displays, co-processors, accelerators."""

USB_CLASSES = frozenset({"0e", "ef", "fe", "ff"})
"""Classes of USB devices that get a label: video, miscellaneous, application, vendor-specific."""

X86_FLAGS = {
    "adx": "ADX",
    "aes": "AESNI",
    "amx_bf16": "AMXBF16",
    "amx_complex": "AMXCOMPLEX",
    "amx_fp16": "AMXFP16",
    "amx_int8": "AMXINT8",
    "amx_tile": "AMXTILE",
    "avx": "AVX",
    "avx2": "AVX2",
    "avx512_4fmaps": "AVX5124FMAPS",
    "avx512_4vnniw": "AVX5124VNNIW",
    "avx512_bf16": "AVX512BF16",
    "avx512_bitalg": "AVX512BITALG",
    "avx512_fp16": "AVX512FP16",
    "avx512_vbmi2": "AVX512VBMI2",
    "avx512_vnni": "AVX512VNNI",
    "avx512_vp2intersect": "AVX512VP2INTERSECT",
    "avx512_vpopcntdq": "AVX512VPOPCNTDQ",
    "avx512bw": "AVX512BW",
    "avx512cd": "AVX512CD",
    "avx512dq": "AVX512DQ",
    "avx512er": "AVX512ER",
    "avx512f": "AVX512F",
    "avx512ifma": "AVX512IFMA",
    "avx512pf": "AVX512PF",
    "avx512vbmi": "AVX512VBMI",
    "avx512vl": "AVX512VL",
    "avx_ifma": "AVXIFMA",
    "avx_ne_convert": "AVXNECONVERT",
    "avx_vnni": "AVXVNNI",
    "avx_vnni_int8": "AVXVNNIINT8",
    "cldemote": "CLDEMOTE",
    "clzero": "CLZERO",
    "cmpccxadd": "CMPCCXADD",
    "cx8": "CMPXCHG8",
    "enqcmd": "ENQCMD",
    "fma": "FMA3",
    "fma4": "FMA4",
    "fsrm": "FSRM",
    "fxsr": "FXSR",
    "fxsr_opt": "FXSROPT",
    "gfni": "GFNI",
    "hle": "HLE",
    "hypervisor": "HYPERVISOR",
    "ibpb": "IBPB",
    "lahf_lm": "LAHF",
    "movbe": "MOVBE",
    "movdir64b": "MOVDIR64B",
    "movdiri": "MOVDIRI",
    "mpx": "MPX",
    "osxsave": "OSXSAVE",
    "rtm": "RTM",
    "serialize": "SERIALIZE",
    "sha512": "SHA512",
    "sha_ni": "SHA",
    "sm3": "SM3_X86",
    "sm4": "SM4_X86",
    "sse4a": "SSE4A",
    "stibp": "STIBP",
    "svm": "SVM",
    "syscall": "SYSCALL",
    "tbm": "TBM",
    "vaes": "VAES",
    "vmx": "VMX",
    "vpclmulqdq": "VPCLMULQDQ",
    "waitpkg": "WAITPKG",
    "wbnoinvd": "WBNOINVD",
    "xgetbv1": "XGETBV1",
    "xop": "XOP",
    "xsave": "XSAVE",
    "xsavec": "XSAVEC",
    "xsaveopt": "XSAVEOPT",
    "xsaves": "XSAVES",
}
"""The kernel's name of an x86 flag and the label's. The basic ones that every processor of the last
fifteen years has (SSE, CX16, POPCNT, ...) get no label there, and none here."""

_NOT_IN_A_VALUE = re.compile(r"[^-A-Za-z0-9_.]")
_KERNEL = re.compile(r"([0-9]+)\.([0-9]+)(?:\.([0-9]+))?")


def labels(hardware: Hardware, operator: Mapping[str, str]) -> dict[str, str]:
    """Return all labels of a node, sorted, the operator's in place of those with the same key."""
    found = {
        **dict(_of_system(hardware)),
        **dict(_of_cpu(hardware)),
        **dict(_of_devices(hardware)),
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
    major, _, minor = (system.os_version or "").partition(".")
    yield f"{PREFIX}system-os_release.VERSION_ID.major", value(major)
    yield f"{PREFIX}system-os_release.VERSION_ID.minor", value(minor)


def _of_cpu(hardware: Hardware) -> Iterable[tuple[str, str | None]]:
    cpu = hardware.cpu
    yield f"{PREFIX}cpu-model.vendor_id", value(VENDOR_IDS.get(cpu.vendor or "", cpu.vendor))
    x86 = hardware.system.arch in ("x86_64", "i686", "i386")
    for flag in cpu.flags:
        name = X86_FLAGS.get(flag) if x86 else value(flag.upper())
        if name is not None:
            yield f"{PREFIX}cpu-cpuid.{name}", "true"
    if cpu.logical_count and cpu.core_count and cpu.logical_count > cpu.core_count:
        yield f"{PREFIX}cpu-hardware_multithreading", "true"
    if (cpu.numa_node_count or 0) > 1:
        yield f"{PREFIX}memory-numa", "true"


def _of_devices(hardware: Hardware) -> Iterable[tuple[str, str | None]]:
    for function in hardware.pci:
        name = f"{PREFIX}pci-{function.class_[:4]}_{function.vendor}"
        if function.class_.startswith(PCI_CLASSES):
            yield f"{name}.present", "true"
            if function.sriov_vfs:
                yield f"{name}.sriov.capable", "true"
        if function.class_.startswith("02") and function.sriov_vfs:
            yield f"{PREFIX}network-sriov.capable", "true"
    for device in hardware.usb:
        for class_ in device.classes:
            if class_ in USB_CLASSES:
                name = f"usb-{class_}_{device.vendor}_{device.product}"
                yield f"{PREFIX}{name}.present", "true"
    if any(disk.rotational is False for disk in hardware.storage):
        yield f"{PREFIX}storage-nonrotationaldisk", "true"
