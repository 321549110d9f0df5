"""Counts cores, packages, threads and caches from what each CPU says of its neighbours. Pure.

Cores are told apart by which CPUs share them, because core numbers repeat in each package and, on
some boxes, in each cluster. Only CPUs that are online say anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from skerry_agent.probes.kernel_text import count, hexadecimal, size
from skerry_agent.probes.microarchitecture import WITH_THREADS
from skerry_wire.frozen import frozen
from skerry_wire.hardware import CpuCache

Blocks = Sequence[dict[str, str]]
"""The paragraphs of /proc/cpuinfo."""

PACKAGE_KEYS = ("physical id", "package")
CORE_KEYS = ("core id", "core")
DESCRIBED_KEYS = ("CPU implementer", "hart")
"""What /proc/cpuinfo writes on ARM and RISC-V."""

FIRST_IN_PPTT = "36"
"""Where the first node of ACPI's table of processors stands, behind the table's head. Where
firmware gives packages no number, the kernel takes such places for numbers.
"""


@frozen()
class RawCache:
    """One cache as the first CPU that shares it shows it."""

    level: str | None
    type: str | None
    size: str | None
    shared: frozenset[int]


@frozen()
class RawCpu:
    """One logical CPU. `siblings` are those that share its core, itself included.

    `package_id` is joined from the numbers of drawer, book and package on mainframes.
    """

    number: int
    online: str | None
    core_id: str | None
    package_id: str | None
    siblings: frozenset[int] | None
    package_cpus: frozenset[int] | None
    midr: str | None
    capacity: str | None
    max_khz: str | None
    base_khz: str | None
    nominal_mhz: str | None


@frozen()
class Counts:
    """What the topology amounts to; None where it does not say."""

    cores: int | None
    packages: int | None
    threads_per_core: int | None


def counts(
    cpus: Sequence[RawCpu],
    online: frozenset[int],
    blocks: Blocks,
    nodes: int,
    cluster_id: str | None,
) -> Counts:
    """Return the counts of the CPUs that are online."""
    if len(online) == 1:
        return Counts(1, 1, 1)
    cores = _cores(cpus, online) or _listed(blocks, PACKAGE_KEYS, CORE_KEYS)
    if not cores and _has_no_threads(blocks):
        cores = Counter(online)
    is_described = any(cpu.midr for cpu in cpus) or any(
        key in block for block in blocks for key in DESCRIBED_KEYS
    )
    packages = _packages(cpus, blocks)
    if is_described and count(cluster_id) is None and FIRST_IN_PPTT not in packages:
        # What only firmware describes: kernels number clusters as packages, or each CPU, where
        # nothing tells clusters. Servers with more sockets have at least as many NUMA nodes.
        most = max(nodes, 1)
        number_of = min(len(packages), most) if packages or most > 1 else 1
    else:
        number_of = len(packages)
    return Counts(
        cores=len(cores) or None,
        packages=number_of or None,
        threads_per_core=max(cores.values(), default=None),
    )


def _has_no_threads(blocks: Blocks) -> bool:
    """Say whether all processors are ARM cores of a sort that never has several threads."""
    parts = [
        (int(maker, 16), int(part, 16))
        for block in blocks
        if (maker := hexadecimal(block.get("CPU implementer")))
        and (part := hexadecimal(block.get("CPU part")))
    ]
    return bool(parts) and WITH_THREADS.isdisjoint(parts)


def _cores(cpus: Sequence[RawCpu], online: frozenset[int]) -> Counter[object]:
    """Return the cores, each with the number of its threads."""
    found: Counter[object] = Counter()
    silent = set(online)
    for cpu in cpus:
        if cpu.siblings:
            found[cpu.siblings] += 1
        elif count(cpu.core_id) is not None:
            found[cpu.package_id, cpu.core_id] += 1
        else:
            continue
        silent.discard(cpu.number)
    # A CPU that came online while the others were looked at: where no core has two threads, it
    # is a core as well.
    if found and max(found.values()) == 1:
        found.update(dict.fromkeys(silent, 1))
    return found


def _packages(cpus: Sequence[RawCpu], blocks: Blocks) -> set[object]:
    found: set[object] = set()
    members: dict[str, list[RawCpu]] = {}
    for cpu in cpus:
        if cpu.package_id is not None and not cpu.package_id.startswith("-"):
            members.setdefault(cpu.package_id, []).append(cpu)
        elif cpu.package_cpus:
            found.add(cpu.package_cpus)
    is_x86 = any("flags" in block for block in blocks)
    for package, several in members.items():
        # Guests of Xen see one number in all packages, each of which has one core. On other
        # architectures, kernels have written the CPUs of a core for those of a package.
        if is_x86 and all(cpu.siblings and cpu.siblings == cpu.package_cpus for cpu in several):
            found |= {(package, cpu.siblings) for cpu in several}
        else:
            found.add(package)
    return found or set(_listed(blocks, PACKAGE_KEYS))


def _listed(blocks: Blocks, *key_names: tuple[str, ...]) -> Counter[object]:
    """Return what /proc/cpuinfo tells apart by these keys, the last of them needed."""
    found: Counter[object] = Counter()
    for block in blocks:
        values = [next((block[k] for k in keys if k in block), None) for keys in key_names]
        if values[-1] is not None:
            found[tuple(values)] += 1
    return found


def caches(raw: Iterable[RawCache]) -> tuple[CpuCache, ...]:
    """Return the caches, each counted once however many CPUs share it."""
    seen: set[tuple[int, str, int, frozenset[int]]] = set()
    for cache in raw:
        level, bytes_ = count(cache.level, 9), size(cache.size)
        type_ = (cache.type or "").lower()
        if level and bytes_ and type_ in ("data", "instruction", "unified"):
            seen.add((level, type_, bytes_, cache.shared))
    totals = Counter((level, type_, bytes_) for level, type_, bytes_, _ in seen)
    return tuple(
        CpuCache(level=level, type=type_, size_bytes=bytes_, count=n)  # type: ignore[arg-type]
        for (level, type_, bytes_), n in sorted(totals.items())
    )[:64]
