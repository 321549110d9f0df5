"""Nodes that exist only as their messages."""

from __future__ import annotations

from skerry_wire import __version__, codec
from skerry_wire.capability import Capability
from skerry_wire.hardware import Cpu, Hardware, Memory, System
from skerry_wire.messages import Heartbeat, Presence, Report

INCARNATION = "0" * 32
GIB = 2**30


def node_name(number: int) -> str:
    """Return a node's id."""
    return f"bench-{number:05d}"


def hardware_of(number: int) -> Hardware:
    """Return what it has."""
    return Hardware(
        system=System(arch="x86_64", hostname=node_name(number), kernel="6.1.0", cgroup_version=2),
        cpu=Cpu(logical_count=4, core_count=4, model="Example"),
        memory=Memory(total_bytes=8 * GIB),
    )


def joining(number: int) -> tuple[Presence, Capability, Report]:
    """Return what it says first."""
    hardware = hardware_of(number)
    return (
        Presence(
            incarnation=INCARNATION, boot=1, seq=1, online=True, since=1.0, version=__version__
        ),
        Capability(
            incarnation=INCARNATION,
            boot=1,
            seq=1,
            revision=codec.revision_of(hardware),
            hardware=hardware,
        ),
        Report(incarnation=INCARNATION, boot=1, seq=1, accepted=0, generation=0),
    )


def heartbeat_of(number: int, sequence: int) -> Heartbeat:
    """Return one of its heartbeats, with everything that a box with sensors says."""
    return Heartbeat(
        incarnation=INCARNATION,
        boot=1,
        seq=sequence,
        capability="0123456789abcdef",
        generation=0,
        uptime_s=100_000 + sequence % 1000,
        cpu_percent=float(number % 100),
        load_1m=0.25,
        memory_available_bytes=6 * GIB,
        storage_available_bytes=100 * GIB,
        temperature_c=41.5,
    )
