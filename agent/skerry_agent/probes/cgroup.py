"""Where the control groups are, and what they limit. Used by the cpu, memory and system probes.

Nothing is assumed at `/sys/fs/cgroup`: the mounts say where each hierarchy is, `/proc/self/cgroup`
where in it this process stands. A limit that a service manager put on the agent's own unit says
nothing about the box, so a last step that ends in `.service` or `.scope` is passed over, unless the
scope is a container: what limits that, limits all that the agent can see.
"""

from __future__ import annotations

from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import count, cpu_list
from skerry_wire.frozen import frozen

UNLIMITED_BYTES = 2**60
"""Version 1 writes a huge number for no limit."""

MAX_DEPTH = 32

CONTAINER_SCOPES = ("docker-", "libpod-", "cri-", "crio-", "machine-", "lxc-")
"""How the scopes begin that container engines make through systemd."""


@frozen()
class CgroupText:
    """The texts that tell about control groups.

    `memory_limits` and `cpu_sets` are those of the own group and of all above it, the own first.
    """

    mounts: str | None
    memory_limits: tuple[str, ...] = ()
    cpu_sets: tuple[str, ...] = ()


@frozen()
class Hierarchy:
    """One mounted hierarchy: its folder, and its controllers (none for version 2)."""

    folder: str
    version: int
    controllers: frozenset[str]
    prefixed: bool = True


def read(host: Host) -> CgroupText:
    """Collect the texts."""
    mounts = mounts_text(host)
    own = host.text("/proc/self/cgroup")
    own_cpuset = host.text("/proc/self/cpuset")
    memory: list[str] = []
    cpus: list[str] = []
    for hierarchy in hierarchies(mounts):
        place = place_in(hierarchy, own, own_cpuset)
        for folder in _upwards(hierarchy.folder, place):
            memory += _texts(host, folder, _memory_files(hierarchy))
            cpus += _texts(host, folder, _cpu_files(hierarchy))
    return CgroupText(mounts, tuple(memory), tuple(cpus))


def mounts_text(host: Host) -> str | None:
    """Return the table of mounts: the process's own, else the box's."""
    return host.text("/proc/self/mounts") or host.text("/proc/mounts")


def version(mounts: str | None) -> int | None:
    """Return 2 where version 2 is all there is, 1 where version 1 controls anything."""
    versions = {h.version for h in hierarchies(mounts) if h.version == 2 or h.controllers}
    return min(versions, default=None)


def memory_limit(text: CgroupText, total_bytes: int | None) -> int | None:
    """Return the smallest limit in bytes, None when nothing is below what the box has."""
    limits = [count(limit, 2**63 - 1) for limit in text.memory_limits]
    given = [limit for limit in limits if limit is not None and limit < UNLIMITED_BYTES]
    smallest = min(given, default=None)
    if smallest is None or (total_bytes is not None and smallest >= total_bytes):
        return None
    return smallest


def effective_cpus(text: CgroupText, online: frozenset[int]) -> frozenset[int]:
    """Return the CPUs of those online that the control groups allow."""
    for cpus in text.cpu_sets:
        allowed = cpu_list(cpus)
        if allowed:
            return online & allowed
    return online


def hierarchies(mounts: str | None) -> tuple[Hierarchy, ...]:
    """Return the mounted hierarchies, of either version."""
    found = []
    for row in (mounts or "").splitlines():
        words = row.split(" ")
        if len(words) < 4 or words[2] not in ("cgroup", "cgroup2", "cpuset"):
            continue
        options = frozenset(words[3].split(","))
        folder = words[1].replace("\\040", " ").rstrip("/")
        if words[2] == "cgroup2":
            found.append(Hierarchy(folder, 2, frozenset()))
        else:
            controllers = options & {"cpuset", "memory", "cpu"} | (
                {"cpuset"} if words[2] == "cpuset" else set()
            )
            prefixed = "noprefix" not in options and words[2] != "cpuset"
            found.append(Hierarchy(folder, 1, frozenset(controllers), prefixed))
    return tuple(found)


def place_in(hierarchy: Hierarchy, own: str | None, own_cpuset: str | None) -> str:
    """Return this process's place in a hierarchy, `/` when it does not say."""
    for row in (own or "").splitlines():
        _, _, rest = row.partition(":")
        controllers, _, place = rest.partition(":")
        names = set(controllers.split(",")) if controllers else set()
        if (hierarchy.version == 2 and not names) or (names & hierarchy.controllers):
            return place or "/"
    if "cpuset" in hierarchy.controllers and own is None and own_cpuset:
        return own_cpuset
    return "/"


def _memory_files(hierarchy: Hierarchy) -> tuple[str, ...]:
    if hierarchy.version == 2:
        return ("memory.max",)
    return ("memory.limit_in_bytes",) if "memory" in hierarchy.controllers else ()


def _cpu_files(hierarchy: Hierarchy) -> tuple[str, ...]:
    if hierarchy.version == 2:
        return ("cpuset.cpus.effective",)
    if "cpuset" not in hierarchy.controllers:
        return ()
    return ("cpuset.effective_cpus", "cpuset.cpus") if hierarchy.prefixed else ("cpus",)


def _upwards(folder: str, place: str) -> list[str]:
    """Return the folder of a group and of all above it in its hierarchy."""
    names = [name for name in place.split("/") if name not in ("", ".", "..")][:MAX_DEPTH]
    if names and _is_own_unit(names[-1]):
        names.pop()
    return ["/".join((folder, *names[:depth])) for depth in range(len(names), -1, -1)]


def _is_own_unit(name: str) -> bool:
    return name.endswith(".service") or (
        name.endswith(".scope") and not name.startswith(CONTAINER_SCOPES)
    )


def _texts(host: Host, folder: str, names: tuple[str, ...]) -> list[str]:
    for name in names:
        text = host.text(f"{folder}/{name}")
        if text:
            return [text]
    return []
