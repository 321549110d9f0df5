"""Container runtimes: what is installed, whether its socket is there, which version it says.

A program is never started for this: the version is what the runtime answers, else what the
system's list of packages says. `usable` says that the socket is there: only the executor, which is
privileged, can know more. In a folder that is shut to the agent, as podman's, the kernel's list of
sockets tells.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes import dpkg
from skerry_agent.probes.kernel_text import line, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen
from skerry_wire.hardware import RuntimeInfo

PROGRAM_FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/sbin", "/opt/bin", "/snap/bin")
OF_PACKAGES = ("/usr/bin/", "/usr/sbin/")
"""Where a program may be a package's; elsewhere somebody else put it."""

SOCKETS = "/proc/net/unix"
MAX_SOCKETS_BYTES = 8 * 1024 * 1024
_LISTENS = 0x10000
"""The kernel's flag of a socket that takes connections."""

ANSWER_S = 0.7
"""How long all runtimes together may take to say their versions."""

ASKED_AGAIN = 20
"""A runtime that did not answer is asked again only so many looks later: it costs each its time."""

_UPSTREAM = re.compile(r"(?:[0-9]+:)?v?([0-9]+(?:\.[0-9A-Za-z]+)*)")


@frozen()
class KnownRuntime:
    """Where one runtime's program and sockets are; `asks` when it speaks Docker's HTTP API."""

    name: str
    programs: tuple[str, ...]
    sockets: tuple[str, ...]
    packages: tuple[str, ...] = ()
    asks: bool = False


RUNTIMES = (
    KnownRuntime(
        "containerd",
        ("containerd",),
        ("/run/containerd/containerd.sock",),
        ("containerd", "containerd.io"),
    ),
    KnownRuntime("crio", ("crio",), ("/run/crio/crio.sock",), ("cri-o",)),
    KnownRuntime(
        "docker",
        ("dockerd",),
        ("/run/docker.sock", "/var/run/docker.sock"),
        ("docker.io", "docker-ce"),
        asks=True,
    ),
    KnownRuntime("edgecore", ("edgecore",), ("/var/lib/edged/pod-resources/kubelet.sock",)),
    KnownRuntime("k3s", ("k3s",), ("/run/k3s/containerd/containerd.sock",)),
    KnownRuntime(
        "kubelet", ("kubelet",), ("/var/lib/kubelet/pod-resources/kubelet.sock",), ("kubelet",)
    ),
    KnownRuntime("podman", ("podman",), ("/run/podman/podman.sock",), ("podman",), asks=True),
)


@frozen()
class RawRuntime:
    """What stands where one runtime should be; at a set socket, only its answer tells the name."""

    name: str | None
    program: str | None
    socket: str | None
    answer: bytes | None
    trouble: str | None
    package_version: str | None = None
    hidden: str | None = None
    """Why it cannot be said whether the socket is there."""


@frozen()
class _Silence:
    """A runtime that did not answer, and how many looks since took that for granted."""

    reason: str
    looks: int


def read(host: Host) -> tuple[RawRuntime, ...]:
    """Collect what there is, at the usual places and at the socket that was set."""
    deadline_s = time.monotonic() + ANSWER_S
    found = tuple(_read_runtime(host, known, deadline_s) for known in RUNTIMES)
    place = host.runtime_socket
    if place is None or host.kind(place) != "socket":
        return found
    answer = _version_answer(host, None, place, deadline_s)
    trouble = answer.reason if isinstance(answer, Unreadable) else None
    told = answer if isinstance(answer, bytes) else None
    return (*found, RawRuntime(None, program=None, socket=place, answer=told, trouble=trouble))


def _read_runtime(host: Host, known: KnownRuntime, deadline_s: float) -> RawRuntime:
    places = (f"{folder}/{name}" for name in known.programs for folder in PROGRAM_FOLDERS)
    program = next((place for place in places if host.kind(place) == "file"), None)
    socket = next((place for place in known.sockets if host.kind(place) == "socket"), None)
    answer = None
    if known.asks and socket:
        answer = _version_answer(host, program, socket, deadline_s)
    hidden = None if socket else _hidden(host, known)
    if hidden is not None:
        table = host.text(SOCKETS, MAX_SOCKETS_BYTES)
        listed = listening(table or "")
        socket = next((place for place in known.sockets if place in listed), None)
        hidden = hidden if table is None else None
    packaged = program is not None and program.startswith(OF_PACKAGES)
    return RawRuntime(
        name=known.name,
        program=program,
        socket=socket,
        answer=answer if isinstance(answer, bytes) else None,
        trouble=answer.reason if isinstance(answer, Unreadable) else None,
        package_version=dpkg.version(host, known.packages) if packaged else None,
        hidden=hidden,
    )


def listening(table: str) -> frozenset[str]:
    """Return the paths at which the kernel's list of sockets has one that takes connections."""
    found = set()
    for row in table.splitlines():
        fields = row.split(maxsplit=7)
        if len(fields) == 8 and fields[7].startswith("/") and _flags(fields[3]) & _LISTENS:
            found.add(fields[7])
    return frozenset(found)


def _flags(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _hidden(host: Host, known: KnownRuntime) -> str | None:
    """Return why a socket cannot be seen, None when it is known not to be there."""
    looks = (host.read(socket, 1) for socket in known.sockets)
    return next((look.reason for look in looks if isinstance(look, Unreadable)), None)


def _version_answer(
    host: Host, program: str | None, socket: str, deadline_s: float
) -> bytes | Unreadable:
    """Return the runtime's answer; it is asked again only when the program or socket is another.

    A service that is started by its socket would otherwise be started by each probe. That it did
    not answer is remembered for some looks only.
    """
    key = "version", socket, host.stamp(socket), program and host.stamp(program)
    known = host.remembered(key)
    if isinstance(known, bytes):
        return known
    if isinstance(known, _Silence) and known.looks < ASKED_AGAIN:
        host.remember(key, _Silence(known.reason, known.looks + 1))
        return Unreadable(known.reason)
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        return Unreadable("took too long")
    answer = host.ask_socket(socket, "/version", timeout_s=left_s)
    kept = answer if isinstance(answer, bytes) else _Silence(answer.reason, 1)
    host.remember(key, kept)
    return answer


def parse(raw: tuple[RawRuntime, ...]) -> Found[tuple[RuntimeInfo, ...]] | Absent | Failed:
    """Understand what there is."""
    # A set socket comes last, and stands for its runtime.
    found = {one.name: one for one in map(_info, (r for r in raw if r.program or r.socket))}
    if not found:
        return Absent("no known container runtime is installed")
    return Found(tuple(found[name] for name in sorted(found)))


def _info(raw: RawRuntime) -> RuntimeInfo:
    version = version_in(raw.answer) or upstream(raw.package_version)
    return RuntimeInfo(
        name=raw.name or engine_in(raw.answer) or named_in(raw.socket),
        version=version,
        socket=raw.socket,
        usable=raw.socket is not None,
        reason=line(_reason(raw, version)),
    )


def _reason(raw: RawRuntime, version: str | None) -> str | None:
    if raw.socket is None and raw.hidden is not None:
        return f"is installed, but whether its socket is there cannot be seen: {raw.hidden}"
    if raw.socket is None:
        return "is installed, but its socket is not there"
    return f"did not say its version: {raw.trouble}" if raw.trouble and version is None else None


def upstream(package_version: str | None) -> str | None:
    """Return the program's own version in a package's: 4.3.1 in `4.3.1+ds1-8+deb12u1`."""
    match = _UPSTREAM.match(package_version or "")
    return short(match[1]) if match else None


def version_in(answer: bytes | None) -> str | None:
    """Return the version in an answer of Docker's API, None when it is something else."""
    version = _told(answer).get("Version")
    return short(version) if isinstance(version, str) else None


def named_in(socket: str | None) -> str:
    """Return the runtime that a socket's path speaks of, where nothing better is known."""
    names = ("podman", "k3s", "containerd", "crio")
    return next((name for name in names if name in (socket or "")), "docker")


def engine_in(answer: bytes | None) -> str | None:
    """Return whose API answers, None when none does: podman names itself among the components."""
    if answer is None:
        return None
    components = _told(answer).get("Components")
    listed = components if isinstance(components, list) else []
    names = [one.get("Name") for one in listed if isinstance(one, dict)]
    return "podman" if "Podman Engine" in names else "docker"


def _told(answer: bytes | None) -> dict[str, Any]:
    try:
        told = json.loads(answer or b"")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
