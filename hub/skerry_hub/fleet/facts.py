"""What placement looks at of one node, read once out of its durable record. Pure."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping

from skerry_hub.known_as import known_as
from skerry_hub.model import Liveness, Node, Taint
from skerry_wire.hardware import Accelerator, Filesystem, Hardware, RuntimeInfo

DRIVEN_RUNTIMES = frozenset({"containerd", "docker", "edgecore", "k3s", "kubelet", "podman"})
"""The runtimes that a node's executor can drive."""

STORAGE_FOLDER = "/var/lib"
"""Where runtimes keep images, containers and volumes unless told otherwise."""

AMOUNT_LIMIT = 2**49
"""Amounts from here on never fit (512 TiB): thousands of them still add up in 64 bits."""

_ARCH_NAMES = (
    frozenset({"x86_64", "amd64"}),
    frozenset({"aarch64", "arm64"}),
    frozenset({"armv7l", "arm"}),
    frozenset({"armv6l", "arm"}),
    frozenset({"i386", "i686", "386"}),
)
"""The kernel's names of one architecture, and Kubernetes' and Docker's of the same."""

_LABEL = "node.labels."


class Resource(enum.IntEnum):
    """An amount that instances share. The number is its row in the columns."""

    CPU = 0
    MEMORY = 1
    STORAGE = 2


Amounts = tuple[int | None, int | None, int | None]
"""Thousandths of a processor, bytes of memory, bytes of storage; None where unknown."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One node. `is_known` is false until its capability has arrived."""

    id: str
    hostname: str
    incarnation: str
    liveness: Liveness
    diverged: str | None
    is_known: bool
    arch: str | None
    hardware: Hardware | None
    """All that it tells, for the constraints that ask for more than stands here."""
    own_labels: Mapping[str, str]
    hub_labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    capacity: Amounts
    accelerators: tuple[Accelerator, ...]
    """Each address once, sorted by it; those that are not usable too."""
    runtimes: tuple[RuntimeInfo, ...]
    """Those that an executor can drive."""
    failed_probes: Mapping[str, str]
    """What is not known although the node was asked, and why: by the probe's name."""

    @property
    def known_as(self) -> str:
        """Return the name that no other node has, for people."""
        return known_as(self.hostname, self.id)

    def value(self, key: str) -> str | None:
        """Return what a constraint's key stands for on this node, None where it has no such."""
        if key.startswith(_LABEL):
            label = key.removeprefix(_LABEL)
            return self.hub_labels.get(label, self.own_labels.get(label))
        match key:
            case "node.id":
                return self.id
            case "node.hostname":
                return self.hostname
            case "node.platform.arch":
                return self.arch
            case "node.platform.os":
                # There is no agent for another one.
                return "linux" if self.is_known else None
        return None

    def tells_as(self, other: Facts) -> bool:
        """Say whether all fields and labels are surely as in an earlier state of this node."""
        return self.hardware is other.hardware and self.hub_labels == other.hub_labels

    def equals(self, key: str, value: str) -> bool:
        """Say whether a constraint's key has this value; what the node lacks equals nothing."""
        found = self.value(key)
        if found is None or found == value:
            return found is not None
        if key != "node.platform.arch":
            return False
        return value.lower() in arch_names(found)


def arch_names(arch: str) -> tuple[str, ...]:
    """Return all names of an architecture, the given one first."""
    others = {name for names in _ARCH_NAMES if arch in names for name in names}
    return (arch, *sorted(others - {arch}))


def facts_of(node: Node) -> Facts:
    """Return what placement looks at of this node."""
    hardware = node.capability.hardware if node.capability else Hardware()
    return Facts(
        id=node.id,
        hostname=node.hostname,
        incarnation=node.incarnation,
        liveness=node.liveness,
        diverged=node.diverged,
        is_known=node.capability is not None,
        arch=hardware.system.arch,
        hardware=node.capability.hardware if node.capability else None,
        own_labels=hardware.labels,
        hub_labels=node.labels,
        taints=node.taints,
        capacity=(_cpu_milli(hardware), _memory_bytes(hardware), _storage_bytes(hardware)),
        accelerators=_by_address(hardware.accelerators),
        runtimes=tuple(r for r in hardware.runtimes if r.name in DRIVEN_RUNTIMES),
        failed_probes={
            name: probe.reason or "its probe failed"
            for name, probe in hardware.probes.items()
            if probe.status == "failed"
        },
    )


def _cpu_milli(hardware: Hardware) -> int | None:
    """Return what this box may use, which a cgroup or affinity makes less than what it has."""
    cpu = hardware.cpu
    count = cpu.logical_count if cpu.effective_count is None else cpu.effective_count
    return None if count is None else count * 1000


def _memory_bytes(hardware: Hardware) -> int | None:
    memory = hardware.memory
    known = [size for size in (memory.total_bytes, memory.limit_bytes) if size is not None]
    return min(known, default=None)


def _storage_bytes(hardware: Hardware) -> int | None:
    """Return the size of the file system that takes images and volumes, else of the largest."""
    holding = [entry for entry in hardware.filesystems if _holds(entry)]
    if holding:
        return max(holding, key=lambda entry: len(entry.mount)).size_bytes
    sizes = (entry.size_bytes for entry in hardware.filesystems)
    return max((size for size in sizes if size is not None), default=None)


def _holds(entry: Filesystem) -> bool:
    return f"{STORAGE_FOLDER}/".startswith(f"{entry.mount.rstrip('/')}/")


def _by_address(accelerators: Iterable[Accelerator]) -> tuple[Accelerator, ...]:
    """Return each address once: whatever a node says, one device is never two."""
    first: dict[str, Accelerator] = {}
    for accelerator in accelerators:
        first.setdefault(accelerator.address, accelerator)
    return tuple(first[address] for address in sorted(first))
