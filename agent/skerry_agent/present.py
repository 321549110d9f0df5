"""Shows what was found: a table for people, JSON for programs. Pure.

What a running box measures at the moment stands beside it; it is no part of the message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from skerry_agent.capability import Collected
from skerry_agent.load import Readings
from skerry_wire import codec
from skerry_wire.hardware import Accelerator, Hardware, Sensor

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


NOTHING = Readings({}, ())
_UNIT = {"temperature": "C", "power": "W", "battery": "%"}


def to_json(collected: Collected, now: Readings = NOTHING) -> str:
    """Return the hardware as indented JSON; null is what the box does not tell.

    To each probe's status its `duration_ms` is added, None for one that ran elsewhere. A running
    box's file systems have `available_bytes`, its sensors a `value` (C, W, %, or 1 and 0).
    """
    plain = codec.to_plain(collected.hardware, nulls=True)
    for entry in plain["filesystems"] if now.available_bytes else ():
        entry["available_bytes"] = now.available_bytes.get(entry["mount"])
    for sensor, value in zip(plain.get("sensors", ()), now.sensors, strict=False):
        sensor["value"] = value
    for name, status in plain["probes"].items():
        duration = collected.timings_ms.get(name)
        status["duration_ms"] = None if duration is None else round(duration, 3)
    return json.dumps(plain, indent=2, ensure_ascii=False)


def table(collected: Collected, now: Readings = NOTHING) -> str:
    """Return the hardware as lines of aligned text, without a line break at the end."""
    hardware = collected.hardware
    rows = [
        *_system(hardware),
        *_cpu(hardware),
        *_memory(hardware),
        *_storage(hardware, now),
        *_network(hardware),
        *_accelerators(hardware),
        *_buses(hardware),
        *_ports(hardware),
        *_measuring(hardware, now),
        *_runtimes(hardware),
        *_probes(collected),
    ]
    width = max(len(title) for title, _ in rows)
    lines = []
    before = None
    for title, text in rows:
        if not text:
            continue  # the box tells nothing of it
        lines.append(f"{'' if title == before else title:<{width}}  {text}".rstrip())
        before = title
    return "\n".join(lines)


def human_bytes(size: int | None) -> str:
    """Return a size in the largest unit in which it is at least one."""
    if size is None:
        return "?"
    value, unit = float(size), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    text = f"{value:.1f}".removesuffix(".0") if unit else str(size)
    return f"{text} {UNITS[unit]}"


def _words(*words: object) -> str:
    return ", ".join(str(word) for word in words if word is not None and word != "")


def _counted(number: int | None, noun: str) -> str | None:
    return None if number is None else f"{number} {noun}{'' if number == 1 else 's'}"


def _system(hardware: Hardware) -> Iterable[tuple[str, str]]:
    system = hardware.system
    yield "Host", _words(system.hostname, system.arch) or "?"
    yield "System", _words(system.os_name, system.kernel and f"kernel {system.kernel}") or "?"
    board = " ".join(filter(None, (system.board_vendor, system.board_model)))
    if board or system.virtualization:
        machine = system.virtualization
        yield "Board", _words(board, None if machine in (None, "none") else f"on {machine}")
    if system.cgroup_version is not None:
        yield "Control groups", f"version {system.cgroup_version}"
    secure = {True: "secure boot", False: "secure boot off", None: None}
    security = _words(
        secure[system.secure_boot],
        system.tpm_version and f"TPM {system.tpm_version}",
        *system.security_modules,
    )
    if security:
        yield "Security", security
    if system.kvm:
        yield "Virtual machines", "can be run (KVM)"


def _cpu(hardware: Hardware) -> Iterable[tuple[str, str]]:
    cpu = hardware.cpu
    yield "CPU", _words(cpu.model or "?", cpu.max_mhz and f"{cpu.max_mhz:.0f} MHz at most")
    yield (
        "CPU",
        _words(
            _counted(cpu.package_count, "package"),
            _counted(cpu.core_count, "core"),
            _counted(cpu.logical_count, "CPU"),
            _counted(cpu.numa_node_count, "NUMA node"),
        ),
    )
    if cpu.effective_count != cpu.logical_count:
        yield "CPU", f"{cpu.effective_count} of {cpu.logical_count} CPUs may be used"
    if len(cpu.kinds) > 1:
        yield "CPU", _words(*(f"{kind.logical_count} x {kind.name}" for kind in cpu.kinds))
    if cpu.caches:
        caches = (
            f"L{c.level} {c.type} {c.count} x {human_bytes(c.size_bytes)}" for c in cpu.caches
        )
        yield "Caches", _words(*caches)


def _memory(hardware: Hardware) -> Iterable[tuple[str, str]]:
    memory = hardware.memory
    limit, swap = memory.limit_bytes, memory.swap_bytes
    yield (
        "Memory",
        _words(
            human_bytes(memory.total_bytes),
            None if limit is None else f"limited to {human_bytes(limit)}",
            f"{human_bytes(swap)} swap" if swap else None,
        ),
    )
    for node in memory.numa if len(memory.numa) > 1 else ():
        yield "Memory", f"node {node.node}: {human_bytes(node.total_bytes)}"
    for pages in memory.hugepages:
        yield "Memory", f"{pages.count} huge pages of {human_bytes(pages.size_bytes)}"


def _storage(hardware: Hardware, now: Readings) -> Iterable[tuple[str, str]]:
    turns = {True: "rotating", False: "solid state", None: None}
    for disk in hardware.storage:
        size = human_bytes(disk.size_bytes)
        yield "Disk", _words(disk.name, size, disk.transport, turns[disk.rotational], disk.model)
    for entry in hardware.filesystems:
        known = None if entry.size_bytes is None else human_bytes(entry.size_bytes)
        free = now.available_bytes.get(entry.mount)
        left = None if free is None else f"{human_bytes(free)} free"
        yield "File system", _words(entry.mount, entry.device, entry.type, known, left)


def _network(hardware: Hardware) -> Iterable[tuple[str, str]]:
    for nic in hardware.nics:
        if nic.hardware:
            yield (
                "Network",
                _words(
                    nic.name,
                    nic.kind,
                    nic.address,
                    nic.driver,
                    None if nic.speed_mbps is None else f"{nic.speed_mbps} Mbit/s",
                    nic.operstate,
                    nic.sriov_vfs and f"up to {nic.sriov_vfs} virtual functions",
                    "a virtual function" if nic.virtual_function else None,
                ),
            )
    virtual = [nic.name for nic in hardware.nics if not nic.hardware]
    if virtual:
        yield "Network", f"virtual: {_words(*virtual)}"
    for modem in hardware.modems:
        names = *modem.paths, *modem.interfaces
        yield "Modem", _words(_place(modem.bus, modem.address), modem.driver, *names)
    for controller in hardware.bluetooth:
        yield "Bluetooth", _words(controller.name, controller.bus)
    for clock in hardware.ptp:
        of = f"of {' '.join(clock.interfaces)}" if clock.interfaces else None
        yield "PTP clock", _words(clock.path, clock.label, of)


def _place(bus: str | None, address: str | None) -> str:
    return " ".join(filter(None, (bus, address)))


def _accelerators(hardware: Hardware) -> Iterable[tuple[str, str]]:
    for found in hardware.accelerators:
        yield "Accelerator", _accelerator(found)
    if hardware.cdi_devices:
        yield "CDI device", _words(*hardware.cdi_devices)


def _accelerator(found: Accelerator) -> str:
    state = "usable" if found.usable else f"not usable: {found.reason or 'unknown why'}"
    name = found.model if found.model.startswith(found.vendor) else f"{found.vendor} {found.model}"
    return _words(
        f"{found.kind} {name}",
        None if found.memory_bytes is None else human_bytes(found.memory_bytes),
        _place(found.bus, found.address),
        " ".join(filter(None, (found.driver, found.driver_version))),
        f"split into {' '.join(found.partitions)}" if found.partitions else None,
        state,
    )


def _buses(hardware: Hardware) -> Iterable[tuple[str, str]]:
    for camera in hardware.cameras:
        yield "Camera", _words(camera.name, camera.path)
    for device in hardware.usb:
        name = " ".join(filter(None, (device.vendor_name, device.product_name)))
        ids = f"{device.vendor or '?'}:{device.product or '?'}"
        yield "USB", _words(f"port {device.path}", ids, name)
    if hardware.pci:
        yield "PCI", _counted(len(hardware.pci), "function") or ""


def _ports(hardware: Hardware) -> Iterable[tuple[str, str]]:
    for port in hardware.serial_ports:
        yield "Serial port", _words(port.path, _place(port.bus, port.address), port.driver)
    for chip in hardware.gpio:
        yield "GPIO", _words(chip.path, chip.label, _counted(chip.line_count, "line"))
    for bus in hardware.i2c:
        if bus.label:
            yield "I2C", _words(bus.path or f"{bus.name} (no device node)", bus.label)
    unlabelled = [bus.path or bus.name for bus in hardware.i2c if not bus.label]
    if unlabelled:
        yield "I2C", _words(*unlabelled)
    for dog in hardware.watchdogs:
        yield "Watchdog", _words(dog.path, dog.label)


def _measuring(hardware: Hardware, now: Readings) -> Iterable[tuple[str, str]]:
    values = (*now.sensors, *[None] * len(hardware.sensors))
    for sensor, value in zip(hardware.sensors, values, strict=False):
        yield (
            "Sensor",
            _words(f"{sensor.kind} {sensor.name}", sensor.chip, _measured(sensor, value)),
        )


def _measured(sensor: Sensor, value: float | None) -> str | None:
    if value is None:
        return None
    if sensor.kind == "mains":
        return "connected" if value else "not connected"
    return f"{value:.4g} {_UNIT[sensor.kind]}"


def _runtimes(hardware: Hardware) -> Iterable[tuple[str, str]]:
    for runtime in hardware.runtimes:
        yield "Runtime", _words(runtime.name, runtime.version, runtime.socket, runtime.reason)


def _probes(collected: Collected) -> Iterable[tuple[str, str]]:
    for name, status in collected.hardware.probes.items():
        if status.status == "failed":
            yield "Failed", _words(name, status.reason)
        elif status.reason and status.status == "found":
            yield "Incomplete", _words(name, status.reason)
    took = sum(collected.timings_ms.values())
    yield "Probes", f"{len(collected.hardware.probes)} in {took:.0f} ms"
