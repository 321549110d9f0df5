"""A node's hardware as an indented tree. Pure. What a box does not say is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skerry_cli import hardware_buses, words
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import (
    Accelerator,
    Cpu,
    Disk,
    Filesystem,
    GpioChip,
    Hardware,
    Memory,
    Modem,
    Nic,
    RuntimeInfo,
    SerialPort,
    System,
)
from skerry_wire.messages import VERBS
from skerry_wire.runtime_limits import DOCKER, RuntimeInUse


def tree(hardware: Hardware) -> Iterator[str]:
    """Yield the lines of the tree."""
    for title, leaves in (
        ("system", _system(hardware.system)),
        ("cpu", _cpu(hardware.cpu)),
        ("memory", _memory(hardware.memory)),
        ("accelerators", map(_accelerator, hardware.accelerators)),
        ("disks", map(_disk, hardware.storage)),
        ("file systems", map(_filesystem, hardware.filesystems)),
        ("network interfaces", (_nic(nic) for nic in hardware.nics if nic.hardware)),
        ("modems", map(_modem, hardware.modems)),
        ("bluetooth", (_line(found.name, found.bus) for found in hardware.bluetooth)),
        ("cameras", (_line(found.name, found.path) for found in hardware.cameras)),
        ("pci", hardware_buses.pci(hardware)),
        ("usb", hardware_buses.usb(hardware)),
        ("serial ports", map(_serial_port, hardware.serial_ports)),
        ("gpio", map(_gpio, hardware.gpio)),
        ("i2c", _i2c(hardware)),
        ("ptp clocks", (_line(c.path, c.label, *c.interfaces) for c in hardware.ptp)),
        ("watchdogs", (_line(dog.path, dog.label) for dog in hardware.watchdogs)),
        ("sensors", _sensors(hardware)),
        ("runtimes", map(_runtime, hardware.runtimes)),
        ("instances run in", _in_use(hardware.runtime_in_use)),
        ("cdi devices", hardware.cdi_devices),
        ("the box's policy", _policy(hardware.policy)),
        ("probes that failed", _failed(hardware)),
        ("may be incomplete", _incomplete(hardware)),
    ):
        yield from _branch(title, leaves)


def _in_use(runtime: RuntimeInUse | None) -> Iterator[str]:
    if runtime is None:
        return
    api = "API " if runtime.name == DOCKER else ""
    yield f"{runtime.name} {api}{runtime.version}" if runtime.version else runtime.name


def _branch(title: str, leaves: Iterable[str]) -> Iterator[str]:
    present = [leaf for leaf in leaves if leaf.strip()]
    if present:
        yield title
        yield from (f"  {leaf}" for leaf in present)


def _line(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part and part != words.NONE)


def _system(system: System) -> Iterator[str]:
    yield _line(" ".join(part for part in (system.board_vendor, system.board_model) if part))
    yield _line(system.os_name, system.kernel and f"kernel {system.kernel}", system.arch)
    yield _line(system.virtualization and f"virtualization {system.virtualization}")
    yield f"cgroup v{system.cgroup_version}" if system.cgroup_version else ""
    yield {True: "secure boot", False: "secure boot off", None: ""}[system.secure_boot]
    yield f"TPM {system.tpm_version}" if system.tpm_version else ""
    modules = " ".join(system.security_modules)
    yield f"security modules {modules}" if modules else ""
    yield "can run virtual machines (KVM)" if system.kvm else ""


def _cpu(cpu: Cpu) -> Iterator[str]:
    yield _line(cpu.model or cpu.vendor)
    counts = (
        ("package", cpu.package_count),
        ("core", cpu.core_count),
        ("logical processor", cpu.logical_count),
    )
    yield _line(*(words.count(number, noun) for noun, number in counts if number is not None))
    if cpu.effective_count is not None and cpu.effective_count != cpu.logical_count:
        yield f"{cpu.effective_count} of them usable here"
    if cpu.max_mhz:
        yield f"up to {cpu.max_mhz:.0f} MHz"
    if len(cpu.kinds) > 1:
        yield _line(*(f"{kind.logical_count} x {kind.name}" for kind in cpu.kinds))
    yield _line(
        *(
            f"{cache.count} x L{cache.level} {cache.type} {words.size(cache.size_bytes)}"
            for cache in cpu.caches
        )
    )


def _memory(memory: Memory) -> Iterator[str]:
    if memory.total_bytes is not None:
        yield words.size(memory.total_bytes)
    if memory.limit_bytes is not None:
        yield f"limited to {words.size(memory.limit_bytes)}"
    if memory.swap_bytes:
        yield f"swap {words.size(memory.swap_bytes)}"
    for pages in memory.hugepages:
        if pages.count:
            yield f"{pages.count} huge pages of {words.size(pages.size_bytes)}"
    if len(memory.numa) > 1:
        yield _line(*(f"NUMA {one.node}: {words.size(one.total_bytes)}" for one in memory.numa))


def _accelerator(found: Accelerator) -> str:
    # Many models begin with their maker's name.
    named = found.model.lower().startswith(found.vendor.lower())
    return _line(
        f"{found.kind} {found.model}" if named else f"{found.kind} {found.vendor} {found.model}",
        words.size(found.memory_bytes),
        found.address,
        found.driver_version and f"driver {found.driver_version}",
        f"split into {' '.join(found.partitions)}" if found.partitions else None,
        "usable" if found.usable else "not usable",
        found.reason,
    )


def _disk(disk: Disk) -> str:
    turns = {True: "rotating", False: None, None: None}[disk.rotational]
    return _line(disk.name, words.size(disk.size_bytes), disk.transport, turns, disk.model)


def _filesystem(found: Filesystem) -> str:
    return _line(found.mount, words.size(found.size_bytes), found.type, found.device)


def _nic(nic: Nic) -> str:
    speed = f"{nic.speed_mbps} Mbit/s" if nic.speed_mbps else None
    return _line(nic.name, nic.kind, speed, nic.operstate, nic.driver)


def _modem(modem: Modem) -> str:
    return _line(modem.name, modem.address, modem.driver, *modem.paths, *modem.interfaces)


def _serial_port(port: SerialPort) -> str:
    return _line(port.path, port.bus, port.address, port.driver)


def _gpio(chip: GpioChip) -> str:
    lines = None if chip.line_count is None else words.count(chip.line_count, "line")
    return _line(chip.path, chip.label, lines)


def _i2c(hardware: Hardware) -> Iterator[str]:
    for bus in hardware.i2c:
        if bus.label:
            yield _line(bus.path or bus.name, bus.label)
    yield _line(*(bus.path or bus.name for bus in hardware.i2c if not bus.label))


def _sensors(hardware: Hardware) -> Iterator[str]:
    """Yield a line for each chip: what it measures."""
    groups: dict[tuple[str, str | None], list[str]] = {}
    for sensor in hardware.sensors:
        groups.setdefault((sensor.kind, sensor.chip), []).append(sensor.name)
    for (kind, chip), names in groups.items():
        yield f"{kind} {chip}: {_line(*names)}" if chip else f"{kind}: {_line(*names)}"


def _runtime(found: RuntimeInfo) -> str:
    state = "usable" if found.usable else "not usable"
    return _line(found.name, found.version, state, found.reason)


def _policy(policy: BoxPolicy | None) -> Iterator[str]:
    """Yield what containers may have here; of what nothing is allowed, there is no line."""
    if policy is None:
        return
    images = "any" if policy.any_image else ", ".join(map(str, policy.images))
    digest = ", by digest only" if policy.require_digest else ""
    yield f"images: {images}{digest}" if images else "images: none, so nothing runs here"
    given = (
        ("privileged", policy.privileged),
        ("network of the host", policy.host_network),
        ("processes of the host", policy.host_pid),
        ("IPC of the host", policy.host_ipc),
    )
    privileges = _line(*(name for name, is_given in given if is_given), *policy.capabilities)
    yield f"privileges: {privileges}" if privileges else ""
    read_only = (f"{one} (read-only)" for one in policy.bind_read_only)
    folders = _line(*policy.bind, *read_only)
    yield f"folders: {folders}" if folders else ""
    yield "" if policy.volumes else "no volumes"
    yield f"devices: {_line(*policy.devices)}" if policy.devices else ""
    if policy.ports != BoxPolicy().ports:
        yield f"ports: {_line(*map(str, policy.ports)) or 'none'}"
    if policy.cpu_milli is not None:
        yield f"CPU limits of all containers together: {words.processors(policy.cpu_milli)}"
    if policy.memory_bytes is not None:
        yield f"memory limits of all containers together: {words.size(policy.memory_bytes)}"
    if policy.requests != BoxPolicy().requests:
        asked = (verb for verb in VERBS if policy.requests.allows(verb))
        yield f"requests: {_line(*asked) or 'none'}"


def _failed(hardware: Hardware) -> Iterator[str]:
    for name, probe in sorted(hardware.probes.items()):
        if probe.status == "failed":
            yield _line(name, probe.reason)


def _incomplete(hardware: Hardware) -> Iterator[str]:
    for name, probe in sorted(hardware.probes.items()):
        if probe.status == "found" and probe.reason:
            yield _line(name, probe.reason)
