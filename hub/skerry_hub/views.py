"""What the hub shows to people and other systems: the JSON of the API and of the view topics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_hub.model import Change, Explanation, Liveness, Reason, Taint, Workload
from skerry_hub.rollout.views import RolloutPlan, RolloutView
from skerry_wire.hardware import Accelerator, Hardware
from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import Health, InstanceState
from skerry_wire.schema import Items, Sparse, Text


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """How far a node has followed its orders: `issued` >= `accepted` >= `reached`."""

    issued: int
    accepted: int
    reached: int
    refusal: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesView:
    """What a node has, what is reserved of it, and what it last measured as available."""

    cpu_milli: int | None = None
    cpu_reserved_milli: int = 0
    memory_bytes: int | None = None
    memory_reserved_bytes: int = 0
    memory_available_bytes: int | None = None
    storage_bytes: int | None = None
    storage_reserved_bytes: int = 0
    storage_available_bytes: int | None = None
    cpu_percent: float | None = None
    load_1m: float | None = None
    temperature_c: float | None = None
    battery_percent: float | None = None
    on_battery: bool | None = None
    power_w: float | None = None
    filesystems_available_bytes: Mapping[str, int] | None = None
    """Of the other file systems, by mount point."""
    measured_at: float | None = None
    """When the heartbeat came that told what is available, and all below it, by the hub's clock."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """One instance: where it was placed, and what its node says of it."""

    id: str
    workload: str
    revision: str
    node: str
    hostname: str
    state: InstanceState
    """Of a lost node `unknown`, or `exited` where its lease is over: never what it was."""
    reason: str | None = None
    health: Health = Health.NONE
    image: str | None = None
    """Of its first container at `revision`: of what runs, not of what is wanted; null where that
    revision is in no history any more."""
    started_at: float | None = None
    exit_code: int | None = None
    restarts: int = 0
    current: bool = True
    """Whether the node runs the revision that is wanted now."""
    job: Annotated[JobStatus, Sparse()] | None = None
    """Of a job: its runs, how the last one ended, and when the next one is."""
    waits_until: float | None = None
    """It starts then at the latest, by the hub's clock: its lease where it was is over; null where
    it does not wait for that, or until its node says so."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node, as lists and the topic `skerry/v1/fleet/<node>` show it."""

    id: str
    hostname: str
    incarnation: str
    liveness: Liveness
    last_seen: float
    registered_at: float
    version: str | None = None
    arch: str | None = None
    os: str | None = None
    kernel: str | None = None
    capability: str | None = None
    """The revision of its capability."""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    runtimes: tuple[str, ...] = ()
    resources: ResourcesView = ResourcesView()
    order: OrderView = OrderView(issued=0, accepted=0, reached=0)
    problems: tuple[str, ...] = ()
    diverged: str | None = None
    sealing_key: str | None = None
    """The fingerprint of the key to which secrets for it are sealed."""
    other_sealing_key: str | None = None
    """That of the key which it tells now, where that is not trusted: nothing is sealed to it."""
    usual_gap_s: float | None = None
    """How long it may say nothing without that being unusual of it."""
    lost_after_s: float | None = None
    """After how long a silence it is lost, by what the hub knows of it now, and why so."""
    lost_after_reason: str | None = None
    lost_at: float | None = None
    """When it is lost, by the hub's clock, if it stays unreachable; null where it is not."""
    revoked_at: float | None = None
    """When it was shut out, and by whom; null for one that was not, or that has joined again."""
    revoked_by: str | None = None
    instances: tuple[InstanceView, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One device of a node, as its newest capability tells; `liveness` is the node's."""

    id: str
    """`<node>/<kind>/<name>`."""
    node: str
    hostname: str
    liveness: Liveness
    kind: str
    name: str
    """Tells it from the node's other devices of its kind."""
    vendor: str | None = None
    model: str | None = None
    size_bytes: int | None = None
    """Of a disk all that it holds, of an accelerator its memory."""
    bus: str | None = None
    address: str | None = None
    """PCI address, USB port or firmware path."""
    paths: tuple[str, ...] = ()
    """Its device nodes."""
    driver: str | None = None
    usable: bool | None = None
    """Whether a workload can be given it; null where nobody judges that."""
    reason: str | None = None
    """Why it is not usable."""
    used_by: tuple[str, ...] = ()
    """The instances that are given it by where they are placed and what they ask for."""
    held_milli: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """How many thousandths of it an instance holds, 1000 for all of it; of those that do."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """Something that happened on a node or in the hub."""

    id: str
    node: str
    kind: str
    at: float
    """By the hub's clock, when it happened, of several the last; or when it arrived, where its box
    cannot know."""
    subject: str = ""
    detail: str = ""
    generation: int | None = None
    workload: str = ""
    """The workload that it is about, empty where it is about none."""
    count: int = 1
    """How many equal ones it stands for: of the same node, kind, subject and words."""
    first_at: float | None = None
    """When the first of several was."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoundTripView:
    """The round-trip time between a node and a target, in milliseconds.

    `target`: `broker`, `endpoint/<name>`, or `node/<id>`. `error_ms` is the mean deviation of what
    was measured; of what was not, about three of four estimates lie closer to the truth.
    """

    node: str
    hostname: str
    target: str
    ms: float
    error_ms: float
    measured: bool
    """Whether the node measured it itself; otherwise it is estimated by network coordinates."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReservationView:
    """A reservation in force on a node: what it keeps, and how much of that nobody uses yet.

    What fills one reservation does not fill the next one, by name.
    """

    name: str
    until: float | None = None
    """In s since 1970; None is for ever."""
    cpu_milli: int = 0
    cpu_unused_milli: int = 0
    memory_bytes: int = 0
    memory_unused_bytes: int = 0
    storage_bytes: int = 0
    storage_unused_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceView:
    """A time of maintenance that it is now on a node."""

    name: str
    until: float
    """In s since 1970."""
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NodeDetail:
    """One node with all its hardware and its newest events."""

    node: NodeView
    hardware: Hardware | None = None
    events: tuple[EventView, ...] = ()
    round_trips: tuple[RoundTripView, ...] = ()
    """To what it measured itself, and to every endpoint."""
    reservations: tuple[ReservationView, ...] | None = None
    """Those in force now; null where the hub was too busy to look."""
    maintenance: tuple[MaintenanceView, ...] | None = None
    """Those that it is now: nothing new comes to the node. Null as above."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadView:
    """One workload, as lists and the topic `skerry/v1/workloads/<name>` show it.

    `state`: `running` (all wanted replicas run the current revision), `progressing` (on the way),
    `degraded` (an instance failed, exited, or is unknown: its node is
    lost, or cannot tell), `unplaced` (a replica found no node). Of
    jobs of which none runs and none has to: `completed`, or `scheduled`: they run again.
    """

    name: str
    project: str
    revision: str
    mode: Literal["replicated", "global"]
    images: tuple[str, ...]
    wanted: int
    placed: int
    running: int
    current: int
    """Instances of the current revision that run, or are jobs that need not: done, or scheduled."""
    ready: int
    """Those that run and are healthy, where they have a health check, of whatever revision; jobs
    as above."""
    state: Literal["running", "progressing", "degraded", "unplaced", "scheduled", "completed"]
    reason: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    instances: tuple[InstanceView, ...] = ()
    rollout: Annotated[RolloutView, Sparse()] | None = None
    """Of the newest content, where instances had another before."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnmetView:
    """An instance whose node no longer meets what is asked for: it leaves at the next apply.

    With `keeps_former` it goes on with its former revision until a node takes the new one.
    """

    instance: str
    node: str
    hostname: str
    reasons: tuple[Reason, ...]
    keeps_former: Annotated[bool, Sparse()] = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadDetail:
    """One workload with its content."""

    workload: WorkloadView
    content: Workload
    events: tuple[EventView, ...] = ()
    unmet: tuple[UnmetView, ...] | None = None
    """Of its first 20 instances; null where the hub was too busy to look."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """One of the hub's documents, without its content, which stands beside as `content`."""

    kind: str
    name: str
    version: int
    """It grows by one with each change."""
    created_at: float
    updated_at: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVersionView:
    """One change of a document, without what it said after it, which stands beside as `content`.

    A deletion has the content that was deleted.
    """

    kind: str
    name: str
    version: int
    action: Literal["put", "delete"]
    at: float
    who: str = ""
    """Whose token it was; empty where nobody was asked for one."""
    changes: tuple[str, ...] = ()
    """What it says otherwise than the version before: `cpu_hour: 0.03 -> 0.05`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPlan:
    """What is done, or would be done, to one document."""

    kind: str
    name: str
    action: Literal["created", "updated", "unchanged", "deleted"]
    version: int
    """The one that it has then."""
    changes: tuple[str, ...] = ()
    """What an update says otherwise: `cpu_hour: 0.03 -> 0.05`."""


Digest = Annotated[str, Text(64, "[0-9a-f]*")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a plan was decided from, and what comes of it: an apply can be held to both.

    `inputs` is the digest of all nodes, workloads, assignments and documents, `sections` those of
    each of the four; `outcome` that of every workload, assignment and document that changes.
    """

    inputs: Digest
    sections: Annotated[Mapping[str, Digest], Items(16)] = dataclasses.field(default_factory=dict)
    outcome: Digest


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedRevision:
    """The number, in its history, of the revision that a workload is wanted at."""

    workload: str
    number: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What an apply does, or would do."""

    changes: tuple[Change, ...] = ()
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    """Workloads of the same project that the files no longer name (removed with `prune`)."""
    unplaced: tuple[Explanation, ...] = ()
    documents: tuple[DocumentPlan, ...] = ()
    rollouts: Annotated[tuple[RolloutPlan, ...], Sparse()] = ()
    revisions: Annotated[tuple[WantedRevision, ...], Sparse()] = ()
    """Of each workload that is created, updated or unchanged."""
    warnings: Annotated[tuple[Problem, ...], Sparse()] = ()
    """What is taken and means less here than it says; nothing is refused for it."""
    basis: Basis | None = None
    """Of a plan, and of an apply."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a request; `file`, `line` and `field` where they are known."""

    reason: str
    file: str | None = None
    line: int | None = None
    field: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HubPresence:
    """Whether the hub is there. Its last will says `online: false`."""

    online: bool
    since: float
    version: str
    order_key: str | None = None
    """The name of the key that signs its orders."""
    reconnect_s: float | None = None
    """How long boxes wait at most before they connect to a broker again, by the fleet's size.
    Null in the last will: then what it said before holds."""
