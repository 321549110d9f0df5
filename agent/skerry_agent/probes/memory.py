"""Memory: the host's, each NUMA node's, and apart from them what a control group allows."""

from __future__ import annotations

import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import cgroup
from skerry_agent.probes.kernel_text import count, hexadecimal, pairs, size
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import HugePages, Memory, NumaMemory

NODES = "/sys/devices/system/node"
BLOCKS = "/sys/devices/system/memory"
HUGE = "/sys/kernel/mm/hugepages"
_NODE = re.compile(r"node([0-9]{1,5})\Z")
_NODE_TOTAL = re.compile(r"MemTotal:\s+([0-9]{1,15}) kB")
_HUGE = re.compile(r"hugepages-([0-9]{1,12})kB\Z")
MAX_BYTES = 2**63 - 1


@frozen()
class RawMemory:
    """The texts. `blocks` is the number of memory blocks online, counted only without the rest."""

    meminfo: str | None
    trouble: str | None
    nodes: tuple[tuple[str, str], ...]
    hugepages: tuple[tuple[str, str | None], ...]
    block_size: str | None
    blocks: int
    groups: cgroup.CgroupText


def read(host: Host) -> RawMemory:
    """Collect the texts."""
    found = host.read("/proc/meminfo")
    meminfo = found.decode("utf-8", "replace") if isinstance(found, bytes) else None
    names = [name for name in host.entries(NODES) if _NODE.match(name)]
    nodes = tuple((name, host.text(f"{NODES}/{name}/meminfo") or "") for name in names)
    silent = not meminfo and not any(text for _, text in nodes)
    return RawMemory(
        meminfo=meminfo,
        trouble=found.reason if isinstance(found, Unreadable) else None,
        nodes=nodes,
        hugepages=tuple(
            (name, host.text(f"{HUGE}/{name}/nr_hugepages"))
            for name in host.entries(HUGE)
            if _HUGE.match(name)
        ),
        block_size=host.text(f"{BLOCKS}/block_size_bytes") if silent else None,
        blocks=_blocks_online(host) if silent else 0,
        groups=cgroup.read(host),
    )


def _blocks_online(host: Host) -> int:
    names = [name for name in host.entries(BLOCKS) if name.startswith("memory")]
    return sum(host.text(f"{BLOCKS}/{name}/state") == "online" for name in names)


def parse(raw: RawMemory) -> Found[Memory] | Absent | Failed:
    """Understand the texts."""
    table = pairs(raw.meminfo, ":")
    numa = _numa(raw.nodes)
    shown = _bytes(table.get("MemTotal"))
    nodes = sum(n.total_bytes for n in numa)
    # In a container LXCFS may write its limit there; the nodes are still the host's.
    is_limit = shown is not None and shown < nodes and _is_of_lxcfs(raw.groups.mounts)
    total = (nodes if is_limit else shown) or nodes or _of_blocks(raw)
    if not total:
        why = f"/proc/meminfo {raw.trouble}" if raw.trouble else "nothing tells how much there is"
        return Failed(why)
    return Found(
        Memory(
            total_bytes=total,
            limit_bytes=_least(cgroup.memory_limit(raw.groups, total), shown if is_limit else None),
            swap_bytes=_bytes(table.get("SwapTotal")),
            numa=numa,
            hugepages=_hugepages(raw.hugepages, table),
        )
    )


def _is_of_lxcfs(mounts: str | None) -> bool:
    rows = (row.split(" ") for row in (mounts or "").splitlines())
    return any(row[1:3] == ["/proc/meminfo", "fuse.lxcfs"] for row in rows)


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _bytes(text: str | None) -> int | None:
    value = size(text)
    return value if value is not None and value <= MAX_BYTES else None


def _numa(nodes: tuple[tuple[str, str], ...]) -> tuple[NumaMemory, ...]:
    found = []
    for name, meminfo in nodes:
        number, total = _NODE.match(name), _NODE_TOTAL.search(meminfo)
        if number and total:
            found.append(NumaMemory(node=int(number[1]), total_bytes=int(total[1]) * 1024))
    return tuple(sorted(found, key=lambda node: node.node))[:1024]


def _of_blocks(raw: RawMemory) -> int | None:
    block = hexadecimal(raw.block_size, 1)
    total = int(block, 16) * raw.blocks if block else 0
    return total if 0 < total <= MAX_BYTES else None


def _hugepages(
    folders: tuple[tuple[str, str | None], ...], table: dict[str, str]
) -> tuple[HugePages, ...]:
    found = {}
    for name, reserved in folders:
        kib, pages = _HUGE.match(name), count(reserved)
        if kib and pages:
            found[int(kib[1]) * 1024] = pages
    default, pages = size(table.get("Hugepagesize")), count(table.get("HugePages_Total"))
    if not folders and default and pages:
        found[default] = pages
    return tuple(HugePages(size_bytes=s, count=n) for s, n in sorted(found.items()))[:16]
