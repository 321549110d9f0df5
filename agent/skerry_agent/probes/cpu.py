"""Processors: how many there are, how they are made up, and which of them may be used.

Cores are told apart by which CPUs share them, because core numbers repeat in each package and, on
some boxes, in each cluster. A frequency that the box does not give is None, never a guess.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable

from skerry_agent.host import Host
from skerry_agent.probes import cgroup
from skerry_agent.probes.kernel_text import (
    count,
    cpu_list,
    cpu_mask,
    hexadecimal,
    number,
    pairs,
    short,
    size,
)
from skerry_agent.probes.microarchitecture import core_name, implementer_name
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.hardware import Cpu, CpuCache, CpuKind

CPUS = "/sys/devices/system/cpu"
HYBRID = (("cpu_core", "Intel Core"), ("cpu_atom", "Intel Atom"), ("cpu_lowpower", "Intel Atom LP"))
"""The event sources that hybrid x86 parts have, one for each type of core."""

MAX_CACHES = 16


@dataclasses.dataclass(frozen=True, slots=True)
class RawCache:
    """One cache as the first CPU that shares it shows it."""

    level: str | None
    type: str | None
    size: str | None
    shared: frozenset[int]


@dataclasses.dataclass(frozen=True, slots=True)
class RawCpu:
    """One logical CPU. `siblings` are those that share its core, itself included."""

    number: int
    online: str | None
    core_id: str | None
    package_id: str | None
    siblings: frozenset[int] | None
    package_cpus: frozenset[int] | None
    midr: str | None
    max_khz: str | None
    base_khz: str | None
    nominal_mhz: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class RawCpus:
    """Everything that the kernel tells about processors."""

    online: str | None
    present: str | None
    cpus: tuple[RawCpu, ...]
    caches: tuple[RawCache, ...]
    nodes: int
    hybrid: tuple[tuple[str, str], ...]
    cpuinfo: str | None
    groups: cgroup.CgroupText


# --- reading --------------------------------------------------------------------------------


def read(host: Host) -> RawCpus:
    """Collect the texts."""
    numbers = sorted(_numbered(host.folders(CPUS) or host.entries(CPUS), "cpu"))
    present = host.text(f"{CPUS}/present")
    known = bool(numbers) and present is not None
    return RawCpus(
        online=host.text(f"{CPUS}/online"),
        present=present,
        cpus=tuple(_read_cpus(host, numbers)),
        caches=tuple(_read_caches(host, numbers)),
        nodes=sum(1 for _ in _numbered(host.entries("/sys/devices/system/node"), "node")),
        hybrid=tuple(
            (name, host.text(f"/sys/devices/{source}/cpus") or "") for source, name in HYBRID
        ),
        # The kernel takes long to write this for many CPUs, and the first ones say enough.
        cpuinfo=host.head("/proc/cpuinfo", 65_536 if known else 4 * 1024 * 1024),
        groups=cgroup.read(host),
    )


def _numbered(names: Iterable[str], stem: str) -> Iterable[int]:
    for name in names:
        if name.startswith(stem):
            value = count(name[len(stem) :], 65_535)
            if value is not None:
                yield value


def _read_cpus(host: Host, numbers: list[int]) -> Iterable[RawCpu]:
    siblings_of: dict[int, frozenset[int]] = {}
    packages_of: dict[int, frozenset[int]] = {}
    for cpu in numbers:
        folder = f"{CPUS}/cpu{cpu}"
        topology = f"{folder}/topology"
        package = host.text(f"{topology}/physical_package_id")
        siblings = siblings_of.get(cpu)
        if siblings is None:
            siblings = _cpus(host, topology, "thread_siblings")
            siblings_of.update(dict.fromkeys(siblings or (), siblings or frozenset()))
        together = packages_of.get(cpu)
        if together is None and package in (None, "-1"):
            together = _cpus(host, topology, "core_siblings")
            packages_of.update(dict.fromkeys(together or (), together or frozenset()))
        max_khz = host.text(f"{folder}/cpufreq/cpuinfo_max_freq")
        yield RawCpu(
            number=cpu,
            online=host.text(f"{folder}/online"),
            core_id=host.text(f"{topology}/core_id"),
            package_id=package,
            siblings=siblings,
            package_cpus=together,
            midr=host.text(f"{folder}/regs/identification/midr_el1"),
            max_khz=max_khz,
            base_khz=None if max_khz else host.text(f"{folder}/cpufreq/base_frequency"),
            nominal_mhz=None if max_khz else host.text(f"{folder}/acpi_cppc/nominal_freq"),
        )


def _cpus(host: Host, folder: str, name: str) -> frozenset[int] | None:
    """Return the CPUs that a list names or, on old kernels, a mask."""
    listed = cpu_list(host.text(f"{folder}/{name}_list"))
    return listed or cpu_mask(host.text(f"{folder}/{name}"))


def _read_caches(host: Host, numbers: list[int]) -> Iterable[RawCache]:
    seen: set[tuple[str, int]] = set()
    for cpu in numbers:
        folder = f"{CPUS}/cpu{cpu}/cache"
        for index in host.entries(folder)[: MAX_CACHES + 1]:
            if not index.startswith("index") or (index, cpu) in seen:
                continue
            shared = _cpus(host, f"{folder}/{index}", "shared_cpu") or frozenset({cpu})
            seen.update((index, other) for other in shared)
            yield RawCache(
                level=host.text(f"{folder}/{index}/level"),
                type=host.text(f"{folder}/{index}/type"),
                size=host.text(f"{folder}/{index}/size"),
                shared=shared,
            )


# --- understanding --------------------------------------------------------------------------


def parse(raw: RawCpus) -> Found[Cpu] | Absent | Failed:
    """Understand the texts."""
    blocks = _blocks(raw.cpuinfo)
    listed = _listed(blocks)
    present = cpu_list(raw.present) or frozenset(c.number for c in raw.cpus) or listed
    online = _online(raw, listed)
    if not present and not online:
        return Failed("neither /sys/devices/system/cpu nor /proc/cpuinfo lists a processor")
    cpus = [c for c in raw.cpus if not online or c.number in online]
    kinds = _kinds(raw, blocks, present or online)
    model = _model(blocks) or " + ".join(kind.name for kind in kinds) or None
    return Found(
        Cpu(
            logical_count=len(online) or None,
            present_count=len(present) or None,
            effective_count=len(cgroup.effective_cpus(raw.groups, online)) or None,
            core_count=_cores(cpus, blocks),
            package_count=_packages(cpus, blocks, raw.nodes),
            numa_node_count=raw.nodes or 1,
            model=short(model),
            vendor=_vendor(blocks, raw),
            max_mhz=_max_mhz(raw.cpus),
            kinds=kinds or _uniform(model, len(present or online)),
            caches=_caches(raw.caches),
            flags=_flags(blocks),
        )
    )


def _blocks(cpuinfo: str | None) -> tuple[dict[str, str], ...]:
    """Return the paragraphs of /proc/cpuinfo."""
    texts = (cpuinfo or "").replace("\r", "").split("\n\n")
    return tuple(block for block in (pairs(text, ":") for text in texts) if block)


def _listed(blocks: tuple[dict[str, str], ...]) -> frozenset[int]:
    found = {count(block.get("processor"), 65_535) for block in blocks}
    found |= {
        count(key[len("processor ") :], 65_535)
        for block in blocks
        for key in block
        if key.startswith("processor ")  # s390 writes `processor 0: version = ...`
    }
    return frozenset(cpu for cpu in found if cpu is not None)


def _online(raw: RawCpus, listed: frozenset[int]) -> frozenset[int]:
    named = cpu_list(raw.online)
    if named:
        return named
    # Before there was one file for all, each CPU had its own; the first often has none.
    return frozenset(c.number for c in raw.cpus if c.online != "0") or listed


def _cores(cpus: list[RawCpu], blocks: tuple[dict[str, str], ...]) -> int | None:
    numbers = frozenset(cpu.number for cpu in cpus)
    cores: set[object] = set()
    for cpu in cpus:
        if cpu.siblings:
            cores.add(cpu.siblings & numbers)
        elif count(cpu.core_id) is not None:
            cores.add((cpu.package_id, cpu.core_id))
    if not cores:
        cores = {
            (block.get("physical id"), block["core id"]) for block in blocks if "core id" in block
        }
    return len(cores) or None


def _packages(cpus: list[RawCpu], blocks: tuple[dict[str, str], ...], nodes: int) -> int | None:
    packages: set[object] = set()
    for cpu in cpus:
        if count(cpu.package_id) is not None:
            packages.add(cpu.package_id)
        elif cpu.package_cpus:
            packages.add(cpu.package_cpus)
    if not packages:
        packages = {block["physical id"] for block in blocks if "physical id" in block}
    # ARM boards give each cluster a package number; ARM servers with more sockets have NUMA nodes.
    is_arm = any(cpu.midr for cpu in cpus) or any("CPU implementer" in block for block in blocks)
    if is_arm and packages and nodes <= 1:
        return 1
    return len(packages) or None


def _kinds(
    raw: RawCpus, blocks: tuple[dict[str, str], ...], present: frozenset[int]
) -> tuple[CpuKind, ...]:
    hybrid = [(name, cpu_list(cpus) or frozenset()) for name, cpus in raw.hybrid]
    if sum(bool(cpus) for _, cpus in hybrid) > 1:
        counts = Counter({name: len(cpus) for name, cpus in hybrid if cpus})
    else:
        names = _arm_names(raw, blocks)
        if len(set(names.values())) == 1:
            counts = Counter({next(iter(names.values())): len(present)})
        else:
            counts = Counter(_with_neighbours(raw.cpus, names).values())
    return tuple(CpuKind(name=name, logical_count=n) for name, n in sorted(counts.items()))[:64]


def _arm_names(raw: RawCpus, blocks: tuple[dict[str, str], ...]) -> dict[int, str]:
    """Return the name of the microarchitecture of each CPU that says it."""
    names: dict[int, str] = {}
    for block in blocks:
        implementer = hexadecimal(block.get("CPU implementer"))
        part = hexadecimal(block.get("CPU part"))
        if implementer and part:
            cpu = count(block.get("processor"), 65_535)
            # Old kernels write the part once, after the list of all processors: it counts for
            # CPU 0, and for all others when they say nothing else.
            names[cpu or 0] = core_name(int(implementer, 16), int(part, 16))
    for known in raw.cpus:
        register = hexadecimal(known.midr and known.midr.removeprefix("0x")[-8:])
        if register and int(register, 16):
            value = int(register, 16)
            names[known.number] = core_name(value >> 24, value >> 4 & 0xFFF)
    return names


def _with_neighbours(cpus: tuple[RawCpu, ...], names: dict[int, str]) -> dict[int, str]:
    """Return the names, those of silent (offline) CPUs taken from their own cluster."""
    clusters = {
        (cpu.package_id, cpu.max_khz): names[cpu.number] for cpu in cpus if cpu.number in names
    }
    silent = {
        cpu.number: clusters[cpu.package_id, cpu.max_khz]
        for cpu in cpus
        if cpu.number not in names and (cpu.package_id, cpu.max_khz) in clusters
    }
    return {**silent, **names}


def _uniform(model: str | None, present: int) -> tuple[CpuKind, ...]:
    name = short(model)
    return (CpuKind(name=name, logical_count=present),) if name and present else ()


def _model(blocks: tuple[dict[str, str], ...]) -> str | None:
    """Return what the kernel calls the model; ARM kernels name only the instruction set."""
    for key in ("model name", "cpu", "uarch", "Processor", "family"):
        for block in blocks:
            named = block.get(key)
            if named and not ("CPU part" in block and key in ("model name", "Processor")):
                return None if named.startswith(("ARMv", "AArch")) else named
    return None


def _vendor(blocks: tuple[dict[str, str], ...], raw: RawCpus) -> str | None:
    for block in blocks:
        for key in ("vendor_id", "vendor", "mvendorid"):
            if block.get(key):
                return short(block[key])
        implementer = hexadecimal(block.get("CPU implementer"))
        if implementer:
            return short(implementer_name(int(implementer, 16)))
    for cpu in raw.cpus:
        register = hexadecimal(cpu.midr and cpu.midr.removeprefix("0x")[-8:])
        if register and int(register, 16):
            return short(implementer_name(int(register, 16) >> 24))
    return None


def _max_mhz(cpus: tuple[RawCpu, ...]) -> float | None:
    mhz = []
    for cpu in cpus:
        khz = number(cpu.max_khz) or number(cpu.base_khz)
        mhz.append(khz / 1000 if khz else float(number(cpu.nominal_mhz) or 0))
    return max((value for value in mhz if 1 <= value <= 100_000), default=None)


def _caches(raw: tuple[RawCache, ...]) -> tuple[CpuCache, ...]:
    seen: set[tuple[int, str, int, frozenset[int]]] = set()
    for cache in raw:
        level, bytes_ = count(cache.level, 9), size(cache.size)
        type_ = (cache.type or "").lower()
        if level and bytes_ and type_ in ("data", "instruction", "unified"):
            seen.add((level, type_, bytes_, cache.shared))
    counts = Counter((level, type_, bytes_) for level, type_, bytes_, _ in seen)
    return tuple(
        CpuCache(level=level, type=type_, size_bytes=bytes_, count=n)  # type: ignore[arg-type]
        for (level, type_, bytes_), n in sorted(counts.items())
    )[:64]


def _flags(blocks: tuple[dict[str, str], ...]) -> tuple[str, ...]:
    """Return the instruction sets that every processor has."""
    common: frozenset[str] | None = None
    for text in {
        block[k] for block in blocks for k in ("flags", "Features", "features") if k in block
    }:
        flags = frozenset(text.split())
        common = flags if common is None else common & flags
    return tuple(sorted(name for name in map(short, common or ()) if name))[:1024]
