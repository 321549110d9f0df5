"""The hub's own documents, which placement reads: policies, prices, datasets, endpoints, times.

They are written and versioned apart from workloads, mostly by other people. Declared like wire
messages; all frozen. `nodes` is always a list of expressions over nodes, all of which must hold;
none is every node. `selector` is of workloads' labels, as kubectl writes it; empty is every one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, TypeVar

from skerry_hub.terms import Expressions, Money, Topology
from skerry_wire.schema import Items, Range, Text
from skerry_wire.types import ByteCount, Count, Line, Moment, Name, Short

Selector = Annotated[str, Text(1024)]
Values = Annotated[tuple[Short, ...], Items(256)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The most that all workloads of a policy may have together; None is no limit."""

    instances: Count | None = None
    cpu_milli: Count | None = None
    memory_bytes: ByteCount | None = None
    storage_bytes: ByteCount | None = None
    devices: Annotated[Mapping[str, Count], Items(32)] = dataclasses.field(default_factory=dict)
    """By kind; a shared device counts as much as is taken of it."""
    cost_per_hour: Money | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What every workload it selects must fulfil, whatever its own file says."""

    name: Name
    selector: Selector = ""
    projects: Annotated[tuple[Name, ...], Items(256)] = ()
    """Only workloads of these projects; none is of every project."""
    required: Expressions = ()
    """Of a node, all of which must hold."""
    forbidden: Expressions = ()
    """Of a node, none of which may hold."""
    residency: Annotated[Mapping[Topology, Values], Items(16)] = dataclasses.field(
        default_factory=dict
    )
    """By topology, the only domains: `{region: [eu-west, eu-north]}`."""
    registries: Annotated[tuple[Line, ...], Items(64)] = ()
    """Images come from these alone: `registry.example/team/`; none is from anywhere."""
    max_priority: Annotated[int, Range(-1_000_000_000, 1_000_000_000)] | None = None
    quota: Quota = Quota()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """The price of a GB out of the nodes' environment; `to` empty: into any other."""

    to: Annotated[str, Text(63)] = ""
    per_gb: Money


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What instances on some nodes cost; where several name a node, the last one by name counts."""

    name: Name
    nodes: Expressions = ()
    node_hour: Money = 0.0
    """While the node runs anything."""
    cpu_hour: Money = 0.0
    gib_hour: Money = 0.0
    storage_gib_hour: Money = 0.0
    device_hour: Annotated[Mapping[str, Money], Items(32)] = dataclasses.field(default_factory=dict)
    """By kind, for a whole device."""
    egress: Annotated[tuple[Egress, ...], Items(64)] = ()
    watts_per_cpu: Annotated[float, Range(0, 1e6)] = 0.0
    kwh: Money = 0.0
    carbon_g_per_kwh: Annotated[float, Range(0, 1e6)] = 0.0
    carbon_per_kg: Money = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Data, how large it is, and in which domains it lies: `{site: [quay-3], node: [box-1]}`."""

    name: Name
    size_bytes: ByteCount
    places: Annotated[Mapping[Topology, Values], Items(16)] = dataclasses.field(
        default_factory=dict
    )
    bandwidth_mbit: Annotated[float, Range(0.001, 1e9)] = 100.0
    """At which it moves elsewhere."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Something outside the fleet to which agents measure the round-trip time."""

    name: Name
    host: Annotated[str, Text(253)]
    port: Annotated[int, Range(1, 65535)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Room on each of some nodes that only the selected workloads may use, from and until."""

    name: Name
    nodes: Expressions = ()
    selector: Selector = ""
    cpu_milli: Count = 0
    memory_bytes: ByteCount = 0
    storage_bytes: ByteCount = 0
    start: Moment = 0.0
    end: Moment | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time of maintenance, in which nothing new comes to some nodes.

    Once from `start` on, or at it and every 24 hours, or 7 days, after it.
    """

    name: Name
    nodes: Expressions = ()
    start: Moment
    duration_s: Annotated[float, Range(1, 31_536_000)]
    repeats: Literal["", "daily", "weekly"] = ""
    reason: Line = ""


Document = Policy | Prices | Dataset | Endpoint | Reservation | Window
Key = tuple[str, str]
"""A document's kind and name: no two have the same."""
KINDS: Mapping[str, type[Document]] = {
    "Policy": Policy,
    "Prices": Prices,
    "Dataset": Dataset,
    "Endpoint": Endpoint,
    "Reservation": Reservation,
    "MaintenanceWindow": Window,
}
"""What a document's `kind` is in files and in the API."""

MOST_OF_A_KIND = 1_000
MAX_DOCUMENT_BYTES = 64 * 1024
"""Of one document as it is stored."""

D = TypeVar("D", bound=Document)
_NAMES: Mapping[type[Document], str] = {record: name for name, record in KINDS.items()}


def kind_of(document: Document) -> str:
    """Return the name of a document's kind."""
    return _NAMES[type(document)]


def key_of(document: Document) -> Key:
    """Return what tells a document from all others."""
    return _NAMES[type(document)], document.name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptDocument:
    """A document as the hub keeps it; times are by the hub's clock.

    `version` grows by one with each change. It goes on where it was when a document that was
    deleted comes again, so kind, name and version tell one content for ever.
    """

    document: Document
    version: int
    created_at: float
    updated_at: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """One change of one document, as it is kept for ever: what it said after it, and when.

    A deletion has a version of its own, with the content that was deleted. `who` is the
    name of whose token it was, empty where nobody was asked for one.
    """

    document: Document
    version: int
    action: Literal["put", "delete"]
    at: float
    who: str = ""


def of_kind(kept: Iterable[KeptDocument], kind: type[D]) -> tuple[D, ...]:
    """Return the documents of one kind, by name: the order in which a later one counts more."""
    found = [one.document for one in kept if isinstance(one.document, kind)]
    return tuple(sorted(found, key=lambda document: document.name))
