"""The messages between nodes and hub, as frozen dataclasses. Their annotations are the schema.

Evolution: fields are added with a default and never change their meaning; an unknown field is
ignored (refused in an order); a changed meaning is a new topic root. The golden bytes in
`tests/wire/golden` are what released versions sent, and are never edited.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import JobStatus, PullStatus, UpdateStatus
from skerry_wire.order_keys import KeyStanding
from skerry_wire.schema import Items, Key, Range, Sparse, Text
from skerry_wire.types import (
    ByteCount,
    Count,
    Generation,
    Incarnation,
    InstanceId,
    Line,
    Moment,
    Name,
    NodeId,
    Revision,
    Seconds,
    Short,
)
from skerry_wire.workload import Arguments, Instance

Boot = Annotated[int, Range(0, 2**53 - 1), Key("b")]
Sequence = Annotated[int, Range(0, 2**53 - 1), Key("n")]
Digest = Annotated[str, Text(64, "[0-9a-f]{64}")]
Percent = Annotated[float, Range(0, 100)]


@frozen(kw_only=True)
class NodeMessage:
    """What every message of a node carries.

    `(boot, seq)` only ever grows within an incarnation and topic; the hub takes nothing older
    than what it has. `boot` counts the agent's starts.
    """

    incarnation: Incarnation
    boot: Boot
    seq: Sequence


@frozen(kw_only=True)
class Presence(NodeMessage):
    """The node is connected, or (as its last will) no longer is."""

    online: bool
    since: Moment
    version: Short


@frozen(kw_only=True)
class Heartbeat(NodeMessage):
    """What the node is doing now. Sent for years on thin links, hence the short keys."""

    capability: Annotated[Revision, Key("c")]
    generation: Annotated[Generation, Key("g")]
    uptime_s: Annotated[int, Range(0, 2**32 - 1), Key("up")] = 0
    cpu_percent: Annotated[Percent, Key("cpu")] | None = None
    load_1m: Annotated[float, Range(0, 1e6), Key("l")] | None = None
    memory_available_bytes: Annotated[ByteCount, Key("mem")] | None = None
    storage_available_bytes: Annotated[ByteCount, Key("sto")] | None = None
    temperature_c: Annotated[float, Range(-273.15, 2000), Key("t")] | None = None
    battery_percent: Annotated[Percent, Key("bat")] | None = None
    """Of the emptiest battery."""
    on_battery: Annotated[bool, Key("ob")] | None = None
    power_w: Annotated[float, Range(0, 1e6), Key("w")] | None = None
    """What the sensor that sees the most measures."""
    filesystems_available_bytes: Annotated[Mapping[str, ByteCount], Items(16), Key("fs")] | None = (
        None
    )
    """Of the other file systems of the capability, by mount point."""
    round_trip_ms: (
        Annotated[Mapping[str, Annotated[float, Range(0, 1e6)]], Items(64), Key("rtt")] | None
    ) = None
    """What is new of them, by the names of targets; `broker` is the node's way to its broker."""


class InstanceState(enum.StrEnum):
    """Where an instance stands on its node."""

    PENDING = "pending"
    PULLING = "pulling"
    CREATING = "creating"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Health(enum.StrEnum):
    """What the instance's own health check says."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class InstanceStatus:
    """One instance as the node's runtime has it. `reason` says in words why it is not running."""

    id: InstanceId
    workload: Name
    revision: Revision
    state: InstanceState
    reason: Line | None = None
    runtime: Short | None = None
    container_ids: Annotated[tuple[Short, ...], Items(32)] = ()
    health: Health = Health.NONE
    started_at: Moment | None = None
    exit_code: Annotated[int, Range(-(2**31), 2**31 - 1)] | None = None
    restarts: Count = 0
    update: Annotated[UpdateStatus, Sparse()] | None = None
    job: Annotated[JobStatus, Sparse()] | None = None
    pull: Annotated[PullStatus, Sparse()] | None = None
    """Of the image that is being pulled for it now."""


@frozen(kw_only=True)
class Refusal:
    """An order that the node did not carry out, and why. Nothing was changed."""

    generation: Generation
    code: Short
    reason: Line


@frozen(kw_only=True)
class Report(NodeMessage):
    """What the node runs.

    `accepted` and `digest` name the newest order that passed verification, `generation` the newest
    that is wholly carried out. `problems` are the box's own troubles, in words.
    """

    accepted: Generation
    generation: Generation
    digest: Digest | None = None
    refusal: Refusal | None = None
    problems: Annotated[tuple[Line, ...], Items(16)] = ()
    instances: Annotated[tuple[InstanceStatus, ...], Items(512)] = ()
    sealing_key: Annotated[bytes, Items(32), Sparse()] | None = None
    """The public key, of the box's executor, to which secrets for this node are sealed."""
    keys: Annotated[KeyStanding, Sparse()] | None = None
    """Which order keys the box's executor trusts; None where it does not tell."""


class EventKind(enum.StrEnum):
    """What happened on a node."""

    STARTED = "started"
    PLUGGED = "plugged"
    UNPLUGGED = "unplugged"
    RUNNING = "running"
    EXITED = "exited"
    FAILED = "failed"
    UNHEALTHY = "unhealthy"
    HEALTHY = "healthy"
    """Again, after it was not."""
    REMOVED = "removed"
    RESTARTED = "restarted"
    """Its containers were stopped and started because that was asked for."""
    REFUSED = "refused"
    PROBE_FAILED = "probe_failed"
    RUNTIME_FAILED = "runtime_failed"
    SUPPRESSED = "suppressed"
    """So many were not sent."""
    CLONED = "cloned"
    """Another box is this node, too, or its disk is in another machine now."""
    RENEWAL_FAILED = "renewal_failed"
    """The box's certificate could not be renewed."""
    UNKNOWN = "unknown"


EVENT_EXPIRY_S = 86_400
"""How long a broker keeps an event for a hub that is away. It tells how much of that is left."""
EVENT_AGE_MOST_S = 90 * 86_400.0


@frozen(kw_only=True)
class Event(NodeMessage):
    """Something that happened on a node. The hub drops a second one of the same id.

    `count`: so often since `first_at`, which was not told before. `age_s`: how long ago `at` was
    when this was sent, for a hub that does not trust the box's clock; 0 also where nobody knows.
    """

    id: Annotated[str, Text(64, "[0-9a-z-]+")]
    kind: EventKind
    at: Moment
    subject: Line = ""
    detail: Line = ""
    generation: Generation | None = None
    count: Annotated[Count, Sparse()] = 1
    first_at: Annotated[Moment, Sparse()] | None = None
    age_s: Annotated[float, Range(0, EVENT_AGE_MOST_S), Sparse()] = 0.0


@frozen(kw_only=True)
class Order:
    """The complete list of instances that one incarnation of a node shall run. Always signed."""

    node: NodeId
    incarnation: Incarnation
    generation: Generation
    issued_at: Moment
    instances: Annotated[tuple[Instance, ...], Items(512)] = ()


MAX_PIECE_BYTES = 12 * 1024
"""Most bytes of a sealed piece of a session (`skerry_wire.session`). Who passes pieces on needs no
more of it than this."""


@frozen(kw_only=True)
class Request:
    """A question of the hub to a node, answered with the same id.

    `probe`: read the hardware again now. `order`: send back the order that is held. `challenge`:
    have the executor make one, for an `instance` request; that carries a sealed Envelope. Of
    such a request, by its own id: `keep` says now and then that somebody still waits for the
    answer, `cancel` that nobody does; `input` brings a piece of a session's input in `envelope`.
    """

    id: Annotated[str, Text(64, "[0-9a-z-]+")]
    verb: Annotated[str, Text(32, "[a-z]+")]
    arguments: Annotated[Mapping[str, Line], Items(32)] = dataclasses.field(default_factory=dict)
    envelope: Annotated[bytes, Items(128 * 1024), Sparse()] = b""


@frozen(kw_only=True)
class Reply(NodeMessage):
    """A node's answer to a request. `error` is None when it was carried out."""

    id: Annotated[str, Text(64, "[0-9a-z-]+")]
    error: Line | None = None
    body: Annotated[bytes, Items(192 * 1024)] = b""
    part: Annotated[int, Range(0, 2**32 - 1), Sparse()] = 0
    """Which of the parts this is, from 0. The sealed body tells which is the last."""


BROKER = "broker"
"""The target that every node has without being told: the other end of its connection."""


@frozen(kw_only=True)
class Target:
    """Where a node may measure the round-trip time to, by opening a TCP connection."""

    name: Short
    host: Annotated[str, Text(253)]
    port: Annotated[int, Range(1, 65535)]


@frozen(kw_only=True)
class Targets:
    """Where the hub would like a node to measure round-trip times to: all of them. Always signed.

    The node measures at its own pace, within what its administrator allows. Whenever this comes
    it tells again what it has measured, for the hub may have forgotten. `node` is the only one
    that it is for, and `issued_at` the hub's clock: a node takes none that is older than one that
    it has taken.
    """

    node: Annotated[NodeId, Sparse()] | None = None
    issued_at: Annotated[Moment, Sparse()] = 0.0
    targets: Annotated[tuple[Target, ...], Items(16)] = ()


Challenge = Annotated[bytes, Items(32)]
"""Made by a box's executor, which takes an answer to it once, and only for a while."""


@frozen(kw_only=True)
class LeaseRequest(NodeMessage):
    """The node has instances that run only while the hub renews their lease."""

    challenge: Challenge


@frozen(kw_only=True)
class Grant:
    """These instances may run on, for so long from when the challenge was made. Always signed."""

    node: NodeId
    incarnation: Incarnation
    challenge: Challenge
    instances: Annotated[Mapping[str, Seconds], Items(512)] = dataclasses.field(
        default_factory=dict
    )


Verb = Literal["logs", "exec", "restart", "top"]
VERBS: tuple[Verb, ...] = ("logs", "exec", "restart", "top")
"""What is asked about an instance; all else is asked of the agent."""


@frozen(kw_only=True)
class Terminal:
    """How many characters a terminal shows."""

    columns: Annotated[int, Range(1, 4096)] = 80
    rows: Annotated[int, Range(1, 4096)] = 24


@frozen(kw_only=True)
class InstanceRequest:
    """Something that is asked of a box about an instance. Always signed, and answered once.

    An empty container: the first one, of `restart` and `top` each. No instance: every one of
    the box, for `top` alone. `stdin`, `command`, `input` and `terminal` belong to `exec`;
    `follow`, `tail` and `since_s` (seconds ago) to `logs`. On its way its Envelope is in a
    libsodium sealed box for the key of the node's executor, since what it holds is secret.
    """

    node: NodeId
    incarnation: Incarnation
    challenge: Challenge
    answer_key: Annotated[bytes, Items(32)] = dataclasses.field(repr=False)
    """What the answer, and input, is sealed with."""
    verb: Verb
    instance: InstanceId | None = None
    container: Annotated[str, Text(63)] = ""
    command: Arguments = ()
    stdin: Annotated[bytes, Items(64 * 1024)] = b""
    follow: bool = False
    tail: Annotated[int, Range(0, 100_000)] | None = None
    since_s: Seconds | None = None
    within_s: Annotated[float, Range(1, 3600)] = 60.0
    """How long the answer may take; `logs --follow` ends then, too."""
    terminal: Annotated[Terminal, Sparse()] | None = None
    """With input: the command gets a terminal of this size."""
    input: Annotated[bool, Sparse()] = False
    """Whether input comes piece by piece, until the end of the session."""


ENVELOPE_TYPES = Literal[
    "skerry.order.v1",
    "skerry.order.v1+zlib",
    "skerry.targets.v1",
    "skerry.grant.v1",
    "skerry.request.v1",
    "skerry.keys.v1",
    "skerry.approval.v1",
]


@frozen(kw_only=True)
class Envelope:
    """A signed payload. The signature covers the type and the payload exactly as sent."""

    type: ENVELOPE_TYPES
    key_id: Annotated[str, Text(32, "[0-9a-f]{16}")]
    payload: Annotated[bytes, Items(256 * 1024)]
    signature: Annotated[bytes, Items(64)]
