"""PROBES: every probe there is, in the order in which they run. Nothing else registers any."""

from __future__ import annotations

from typing import Any

from skerry_agent.probes import (
    accelerators,
    bluetooth,
    cameras,
    cpu,
    memory,
    nics,
    pci,
    runtimes,
    storage,
    system,
    usb,
)
from skerry_agent.probes.result import Probe

PROBES: tuple[Probe[Any, Any], ...] = (
    Probe("system", ("system",), system.read, system.parse),
    Probe("cpu", ("cpu",), cpu.read, cpu.parse),
    Probe("memory", ("memory",), memory.read, memory.parse),
    Probe("storage", ("storage", "filesystems"), storage.read, storage.parse),
    Probe("nics", ("nics",), nics.read, nics.parse),
    Probe("pci", ("pci",), pci.read, pci.parse),
    Probe("usb", ("usb",), usb.read, usb.parse),
    Probe("accelerators", ("accelerators",), accelerators.read, accelerators.parse),
    Probe("cameras", ("cameras",), cameras.read, cameras.parse),
    Probe("bluetooth", ("bluetooth",), bluetooth.read, bluetooth.parse),
    Probe("runtimes", ("runtimes",), runtimes.read, runtimes.parse),
)
