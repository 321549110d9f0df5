"""SLOW_LOOKS: everything that takes long or may hang, each asked by a program of its own.

A row says how its program is started, what its answer depends on, and what a sound answer is. May
NOT start anything: `looks` does.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from skerry_agent.capability import CpuinfoValues, NvmlGpu, NvmlValues, SlowValues
from skerry_agent.host import Host
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Hardware

MAX_FLAGS = 1024
MAX_GPUS = 64
MAX_TEXT = 256

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\Z")


@frozen()
class SlowLook:
    """One row of the table.

    `key` names what the answer depends on, None where there is nothing to look at, which `absent`
    says in words. `values_of` understands the child's JSON, None when it is nonsense. An answer
    holds for `holds_s`: longer than that nothing tells that it is still true.
    """

    name: str
    child: tuple[str, ...]
    time_limit_s: float
    key: Callable[[Host, Hardware], str | None]
    values_of: Callable[[dict[str, Any]], SlowValues | None]
    absent: str
    holds_s: float = math.inf


def is_whole(values: SlowValues) -> bool:
    """Say whether an answer tells of all there is; one of a GPU that was lost does not."""
    return not (isinstance(values, NvmlValues) and values.lost)


def _cpuinfo_key(_host: Host, _hardware: Hardware) -> str | None:
    return ""  # a processor does not change while the box runs


def _nvml_key(host: Host, hardware: Hardware) -> str | None:
    """Return which GPUs NVIDIA's driver holds, which driver it is, and how they are split."""
    gpus = [
        function.address
        for function in hardware.pci
        if (function.vendor, function.driver) == ("10de", "nvidia")
        and function.class_.startswith("03")
    ]
    if not gpus and not host.exists("/dev/nvidiactl"):
        return None
    version = (host.text("/proc/driver/nvidia/version") or "").partition("\n")[0]
    folder = "/proc/driver/nvidia/capabilities"
    split = [
        f"{gpu}/{name}/{part}"
        for gpu in host.folders(folder)[:MAX_GPUS]
        for name in host.folders(f"{folder}/{gpu}/mig")[:MAX_GPUS]
        for part in host.folders(f"{folder}/{gpu}/mig/{name}")[:MAX_GPUS]
    ]
    return " ".join([version[:MAX_TEXT], *gpus, *split])


def is_text(value: Any) -> bool:
    """Say whether a value of an answer is a text of a length that may be."""
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _cpuinfo_values(told: dict[str, Any]) -> CpuinfoValues | None:
    brand, flags = told.get("brand"), told.get("flags")
    if not (brand is None or is_text(brand)) or not isinstance(flags, list):
        return None
    if len(flags) > MAX_FLAGS or not all(map(is_text, flags)):
        return None
    return CpuinfoValues(brand=brand or None, flags=tuple(sorted(set(flags))))


def _nvml_values(told: dict[str, Any]) -> NvmlValues | None:
    version, gpus, lost = (told.get(name) for name in ("driver_version", "gpus", "lost"))
    if not all(text is None or is_text(text) for text in (version, lost)):
        return None
    if not isinstance(gpus, list) or len(gpus) > MAX_GPUS or not all(map(_is_gpu, gpus)):
        return None
    found = (
        NvmlGpu(
            address=gpu["address"],
            name=gpu.get("name"),
            memory_bytes=gpu.get("memory_bytes"),
            partitions=tuple(sorted(gpu["partitions"])),
        )
        for gpu in gpus
    )
    return NvmlValues(version, tuple(sorted(found, key=lambda gpu: gpu.address)), lost)


def _is_gpu(told: Any) -> bool:
    if not isinstance(told, dict) or not is_text(told.get("address")):
        return False
    name, memory, parts = (told.get(key) for key in ("name", "memory_bytes", "partitions"))
    return (
        _ADDRESS.match(told["address"]) is not None
        and (name is None or is_text(name))
        and (memory is None or (type(memory) is int and 0 < memory < 2**50))
        and isinstance(parts, list)
        and len(parts) <= MAX_GPUS
        and all(map(is_text, parts))
    )


CPUINFO = SlowLook(
    name="cpuinfo",
    child=(sys.executable, "-I", os.path.join(_FOLDER, "cpuinfo_child.py")),
    time_limit_s=20.0,  # 1.5 s on an idle PC; a small box under load takes ten times as long
    key=_cpuinfo_key,
    values_of=_cpuinfo_values,
    absent="there is no processor",
)
NVML = SlowLook(
    name="nvml",
    child=(sys.executable, "-I", os.path.join(_FOLDER, "nvml_child.py")),
    time_limit_s=60.0,  # without a persistent driver each of eight GPUs takes seconds to start
    key=_nvml_key,
    values_of=_nvml_values,
    absent="no GPU is held by NVIDIA's driver",
    # A GPU that falls off its bus, and one that is split anew, are announced by nobody. A little
    # less than the time between two looks at the hardware, so that each of them may ask.
    holds_s=480.0,
)
SLOW_LOOKS: tuple[SlowLook, ...] = (CPUINFO, NVML)
"""Every slow look there is, in the order in which they are taken."""
