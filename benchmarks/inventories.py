"""TOOLS, the visible table: programs that list a machine's hardware, and what their output says.

Each reader takes from the output what it states, and leaves out what it does not state.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.commands import AGENT
from benchmarks.facts import LABELS, LIMITED, MEMORY, Facts
from lab.install import SYSTEM_PYTHON

_RUNTIME = re.compile(r"\b(podman|docker|dockerd|containerd|k3s)\b")
"""As a word: the interface docker0 is no runtime."""

_LIMIT = re.compile(r"cgroup[^\n]*(limit|quota|max)")
_USB_PORT = re.compile(r"SysFS BusID: (\d+-[\d.]+):")
LABEL_WORD = "feature.node.kubernetes.io/"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One program. `package` is Debian's; `read` returns what its output states."""

    name: str
    command: tuple[str, ...]
    read: Callable[[str], Facts]
    package: str | None = None
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


def lscpu(text: str) -> Facts:
    """Read `lscpu -J`: fields and their values, in some versions in a tree."""
    fields = {row["field"].rstrip(":"): row["data"] for row in _rows(json.loads(text)["lscpu"])}
    packages = _number(fields.get("Socket(s)"))
    each = _number(fields.get("Core(s) per socket"))
    instances = [
        _number(re.search(r"\((\d+) instance", value))
        for name, value in fields.items()
        if re.fullmatch(r"L\d\w? cache", name) or re.fullmatch(r"L\d\w?", name)
    ]
    return _stated(
        {
            "logical processors": _number(fields.get("CPU(s)")),
            "packages": packages,
            "cores": None if packages is None or each is None else packages * each,
            "NUMA nodes": _number(fields.get("NUMA node(s)")),
            "caches": sum(one or 0 for one in instances) or None,
            **_mentioned(text),
        }
    )


def _rows(rows: list[Any]) -> Iterator[Any]:
    for row in rows:
        if row.get("data") is not None:
            yield row
        yield from _rows(row.get("children", []))


def lspci(text: str) -> Facts:
    """Read `lspci -vmm`: a paragraph for each function."""
    return _stated({"PCI functions": text.count("Slot:\t"), **_mentioned(text)})


def lshw(text: str) -> Facts:
    """Read `lshw -json`: a tree of nodes, each with its class and where it is on its bus."""
    whole = json.loads(text)
    nodes = [*_nodes(whole if isinstance(whole, list) else [whole])]

    def of(class_: str) -> list[Any]:
        return [node for node in nodes if node.get("class") == class_]

    processors = [node for node in of("processor") if not node.get("disabled")]
    disks = [node for node in of("disk") if not node["id"].startswith("cdrom")]
    memory = [node.get("size") for node in of("memory") if node["id"].partition(":")[0] == "memory"]
    return _stated(
        {
            "packages": len(processors),
            "logical processors": _sum(processors, "threads"),
            "cores": _sum(processors, "cores"),
            "caches": len([n for n in of("memory") if n["id"].startswith("cache")]) or None,
            MEMORY: sum(size for size in memory if size) or None,
            "PCI functions": len({n["businfo"] for n in nodes if _on(n, "pci@")}),
            "USB devices": len({n["businfo"] for n in nodes if _on(n, "usb@") and _plugged(n)}),
            "network devices": len([n for n in of("network") if n.get("businfo") and _named(n)]),
            "disks": len(disks),
            "transports of disks": len([node for node in disks if node.get("businfo")]),
            **_mentioned(text),
        }
    )


def _nodes(nodes: list[Any]) -> Iterator[Any]:
    for node in nodes:
        yield node
        yield from _nodes(node.get("children", []))


def _on(node: Any, bus: str) -> bool:
    return str(node.get("businfo", "")).startswith(bus)


def _plugged(node: Any) -> bool:
    """Say whether it is a device, not a root hub: those stand at usb@1, others at usb@1:2."""
    return ":" in node["businfo"]


def _named(node: Any) -> bool:
    """Say whether it is an interface: of a virtual card, lshw lists the card apart."""
    return bool(node.get("logicalname"))


def _sum(processors: list[Any], setting: str) -> int | None:
    """Add up a setting of the processors; None where one of them does not say it."""
    found = [_number(node.get("configuration", {}).get(setting)) for node in processors]
    known = [number for number in found if number is not None]
    return sum(known) if known and len(known) == len(found) else None


def hwinfo(text: str) -> Facts:
    """Read `hwinfo`: numbered paragraphs after a log of what it did."""
    paragraphs = re.split(r"\n(?=\d+: )", text)[1:]
    classes = [(re.search(r"Hardware Class: (.+)", one), one) for one in paragraphs]

    def of(class_: str) -> list[str]:
        return [one for found, one in classes if found is not None and found[1] == class_]

    return _stated(
        {
            "logical processors": len(of("cpu")),
            MEMORY: _hwinfo_bytes("".join(of("memory"))),
            "PCI functions": len([one for one in paragraphs if re.match(r"\d+: PCI ", one)]),
            "USB devices": len({port for one in paragraphs for port in _USB_PORT.findall(one)}),
            "network devices": len(of("network")),
            "disks": len(of("disk")),
            "transports of disks": len(
                [one for one in of("disk") if not re.match(r"\d+: None ", one)]
            )
            or None,
            **_mentioned(text),
        }
    )


def _hwinfo_bytes(text: str) -> int | None:
    """Return the bytes of `Memory Size: 7 GB + 512 MB`."""
    line = re.search(r"Memory Size: (.+)", text)
    if line is None:
        return None
    units = {"kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
    return sum(
        int(number) * units[unit] for number, unit in re.findall(r"(\d+) ([kMGT]B)", line[1])
    )


def skerry(text: str) -> Facts:
    """Read `skerry-agent capability --json`."""
    said = json.loads(text)
    hardware = said.get("hardware", said)
    cpu, memory, disks = hardware["cpu"], hardware["memory"], hardware["storage"]
    return _stated(
        {
            "logical processors": cpu["logical_count"],
            "cores": cpu["core_count"],
            "packages": cpu["package_count"],
            "caches": sum(cache["count"] for cache in cpu["caches"]) or None,
            "NUMA nodes": cpu["numa_node_count"],
            MEMORY: memory["total_bytes"],
            "PCI functions": len(hardware["pci"]),
            "USB devices": len(hardware["usb"]),
            "network devices": len([nic for nic in hardware["nics"] if nic["hardware"]]),
            "disks": len(disks),
            "transports of disks": len([disk for disk in disks if disk["transport"]]),
            "container runtimes": len(hardware["runtimes"]),
            LIMITED: int(_limits(cpu, memory)) or None,
            LABELS: int(any(key.startswith(LABEL_WORD) for key in hardware["labels"])) or None,
        }
    )


def _limits(cpu: Any, memory: Any) -> bool:
    return memory["limit_bytes"] is not None or cpu["effective_count"] < cpu["logical_count"]


def _mentioned(text: str) -> dict[str, int | None]:
    """Return what is in no field of the other tools: found only if it occurs anywhere at all."""
    return {
        "container runtimes": len(set(_RUNTIME.findall(text))) or None,
        LIMITED: int(_LIMIT.search(text) is not None) or None,
        LABELS: int(LABEL_WORD in text) or None,
    }


def _number(found: object) -> int | None:
    text = found[1] if isinstance(found, re.Match) else found
    return int(str(text)) if str(text).isdecimal() else None


def _stated(values: Mapping[str, int | None]) -> Facts:
    return {what: count for what, count in values.items() if count is not None}


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="skerry-agent capability --json",
        command=(SYSTEM_PYTHON, "-m", "skerry_agent.main", "capability", "--json"),
        read=skerry,
        environment=AGENT,
    ),
    Tool(name="lshw -json", command=("lshw", "-json"), read=lshw, package="lshw"),
    Tool(name="lscpu -J", command=("lscpu", "-J"), read=lscpu, package="util-linux"),
    Tool(name="lspci -vmm", command=("lspci", "-vmm"), read=lspci, package="pciutils"),
    Tool(name="hwinfo", command=("hwinfo",), read=hwinfo, package="hwinfo"),
)
