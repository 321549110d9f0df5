"""Processors: how many there are, how they are made up, and which of them may be used.

`cpu_topology` counts, `cpu_kinds` tells microarchitectures apart. A frequency that the box does
not give is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry_agent.host import Host
from skerry_agent.probes import cgroup, cpu_kinds, cpu_topology
from skerry_agent.probes.cpu_topology import Blocks, RawCache, RawCpu
from skerry_agent.probes.kernel_text import count, cpu_list, cpu_mask, number, pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Cpu, CpuKind

CPUS = "/sys/devices/system/cpu"
MAX_CACHES = 16
MAX_POLICIES = 1024
MAX_DESCRIBED = 256
MODEL_KEYS = ("model name", "Model Name", "cpu", "cpu model", "uarch", "Processor", "family")
"""Where /proc/cpuinfo names the model, which differs by architecture."""

ALONE_KEYS = ("CPU implementer", "Processor", "CPU")
"""What kernels for one processor (ARM before 3.8, m68k) write, who do not number it."""


@frozen()
class RawCpus:
    """Everything that the kernel tells about processors."""

    online: str | None
    present: str | None
    cpus: tuple[RawCpu, ...]
    caches: tuple[RawCache, ...]
    nodes: int
    cluster_id: str | None
    compatibles: tuple[tuple[int, str], ...]
    policy_khz: tuple[str | None, ...]
    hybrid: tuple[tuple[str, str], ...]
    cpuinfo: str | None
    groups: cgroup.CgroupText


# --- reading --------------------------------------------------------------------------------


def read(host: Host) -> RawCpus:
    """Collect the texts."""
    numbers = sorted(_numbered(host.folders(CPUS) or host.entries(CPUS), "cpu"))
    present, online = host.text(f"{CPUS}/present"), host.text(f"{CPUS}/online")
    known = bool(numbers and present and online)
    cpus = tuple(_read_cpus(host, numbers, is_online_known=bool(online)))
    return RawCpus(
        online=online,
        present=present,
        cpus=cpus,
        caches=tuple(_read_caches(host, numbers)),
        nodes=sum(1 for _ in _numbered(host.entries("/sys/devices/system/node"), "node")),
        cluster_id=next(
            filter(None, (host.text(f"{CPUS}/cpu{n}/topology/cluster_id") for n in numbers[:8])),
            None,
        ),
        compatibles=tuple(_read_compatibles(host, numbers)),
        policy_khz=() if any(cpu.max_khz for cpu in cpus) else tuple(_read_policies(host)),
        hybrid=tuple(
            (name, host.text(f"/sys/devices/{source}/cpus") or "")
            for source, name in cpu_kinds.HYBRID
        ),
        # The kernel takes long to write this for many CPUs, and the first ones say enough.
        cpuinfo=host.head("/proc/cpuinfo", 65_536 if known else 4 * 1024 * 1024),
        groups=cgroup.read(host),
    )


def _read_policies(host: Host) -> Iterable[str | None]:
    for name in host.entries(f"{CPUS}/cpufreq")[:MAX_POLICIES]:
        if name.startswith("policy"):
            yield host.text(f"{CPUS}/cpufreq/{name}/cpuinfo_max_freq")


def _read_compatibles(host: Host, numbers: list[int]) -> Iterable[tuple[int, str]]:
    """Yield what a board's device tree calls each CPU, also those that are offline."""
    if numbers and host.exists(f"{CPUS}/cpu{numbers[0]}/of_node"):
        for cpu in numbers[:MAX_DESCRIBED]:
            compatible = host.text(f"{CPUS}/cpu{cpu}/of_node/compatible")
            if compatible:
                yield cpu, compatible.partition("\0")[0]


def _numbered(names: Iterable[str], stem: str) -> Iterable[int]:
    for name in names:
        if name.startswith(stem):
            value = count(name[len(stem) :], 65_535)
            if value is not None:
                yield value


def _read_cpus(host: Host, numbers: list[int], *, is_online_known: bool) -> Iterable[RawCpu]:
    siblings_of: dict[int, frozenset[int]] = {}
    packages_of: dict[int, frozenset[int]] = {}
    # Asked once instead of for each of hundreds: registers are shown on ARM, books on mainframes.
    first = [f"{CPUS}/cpu{cpu}" for cpu in numbers[:16]]
    has_registers = any(host.exists(f"{folder}/regs") for folder in first)
    has_books = any(host.exists(f"{folder}/topology/book_id") for folder in first)
    has_capacity = any(host.exists(f"{folder}/cpu_capacity") for folder in first)
    for cpu in numbers:
        folder = f"{CPUS}/cpu{cpu}"
        topology = f"{folder}/topology"
        package = host.text(f"{topology}/physical_package_id")
        siblings = siblings_of.get(cpu)
        if siblings is None:
            siblings = _cpus(host, topology, "thread_siblings") or _cpus(
                host, topology, "core_cpus"
            )
            siblings_of.update(dict.fromkeys(siblings or (), siblings or frozenset()))
        together = packages_of.get(cpu)
        if together is None:
            together = _cpus(host, topology, "core_siblings") or _cpus(
                host, topology, "package_cpus"
            )
            packages_of.update(dict.fromkeys(together or (), together or frozenset()))
        if has_books and package not in (None, "-1"):
            above = (host.text(f"{topology}/{name}_id") for name in ("drawer", "book"))
            package = "/".join((*(number or "" for number in above), package))
        max_khz = host.text(f"{folder}/cpufreq/cpuinfo_max_freq")
        yield RawCpu(
            number=cpu,
            online=None if is_online_known else host.text(f"{folder}/online"),
            core_id=None if siblings else host.text(f"{topology}/core_id"),
            package_id=package,
            siblings=siblings,
            package_cpus=together,
            midr=host.text(f"{folder}/regs/identification/midr_el1") if has_registers else None,
            capacity=host.text(f"{folder}/cpu_capacity") if has_capacity else None,
            max_khz=max_khz,
            base_khz=None if max_khz else host.text(f"{folder}/cpufreq/base_frequency"),
            nominal_mhz=None if max_khz else host.text(f"{folder}/acpi_cppc/nominal_freq"),
        )


def _cpus(host: Host, folder: str, name: str, mask: str = "") -> frozenset[int] | None:
    """Return the CPUs that a list names or, on old kernels, a mask."""
    listed = cpu_list(host.text(f"{folder}/{name}_list"))
    return listed or cpu_mask(host.text(f"{folder}/{mask or name}"))


def _read_caches(host: Host, numbers: list[int]) -> Iterable[RawCache]:
    seen: set[tuple[str, int]] = set()
    for cpu in numbers:
        folder = f"{CPUS}/cpu{cpu}/cache"
        for index in host.entries(folder)[: MAX_CACHES + 1]:
            if not index.startswith("index") or (index, cpu) in seen:
                continue
            shared = _cpus(host, f"{folder}/{index}", "shared_cpu", "shared_cpu_map")
            shared = shared or frozenset({cpu})
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
    topology = cpu_topology.counts(cpus, online, blocks, raw.nodes, raw.cluster_id)
    kinds = cpu_kinds.kinds(
        raw.cpus, raw.caches, raw.hybrid, blocks, present or online, dict(raw.compatibles)
    )
    described = cpu_kinds.unnamed(blocks, dict(raw.compatibles))
    model = _model(blocks) or " + ".join(kind.name for kind in kinds) or None
    return Found(
        Cpu(
            logical_count=len(online) or None,
            present_count=len(present) or None,
            effective_count=len(cgroup.effective_cpus(raw.groups, online)) or None,
            core_count=topology.cores,
            package_count=topology.packages,
            numa_node_count=raw.nodes or 1,
            threads_per_core=topology.threads_per_core,
            model=short(model),
            vendor=_vendor(blocks, raw),
            max_mhz=_max_mhz(raw),
            kinds=kinds or _uniform(model or described, len(present or online)),
            caches=cpu_topology.caches(raw.caches),
            flags=_flags(blocks),
        )
    )


def _blocks(cpuinfo: str | None) -> Blocks:
    """Return the paragraphs of /proc/cpuinfo."""
    texts = (cpuinfo or "").replace("\r", "").split("\n\n")
    return tuple(block for block in (pairs(text, ":") for text in texts) if block)


def _listed(blocks: Blocks) -> frozenset[int]:
    """Return the CPUs of /proc/cpuinfo, in each way in which an architecture writes them."""
    found = {count(block.get("processor"), 65_535) for block in blocks}
    for block in blocks:
        for key, text in block.items():
            if key.startswith("processor "):  # s390: `processor 0: ...`, ARC: `processor [0]: ...`
                found.add(count(key[len("processor ") :].strip("[]"), 65_535))
            elif key.startswith("CPU") and text == "online":  # sparc: `CPU0: online`
                found.add(count(key[len("CPU") :], 65_535))
    known = frozenset(cpu for cpu in found if cpu is not None)
    # alpha, and sparc of one processor: only how many there are.
    active = (block.get(key) for block in blocks for key in ("cpus active", "ncpus active"))
    number_of = next((n for n in (count(text, 65_535) for text in active) if n), 0)
    if not known and not number_of and any(key in block for block in blocks for key in ALONE_KEYS):
        number_of = 1
    return known or frozenset(range(number_of))


def _online(raw: RawCpus, listed: frozenset[int]) -> frozenset[int]:
    named = cpu_list(raw.online)
    if named:
        return named
    # Before there was one file for all, each CPU had its own; the first often has none. Some
    # kernels have a folder for each that could be plugged in.
    may_be = frozenset(c.number for c in raw.cpus if c.online != "0")
    told = frozenset(c.number for c in raw.cpus if c.online == "1")
    return told | (may_be & listed) if may_be & listed else may_be or listed


def _uniform(model: str | None, present: int) -> tuple[CpuKind, ...]:
    name = short(model)
    return (CpuKind(name=name, logical_count=present),) if name and present else ()


def _model(blocks: Blocks) -> str | None:
    """Return what the kernel calls the model; ARM kernels name only the instruction set."""
    for key in MODEL_KEYS:
        for block in blocks:
            named = block.get(key)
            if not named or named.isdecimal():
                continue
            if "CPU part" not in block or key not in ("model name", "Processor"):
                return None if named.startswith(("ARMv", "AArch")) else named
    return next((f"machine {m}" for m in map(_mainframe, blocks) if m), None)


def _mainframe(block: dict[str, str]) -> str | None:
    """Return the type of an s390 machine, of `processor 0: version = 00, ..., machine = 2817`."""
    rows = (text for key, text in block.items() if key.startswith("processor "))
    named = (row.rpartition("machine = ")[2] for row in rows if "machine = " in row)
    return next(named, None)


def _vendor(blocks: Blocks, raw: RawCpus) -> str | None:
    for block in blocks:
        for key in ("vendor_id", "vendor", "mvendorid"):
            if block.get(key) not in (None, "", "0x0"):
                return short(block[key])
    return short(cpu_kinds.implementer(raw.cpus, blocks))


def _max_mhz(raw: RawCpus) -> float | None:
    mhz = [(number(khz) or 0) / 1000 for khz in raw.policy_khz]
    for cpu in raw.cpus:
        khz = number(cpu.max_khz) or number(cpu.base_khz)
        mhz.append(khz / 1000 if khz else float(number(cpu.nominal_mhz) or 0))
    return max((value for value in mhz if 1 <= value <= 100_000), default=None)


def _flags(blocks: Blocks) -> tuple[str, ...]:
    """Return the instruction sets that every processor has."""
    common: frozenset[str] | None = None
    for text in {
        block[k] for block in blocks for k in ("flags", "Features", "features") if k in block
    }:
        flags = frozenset(text.split())
        common = flags if common is None else common & flags
    return tuple(sorted(name for name in map(short, common or ()) if name))[:1024]
