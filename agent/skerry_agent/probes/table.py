"""PROBES: every probe there is, in the order in which they run. Nothing else registers any."""

from __future__ import annotations

from typing import Any

from skerry_agent.probes import (
    accelerators,
    bluetooth,
    cameras,
    cdi,
    cpu,
    features,
    gpio,
    i2c,
    memory,
    modems,
    nics,
    pci,
    ptp,
    runtimes,
    sensors,
    serial_ports,
    storage,
    system,
    usb,
    watchdogs,
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
    Probe("serial_ports", ("serial_ports",), serial_ports.read, serial_ports.parse),
    Probe("gpio", ("gpio",), gpio.read, gpio.parse),
    Probe("i2c", ("i2c",), i2c.read, i2c.parse),
    Probe("modems", ("modems",), modems.read, modems.parse),
    Probe("ptp", ("ptp",), ptp.read, ptp.parse),
    Probe("watchdogs", ("watchdogs",), watchdogs.read, watchdogs.parse),
    Probe("sensors", ("sensors",), sensors.read, sensors.parse),
    Probe("runtimes", ("runtimes",), runtimes.read, runtimes.parse),
    Probe("cdi", ("cdi_devices",), cdi.read, cdi.parse),
    Probe("features", ("features",), features.read, features.parse),
)
