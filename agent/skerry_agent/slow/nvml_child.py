"""Asks NVIDIA's management library about the GPUs. A program of its own: `slow` runs this file.

The library starts the driver, may take seconds and may hang or crash with it: so it is never loaded
into the agent. The answer is JSON on standard output: `{"driver_version", "gpus": [{"address",
"name", "memory_bytes", "partitions"}], "lost": reason}`, or `{"error": reason}`. What the library
does not tell is null. Serial numbers and UUIDs are never asked for.

Needs the standard library alone. Facts: nvml.h as of driver 535; functions that are missing in an
older library are treated as what it does not support.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any

LIBRARY = "libnvidia-ml.so.1"
PLACES = (
    LIBRARY,
    f"/usr/lib/wsl/lib/{LIBRARY}",  # Windows' subsystem for Linux
    f"/run/opengl-driver/lib/{LIBRARY}",  # NixOS
)
"""Where the library is looked for: what the system's linker knows, then outside of it."""

PR_SET_PDEATHSIG = 1
MAX_GPUS = 64
MAX_PARTITIONS = 64
FUNCTION_NOT_FOUND = 13
LOST = frozenset({11, 15, 16})
"""NVML_ERROR_IRQ_ISSUE, _GPU_IS_LOST and _RESET_REQUIRED: nobody can use such a GPU."""

_PROFILE = re.compile(r"\bMIG ((?:[0-9]+c\.)?[0-9]+g\.[0-9]+gb\S{0,16})")


class NvmlError(Exception):
    """A function of the library is missing, or returned something other than success."""

    def __init__(self, function: str, code: int, words: str) -> None:
        super().__init__(f"{function}: {words}")
        self.code = code


class PciInfo(ctypes.Structure):
    """nvmlPciInfo_t. Version 2 of it is the same up to where it is read here, and shorter."""

    _fields_ = (
        ("bus_id_legacy", ctypes.c_char * 16),
        ("domain", ctypes.c_uint),
        ("bus", ctypes.c_uint),
        ("device", ctypes.c_uint),
        ("pci_device_id", ctypes.c_uint),
        ("pci_subsystem_id", ctypes.c_uint),
        ("bus_id", ctypes.c_char * 32),
    )


class MemoryInfo(ctypes.Structure):
    """nvmlMemory_t, in bytes."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class Attributes(ctypes.Structure):
    """nvmlDeviceAttributes_t: what a MIG device has of its GPU."""

    _fields_ = (
        ("multiprocessor_count", ctypes.c_uint),
        ("shared_copy_engine_count", ctypes.c_uint),
        ("shared_decoder_count", ctypes.c_uint),
        ("shared_encoder_count", ctypes.c_uint),
        ("shared_jpeg_count", ctypes.c_uint),
        ("shared_ofa_count", ctypes.c_uint),
        ("gpu_instance_slice_count", ctypes.c_uint),
        ("compute_instance_slice_count", ctypes.c_uint),
        ("memory_mib", ctypes.c_ulonglong),
    )


class Library:
    """The loaded library. Whatever it is asked for and does not give is NvmlError."""

    def __init__(self, place: str) -> None:
        """Load it; raises OSError."""
        self._library = ctypes.CDLL(place)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns nvmlReturn_t."""
        function = getattr(self._library, name, None)
        if function is None:
            raise NvmlError(name, FUNCTION_NOT_FOUND, "is missing in this library")
        function.restype = ctypes.c_int
        code = function(*arguments)
        if code != 0:
            raise NvmlError(name, code, self._words_of(code))

    def number(self, name: str, *arguments: Any) -> int:
        """Return what a function writes into an unsigned int."""
        value = ctypes.c_uint(0)
        self.call(name, *arguments, ctypes.byref(value))
        return value.value

    def text(self, name: str, *arguments: Any) -> str | None:
        """Return what a function writes into a text, None when it does not."""
        buffer = ctypes.create_string_buffer(96)  # the longest that nvml.h knows
        try:
            self.call(name, *arguments, buffer, ctypes.c_uint(len(buffer)))
        except NvmlError:
            return None
        return buffer.value.decode("utf-8", "replace") or None

    def handle(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        """Return the nvmlDevice_t that a function gives."""
        device = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(device))
        return device

    def _words_of(self, code: int) -> str:
        function = getattr(self._library, "nvmlErrorString", None)
        if function is None:
            return f"error {code}"
        function.restype = ctypes.c_char_p
        words = function(ctypes.c_int(code))
        return words.decode("utf-8", "replace")[:100].lower() if words else f"error {code}"


def read(places: Sequence[str]) -> dict[str, Any]:
    """Return the answer. Raises nothing but what a broken library does to its process."""
    library = _load(places)
    if library is None:
        return {"error": f"{LIBRARY} is not installed, or cannot be loaded"}
    try:
        library.call("nvmlInit_v2")
        number = library.number("nvmlDeviceGetCount_v2")
    except NvmlError as error:
        return {"error": str(error)}
    gpus, lost = [], None
    for index in range(min(number, MAX_GPUS)):
        try:
            gpus.append(_gpu(library, index))
        except NvmlError as error:
            if error.code in LOST:
                lost = str(error)
    version = library.text("nvmlSystemGetDriverVersion")
    return {"driver_version": version, "gpus": gpus, "lost": lost}


def _load(places: Sequence[str]) -> Library | None:
    for place in places:
        try:
            return Library(place)
        except OSError:
            continue
    return None


def _gpu(library: Library, index: int) -> dict[str, Any]:
    gpu = library.handle("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index))
    total = _memory_bytes(library, gpu)
    return {
        "address": _address(library, gpu),
        "name": library.text("nvmlDeviceGetName", gpu),
        "memory_bytes": total,
        "partitions": sorted(_partitions(library, gpu, total)),
    }


def _address(library: Library, gpu: ctypes.c_void_p) -> str:
    """Return the address as /sys/bus/pci writes it. A GPU is always function 0."""
    info = PciInfo()
    try:
        library.call("nvmlDeviceGetPciInfo_v3", gpu, ctypes.byref(info))
    except NvmlError as error:
        if error.code != FUNCTION_NOT_FOUND:
            raise
        library.call("nvmlDeviceGetPciInfo_v2", gpu, ctypes.byref(info))
    return f"{info.domain:04x}:{info.bus:02x}:{info.device:02x}.0"


def _memory_bytes(library: Library, gpu: ctypes.c_void_p) -> int | None:
    """Return the GPU's own memory; None where it shares the box's, or the library does not say."""
    memory = MemoryInfo()
    try:
        library.call("nvmlDeviceGetMemoryInfo", gpu, ctypes.byref(memory))
    except NvmlError:
        return None
    return int(memory.total) or None


def _partitions(library: Library, gpu: ctypes.c_void_p, total: int | None) -> list[str]:
    """Return the profile of each MIG device that the GPU is split into."""
    mode, pending = ctypes.c_uint(0), ctypes.c_uint(0)
    try:
        library.call("nvmlDeviceGetMigMode", gpu, ctypes.byref(mode), ctypes.byref(pending))
        if mode.value != 1:
            return []
        most = library.number("nvmlDeviceGetMaxMigDeviceCount", gpu)
    except NvmlError:
        return []
    found = []
    for index in range(min(most, MAX_PARTITIONS)):
        try:
            part = library.handle("nvmlDeviceGetMigDeviceHandleByIndex", gpu, ctypes.c_uint(index))
        except NvmlError:
            continue  # there are fewer than there may be
        found.append(_profile(library, part, total))
    return found


def _profile(library: Library, part: ctypes.c_void_p, total: int | None) -> str:
    """Return a profile such as `1g.10gb`, or `1c.2g.20gb` of one that shares its instance."""
    match = _PROFILE.search(library.text("nvmlDeviceGetName", part) or "")
    if match:
        return match[1]
    told = Attributes()
    try:
        library.call("nvmlDeviceGetAttributes_v2", part, ctypes.byref(told))
    except NvmlError:
        return "unknown"
    slices, own = told.gpu_instance_slice_count, told.compute_instance_slice_count
    shared = f"{own}c." if own and own != slices else ""
    return f"{shared}{slices}g.{_profile_gb(told.memory_mib, total)}gb"


def _profile_gb(memory_mib: int, total: int | None) -> int:
    """Return the size that a profile is named after: its eighths of the GPU's memory, in GiB."""
    if not total:
        return -(-memory_mib // 1024)
    eighths = -(-(memory_mib * 2**20 * 8) // total)
    return (eighths * -(-total // 2**30) + 4) // 8  # a half is rounded up


def _end_with_the_parent() -> None:
    """Have the kernel end this program when the agent ends, however that comes about."""
    with contextlib.suppress(AttributeError, OSError):  # another C library, another kernel
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(places: Sequence[str]) -> None:
    """Write the answer, and end without giving the library another chance to hang."""
    _end_with_the_parent()
    output = os.dup(1)
    os.dup2(2, 1)  # what the library itself prints is no part of the answer
    answer = json.dumps(read(places or PLACES)).encode()
    with open(output, "wb") as file:
        file.write(answer)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
