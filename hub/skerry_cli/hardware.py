"""A node's hardware as an indented tree. Pure. What a box does not say is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skerry_cli import words
from skerry_wire.hardware import Accelerator, Cpu, Hardware, Memory, System


def tree(hardware: Hardware) -> Iterator[str]:
    """Yield the lines of the tree."""
    yield from _branch("system", _system(hardware.system))
    yield from _branch("cpu", _cpu(hardware.cpu))
    yield from _branch("memory", _memory(hardware.memory))
    yield from _branch("accelerators", map(_accelerator, hardware.accelerators))
    yield from _branch(
        "disks",
        (
            _line(disk.name, words.size(disk.size_bytes), disk.transport, disk.model)
            for disk in hardware.storage
        ),
    )
    yield from _branch(
        "file systems",
        (
            _line(found.mount, words.size(found.size_bytes), found.type, found.device)
            for found in hardware.filesystems
        ),
    )
    yield from _branch(
        "network interfaces",
        (
            _line(
                nic.name,
                nic.kind,
                f"{nic.speed_mbps} Mbit/s" if nic.speed_mbps else None,
                nic.operstate,
                nic.driver,
            )
            for nic in hardware.nics
            if nic.hardware
        ),
    )
    yield from _branch(
        "pci",
        (
            _line(
                function.address,
                f"[{function.vendor}:{function.device}]",
                function.vendor_name,
                function.device_name,
                function.driver,
            )
            for function in hardware.pci
        ),
    )
    yield from _branch(
        "usb",
        (
            _line(
                device.path,
                f"[{device.vendor}:{device.product}]",
                device.vendor_name,
                device.product_name,
            )
            for device in hardware.usb
        ),
    )
    yield from _branch("cameras", (_line(found.name, found.path) for found in hardware.cameras))
    yield from _branch("bluetooth", (_line(found.name, found.bus) for found in hardware.bluetooth))
    yield from _branch(
        "runtimes",
        (
            _line(
                found.name,
                found.version,
                "usable" if found.usable else "not usable",
                found.reason,
            )
            for found in hardware.runtimes
        ),
    )
    yield from _branch(
        "probes that failed",
        (
            _line(name, probe.reason)
            for name, probe in sorted(hardware.probes.items())
            if probe.status == "failed"
        ),
    )


def _branch(title: str, leaves: Iterable[str]) -> Iterator[str]:
    present = [leaf for leaf in leaves if leaf]
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
    return _line(
        f"{found.kind} {found.vendor} {found.model}",
        words.size(found.memory_bytes),
        found.address,
        "usable" if found.usable else "not usable",
        found.reason,
    )
