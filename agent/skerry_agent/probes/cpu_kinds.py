"""Tells kinds of core apart, on big.LITTLE and hybrid parts, by microarchitecture. Pure.

The MIDR register says it on ARM; the event sources, or the first-level caches, on x86.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from skerry_agent.probes.cpu_topology import Blocks, RawCache, RawCpu
from skerry_agent.probes.kernel_text import count, cpu_list, hexadecimal, size
from skerry_agent.probes.microarchitecture import core_name, described_name, implementer_name
from skerry_wire.hardware import CpuKind

CORE, ATOM = "Intel Core", "Intel Atom"
HYBRID = (("cpu_core", CORE), ("cpu_atom", ATOM), ("cpu_lowpower", "Intel Atom LP"))
"""The event sources that hybrid x86 parts have, one for each type of core."""

X86_MODEL = ("vendor_id", "cpu family", "model")
OTHER_MODELS = (("uarch",), ("mvendorid", "marchid"), ("cpu model",), ("cpu",))


def kinds(
    cpus: Sequence[RawCpu],
    caches: Sequence[RawCache],
    hybrid: Sequence[tuple[str, str]],
    blocks: Blocks,
    present: frozenset[int],
    compatibles: Mapping[int, str],
) -> tuple[CpuKind, ...]:
    """Return the kinds of core that tell themselves apart; none on other than ARM if uniform.

    `compatibles` are what a device tree calls the CPUs.
    """
    typed = [(name, cpu_list(text) or frozenset()) for name, text in hybrid]
    if sum(bool(listed) for _, listed in typed) > 1:
        counts = Counter({name: len(listed) for name, listed in typed if listed})
    else:
        counts = _by_register(cpus, blocks, present, compatibles) or _by_cache(caches, blocks)
        counts = counts or _by_model(blocks, present)
    return tuple(CpuKind(name=name, logical_count=n) for name, n in sorted(counts.items()))[:64]


def midr(cpu: RawCpu) -> int:
    """Return the identification register of a CPU, zero when it does not show one."""
    register = hexadecimal(cpu.midr and cpu.midr.removeprefix("0x")[-8:])
    return int(register, 16) if register else 0


def implementer(cpus: Sequence[RawCpu], blocks: Blocks) -> str | None:
    """Return who made the ARM cores, None of others."""
    for block in blocks:
        number = hexadecimal(block.get("CPU implementer"))
        if number:
            return implementer_name(int(number, 16))
    known = next((midr(cpu) for cpu in cpus if midr(cpu)), 0)
    return implementer_name(known >> 24) if known else None


def unnamed(blocks: Blocks, compatibles: Mapping[int, str]) -> str | None:
    """Return what tells the processors of a RISC-V box apart from others, where none has a name."""
    first = next((block for block in blocks if "hart" in block), None)
    if first is None:
        return None
    described = compatibles.get(min(compatibles, default=0), "riscv")
    if described != "riscv":
        return described
    is_told = first.get("mvendorid") not in (None, "0x0")
    return (_model_name(first) if is_told else None) or first.get("isa")


def _by_register(
    cpus: Sequence[RawCpu],
    blocks: Blocks,
    present: frozenset[int],
    compatibles: Mapping[int, str],
) -> Counter[str]:
    names = _arm_names(cpus, blocks)
    for number, compatible in compatibles.items():
        described = described_name(compatible)
        if described is not None:
            names.setdefault(number, described)
    if len(set(names.values())) == 1:
        others = _of_other_capacity(cpus, names)
        return Counter({next(iter(names.values())): len(present - others)})
    return Counter(_with_neighbours(cpus, names).values())


def _of_other_capacity(cpus: Sequence[RawCpu], names: Mapping[int, str]) -> frozenset[int]:
    """Return the silent (offline) CPUs that are faster or slower than all that have a name."""
    known = {cpu.capacity for cpu in cpus if cpu.number in names}
    if None in known:
        return frozenset()
    silent = (cpu for cpu in cpus if cpu.number not in names and cpu.capacity is not None)
    return frozenset(cpu.number for cpu in silent if cpu.capacity not in known)


def _arm_names(cpus: Sequence[RawCpu], blocks: Blocks) -> dict[int, str]:
    """Return the name of the microarchitecture of each CPU that says it."""
    names: dict[int, str] = {}
    for block in blocks:
        maker = hexadecimal(block.get("CPU implementer"))
        part = hexadecimal(block.get("CPU part"))
        if maker and part:
            cpu = count(block.get("processor"), 65_535)
            # Old kernels write the part once, after the list of all processors: it counts for
            # CPU 0, and for all others when they say nothing else.
            names[cpu or 0] = core_name(int(maker, 16), int(part, 16))
    for known in cpus:
        register = midr(known)
        if register:
            names[known.number] = core_name(register >> 24, register >> 4 & 0xFFF)
    return names


def _with_neighbours(cpus: Sequence[RawCpu], names: Mapping[int, str]) -> dict[int, str]:
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


def _by_cache(caches: Sequence[RawCache], blocks: Blocks) -> Counter[str]:
    """Return the kinds of a hybrid part of Intel's that shows no event sources (in a guest).

    Cores of one microarchitecture have first-level caches of one size; Atoms have the smaller.
    """
    if not any(block.get("vendor_id") == "GenuineIntel" for block in blocks):
        return Counter()
    sizes: Counter[int] = Counter()
    for cache in caches:
        bytes_ = size(cache.size)
        if cache.level == "1" and cache.type == "Data" and bytes_:
            sizes[bytes_] += len(cache.shared)
    if len(sizes) != 2:
        return Counter()
    return Counter({ATOM: sizes[min(sizes)], CORE: sizes[max(sizes)]})


def _by_model(blocks: Blocks, present: frozenset[int]) -> Counter[str]:
    """Return the kinds of a box with processors of several models, none when all are alike."""
    named: dict[int, str] = {}
    for block in blocks:
        cpu = count(block.get("processor"), 65_535)
        name = _model_name(block)
        if cpu is not None and name is not None:
            named[cpu] = name
    counts = Counter(named.values())
    return counts if len(counts) > 1 and named.keys() >= present else Counter()


def _model_name(block: Mapping[str, str]) -> str | None:
    if all(key in block for key in X86_MODEL):
        return "{} family {} model {}".format(*(block[key][:32] for key in X86_MODEL))
    for keys in OTHER_MODELS:
        if all(key in block for key in keys):
            return " ".join(block[key] for key in keys)[:128] or None
    return None
