"""A container of ours as the runtime has it. Pure."""

from __future__ import annotations

import enum

from skerry_wire.frozen import frozen
from skerry_wire.messages import Health


class Phase(enum.StrEnum):
    """Where a container stands."""

    CREATED = "created"
    RUNNING = "running"
    RESTARTING = "restarting"
    PAUSED = "paused"
    EXITED = "exited"
    REMOVING = "removing"
    DAMAGED = "damaged"
    UNKNOWN = "unknown"


@frozen()
class CheckResult:
    """What a health check said. `reason`: why it failed, the last time that it was done."""

    health: Health
    reason: str = ""


@frozen()
class HostPort:
    """A port of the node that a container takes, on any of its addresses."""

    number: int
    protocol: str


@frozen(kw_only=True)
class Actual:
    """One container of ours as the runtime has it. `spec` tells what it was made from."""

    id: str
    name: str
    node: str
    instance: str
    container: str
    workload: str
    revision: str
    spec: str
    phase: Phase
    pid: int | None = None
    exit_code: int | None = None
    ended_pid: int | None = None
    """The process that ended, where the runtime does not say how often it started another."""
    restarts: int = 0
    started_at: float | None = None
    health: Health = Health.NONE
    health_reason: str = ""
    """Why its health check failed the last time; empty where it did not."""
    check_in_s: float | None = None
    """In how long the executor is to do its health check; None where it does none of it."""
    error: str | None = None
    stop_grace_s: float = 10.0
    ports: frozenset[HostPort] = frozenset()
    address: str | None = None
    """Where probes reach it from the box; None where it has no network of its own to be reached."""
    joined: str | None = None
    """The container whose network it has, by id or name; it cannot be removed before this one."""
    detached: bool = False
    """The container whose network it shares has another one by now: it has to start anew."""
    devices: str = ""
    """The device nodes that it got for its devices on a bus, with their numbers."""

    @property
    def health_words(self) -> str:
        """Return its health, and why where that is not well: `unhealthy: ended with 1`."""
        return str(self.health) + (f": {self.health_reason}" if self.health_reason else "")

    def joins(self, other: Actual) -> bool:
        """Say whether it has the network of another container."""
        return self.joined in (other.id, other.name)
