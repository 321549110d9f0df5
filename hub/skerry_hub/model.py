"""The hub's own records: what is asked for, and where it was decided to go.

Declared like wire messages, so that the same reader and writer serve the store and the API.
All frozen: a change is a new record.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_hub.known_as import known_as
from skerry_hub.lifecycle import AS_USUAL, Finished, Lifecycle
from skerry_hub.terms import ANYWHERE, DeviceRequest, Placement, Share
from skerry_wire.capability import Capability
from skerry_wire.codec import revision_of, to_plain
from skerry_wire.messages import Presence, Report
from skerry_wire.schema import Items, Range, Sparse, Text
from skerry_wire.types import (
    ByteCount,
    Count,
    Generation,
    InstanceId,
    Line,
    Name,
    NodeId,
    Revision,
    Short,
)
from skerry_wire.workload import BusDevice, CdiName, Container, DeviceMapping


class Liveness(enum.StrEnum):
    """The hub's judgement of a node."""

    ONLINE = "online"
    UNREACHABLE = "unreachable"
    LOST = "lost"


# --- what is asked for -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What an instance reserves on its node, in thousandths of a processor and in bytes.

    `ports` are the node's own that it listens on: `tcp/8080`, or `tcp/127.0.0.1:8080` for one
    address only.
    """

    cpu_milli: Annotated[int, Range(0, 10_000_000)] = 0
    memory_bytes: ByteCount = 0
    storage_bytes: ByteCount = 0
    devices: Annotated[tuple[DeviceRequest, ...], Items(16)] = ()
    ports: Annotated[tuple[Short, ...], Items(256)] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A test of one of a node's fields or labels: `node.labels.site == quay-3`.

    Keys: `node.id`, `node.hostname`, `node.platform.arch`, `node.platform.os`,
    `node.labels.<label>`. A label that a node lacks is unequal to every value.
    """

    key: Annotated[str, Text(256)]
    operator: Literal["==", "!="]
    value: Annotated[str, Text(256)]

    def __str__(self) -> str:
        return f"{self.key} {self.operator} {self.value}"


Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
"""The key of the taint that a cordoned node has."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """What a node refuses workloads for, as Kubernetes has it: of one key, each effect once.

    `NoSchedule` keeps new instances away, `PreferNoSchedule` has other nodes preferred; with
    `NoExecute`, those that are there leave too, at the next apply of their workload.
    """

    key: Annotated[str, Text(253)]
    value: Annotated[str, Text(63)] = ""
    effect: Effect

    def __str__(self) -> str:
        value = f"={self.value}" if self.value else ""
        return f"{self.key}{value}:{self.effect}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """Taints that a workload bears: those of a key, with `Equal` of this value too.

    Without a key (only with `Exists`) it is every taint's; without an effect, every effect's.
    """

    key: Annotated[str, Text(253)] = ""
    operator: Literal["Exists", "Equal"] = "Equal"
    value: Annotated[str, Text(63)] = ""
    effect: Effect | None = None

    def tolerates(self, taint: Taint) -> bool:
        """Say whether it bears this taint."""
        if self.effect not in (None, taint.effect):
            return False
        if self.operator == "Exists":
            return self.key in ("", taint.key)
        return self.key == taint.key and self.value == taint.value


MAX_REVISIONS = 4096
_REVISIONS: dict[int, tuple[tuple[Container, ...], Revision]] = {}
"""The digests of containers that were asked for; a tuple that is kept here never changes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What an operator asked for: one service of a compose file."""

    name: Name
    project: Name
    mode: Literal["replicated", "global"] = "replicated"
    replicas: Annotated[int, Range(0, 100_000)] = 1
    containers: Annotated[tuple[Container, ...], Items(32)]
    resources: Resources = Resources()
    constraints: Annotated[tuple[Constraint, ...], Items(64)] = ()
    labels: Annotated[Mapping[str, Line], Items(256)] = dataclasses.field(default_factory=dict)
    expressions: Annotated[tuple[Annotated[str, Text(4096)], ...], Items(64), Sparse()] = ()
    """Over a node's fields and labels, all of which must hold: `node.labels.site in [a, b]`."""
    tolerations: Annotated[tuple[Toleration, ...], Items(64), Sparse()] = ()
    placement: Annotated[Placement, Sparse()] = ANYWHERE
    lifecycle: Annotated[Lifecycle, Sparse()] = AS_USUAL

    @property
    def revision(self) -> Revision:
        """Return what tells whether an instance must be replaced: the digest of its containers."""
        known = _REVISIONS.get(id(self.containers))
        if known is not None and known[0] is self.containers:
            return known[1]
        revision = revision_of(list(map(to_plain, self.containers)))
        if len(_REVISIONS) >= MAX_REVISIONS:
            _REVISIONS.clear()
        _REVISIONS[id(self.containers)] = self.containers, revision
        return revision


# --- what was decided --------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A device of a node, as `gpu/0000:01:00`, and how much of it, in thousandths."""

    device: Line
    milli: Share = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An instance and its node: one decision, until it is changed.

    One that is `finished` is a job that will not run again: what it needed is free for others.
    """

    id: InstanceId
    workload: Name
    revision: Revision
    node: NodeId
    resources: Resources
    devices: Annotated[tuple[DeviceMapping, ...], Items(128)] = ()
    bus_devices: Annotated[tuple[BusDevice, ...], Items(128), Sparse()] = ()
    cdi_devices: Annotated[tuple[CdiName, ...], Items(64), Sparse()] = ()
    held: Annotated[tuple[Hold, ...], Items(128)] = ()
    """The devices that it has, or has a share of."""
    priority: Annotated[int, Range(-1_000_000_000, 1_000_000_000), Sparse()] = 0
    finished: Annotated[Finished, Sparse()] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why one node does not take one workload; `missing` is the shortage, in the text's unit."""

    constraint: Short
    text: Line
    missing: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a node's score: `value`, 0 to 1, times `weight` is `points`."""

    value: float
    weight: int
    points: float


Parts = Mapping[str, Part]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one node says to one workload: every reason against it, or its score.

    The score, 0 to 1, is the points of all parts by the sum of their weights.
    """

    node: NodeId
    hostname: Short
    feasible: bool
    reasons: tuple[Reason, ...] = ()
    score: float | None = None
    scores: Parts = dataclasses.field(default_factory=dict)
    """What makes it up, by name."""
    instances: tuple[InstanceId, ...] = ()
    """Instances of the workload that are placed there now."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Another node that would take an instance, against the node that has it.

    `ahead` is how many points more it has, and `differences` which parts of the score make that,
    what differs most first; null and empty where the instance's own node would not take it again.
    """

    node: NodeId
    hostname: Short
    score: float
    points: float
    scores: Parts = dataclasses.field(default_factory=dict)
    ahead: float | None = None
    differences: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Why an instance is where it is, were it alone to be placed again now.

    `unmet`: what is asked for and its node does not fulfil any more, so that it leaves when the
    workload is applied (of a spread: enough of those that are too many do); `closed`: why else
    nothing new comes there. With neither, the node's score and how many nodes would be `better`.
    `points` are of `most`, the sum of all weights. A global workload's has no runners-up: it is on
    each node that takes it. `keeps_former`: its revision, until a node takes the new one.
    """

    instance: InstanceId
    node: NodeId
    hostname: Short
    unmet: tuple[Reason, ...] = ()
    closed: tuple[Reason, ...] = ()
    keeps_former: Annotated[bool, Sparse()] = False
    score: float | None = None
    points: float | None = None
    most: int | None = None
    scores: Parts = dataclasses.field(default_factory=dict)
    better: Count = 0
    runners_up: tuple[Runner, ...] = ()
    decision: Count | None = None
    """The stored decision that put it there, and when that was; null where it is not kept."""
    decided_at: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """What would have to be changed so that a node takes a workload.

    `changes` say what to do; `cost` counts what is given up: the missing part of each amount, and 1
    for each other constraint. `nodes` would take it then.
    """

    node: NodeId
    hostname: Short
    changes: tuple[Line, ...]
    cost: float
    nodes: Count


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the nodes say to one workload.

    Whether each takes one more instance; where none is missing, or one is asked about, whether it
    would take `instance` in place of the node that has it. `blocked` counts the nodes that each
    constraint refuses, `alone` those that it alone refuses; `nodes` is how many there are. The
    verdicts are the best nodes and the nearest misses; `more` says that there are others.
    `standings` tell why instances are where they are, of the first few or of the one asked about.
    """

    workload: Name
    wanted: Count
    placed: Count
    feasible: Count
    nodes: Count = 0
    blocked: Mapping[str, int] = dataclasses.field(default_factory=dict)
    alone: Mapping[str, int] = dataclasses.field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    standings: tuple[Standing, ...] = ()
    instance: str = ""
    more: bool = False
    note: Line = ""
    """Why nothing is placed although nodes would take it: the rest of its gang finds no place."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of a plan."""

    action: Literal["create", "replace", "move", "remove", "keep"]
    instance: InstanceId
    workload: Name
    node: NodeId
    detail: Line = ""
    score: float | None = None
    """Of what is created or moved, in a plan: the node's score as the choice fell on it."""
    scores: Annotated[Parts, Sparse()] = dataclasses.field(default_factory=dict)
    """What makes up the score, by name."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The complete set of assignments that one workload shall have, and what that changes."""

    workload: Name
    assignments: tuple[Assignment, ...] = ()
    changes: tuple[Change, ...] = ()
    unplaced: Count = 0
    """How many wanted replicas found no node; `explain` says why."""


# --- what is known of a node --------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """All that the hub durably knows of one node. What heartbeats say lives in columns."""

    id: NodeId
    incarnation: Annotated[str, Text(32)]
    registered_at: float
    retired: Annotated[tuple[str, ...], Items(64)] = ()
    """Earlier incarnations, whose messages are refused."""
    sequences: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    """The newest (boot, seq) taken, by topic."""
    presence: Presence | None = None
    capability: Capability | None = None
    report: Report | None = None
    liveness: Liveness = Liveness.UNREACHABLE
    last_seen: float = 0.0
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The labels that operators gave it at the hub; they override the node's own."""
    taints: Annotated[tuple[Taint, ...], Items(64)] = ()
    """By key and effect."""
    diverged: Line | None = None
    """Why the hub holds this node and issues it nothing; None when all is well."""
    generation: Generation = 0
    """The newest order issued to it (0: none), and the digest of that order's payload."""
    digest: str | None = None
    sealing_key: Annotated[bytes, Items(32), Sparse()] | None = None
    """To which secrets for it are sealed: the first one that it told, or that was trusted since."""

    @property
    def hostname(self) -> str:
        """Return the hostname that it tells, else its id."""
        found = self.capability.hardware.system.hostname if self.capability else None
        return found or self.id

    @property
    def known_as(self) -> str:
        """Return the name that no other node has, for people."""
        return known_as(self.hostname, self.id)

    @property
    def other_sealing_key(self) -> bytes | None:
        """Return the key that it tells now, where that is not the trusted one."""
        told = self.report.sealing_key if self.report is not None else None
        return told if told != self.sealing_key else None

    @property
    def cordoned(self) -> bool:
        """Say whether nothing new shall come here."""
        return any(
            taint.key == UNSCHEDULABLE and taint.effect != "PreferNoSchedule"
            for taint in self.taints
        )

    @property
    def all_labels(self) -> Mapping[str, str]:
        """Return the node's own labels, overridden by the hub's."""
        own = self.capability.hardware.labels if self.capability else {}
        return {**own, **self.labels}
