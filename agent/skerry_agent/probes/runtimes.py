"""Container runtimes: what is installed, whether its socket is there, which version it says.

A program is never started for this. `usable` says that the socket is there: only the executor,
which is privileged, can know more.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes.kernel_text import line, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.hardware import RuntimeInfo

PROGRAM_FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/sbin", "/opt/bin", "/snap/bin")
ANSWER_S = 0.25
"""How long a runtime may take to say its version; a later probe asks again."""


@dataclasses.dataclass(frozen=True, slots=True)
class KnownRuntime:
    """Where one runtime's program and sockets are; `asks` when it speaks Docker's HTTP API."""

    name: str
    programs: tuple[str, ...]
    sockets: tuple[str, ...]
    asks: bool = False


RUNTIMES = (
    KnownRuntime("containerd", ("containerd",), ("/run/containerd/containerd.sock",)),
    KnownRuntime("docker", ("dockerd",), ("/run/docker.sock", "/var/run/docker.sock"), asks=True),
    KnownRuntime("k3s", ("k3s",), ("/run/k3s/containerd/containerd.sock",)),
    KnownRuntime("podman", ("podman",), ("/run/podman/podman.sock",), asks=True),
)


@dataclasses.dataclass(frozen=True, slots=True)
class RawRuntime:
    """What stands where one runtime should be; at a set socket, only its answer tells the name."""

    name: str | None
    program: str | None
    socket: str | None
    answer: bytes | None
    trouble: str | None


def read(host: Host) -> tuple[RawRuntime, ...]:
    """Collect what there is, at the usual places and at the socket that was set."""
    found = tuple(_read_runtime(host, known) for known in RUNTIMES)
    place = host.runtime_socket
    if place is None or host.kind(place) != "socket":
        return found
    answer = _version_answer(host, None, place)
    trouble = answer.reason if isinstance(answer, Unreadable) else None
    told = answer if isinstance(answer, bytes) else None
    return (*found, RawRuntime(None, program=None, socket=place, answer=told, trouble=trouble))


def _read_runtime(host: Host, known: KnownRuntime) -> RawRuntime:
    places = (f"{folder}/{name}" for name in known.programs for folder in PROGRAM_FOLDERS)
    program = next((place for place in places if host.kind(place) == "file"), None)
    socket = next((place for place in known.sockets if host.kind(place) == "socket"), None)
    answer = _version_answer(host, program, socket) if known.asks and socket else None
    return RawRuntime(
        name=known.name,
        program=program,
        socket=socket,
        answer=answer if isinstance(answer, bytes) else None,
        trouble=answer.reason if isinstance(answer, Unreadable) else None,
    )


def _version_answer(host: Host, program: str | None, socket: str) -> bytes | Unreadable:
    """Return the runtime's answer; it is asked again only when the program or socket is another.

    A service that is started by its socket would otherwise be started by each probe.
    """
    key = "version", socket, host.stamp(socket), program and host.stamp(program)
    known = host.remembered(key)
    if isinstance(known, bytes):
        return known
    answer = host.ask_socket(socket, "/version", timeout_s=ANSWER_S)
    if isinstance(answer, bytes):
        host.remember(key, answer)
    return answer


def parse(raw: tuple[RawRuntime, ...]) -> Found[tuple[RuntimeInfo, ...]] | Absent | Failed:
    """Understand what there is."""
    # A set socket comes last, and stands for its runtime.
    found = {one.name: one for one in map(_info, (r for r in raw if r.program or r.socket))}
    if not found:
        return Absent("no known container runtime is installed")
    return Found(tuple(found[name] for name in sorted(found)))


def _info(raw: RawRuntime) -> RuntimeInfo:
    reason = None if raw.socket else "is installed, but its socket is not there"
    return RuntimeInfo(
        name=raw.name or engine_in(raw.answer) or named_in(raw.socket),
        version=version_in(raw.answer),
        socket=raw.socket,
        usable=raw.socket is not None,
        reason=line(reason or (f"did not say its version: {raw.trouble}" if raw.trouble else None)),
    )


def version_in(answer: bytes | None) -> str | None:
    """Return the version in an answer of Docker's API, None when it is something else."""
    version = _told(answer).get("Version")
    return short(version) if isinstance(version, str) else None


def named_in(socket: str | None) -> str:
    """Return the runtime that a socket's path speaks of, where nothing better is known."""
    return "podman" if "podman" in (socket or "") else "docker"


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
