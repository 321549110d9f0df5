"""What the hub's answers say of documents, as far as the command line reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated

from skerry_cli.records import MANY, Counts, Names, Words
from skerry_wire.frozen import frozen

Places = Annotated[Mapping[str, Names], MANY]
Amounts = Annotated[Mapping[str, float], MANY]


@frozen(kw_only=True)
class Quota:
    """The most that all workloads of a policy may have together."""

    instances: int | None = None
    cpu_milli: int | None = None
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    devices: Counts = dataclasses.field(default_factory=dict)
    cost_per_hour: float | None = None


@frozen(kw_only=True)
class Policy:
    """What every workload it selects must fulfil."""

    selector: Words = ""
    projects: Names = ()
    required: Names = ()
    forbidden: Names = ()
    residency: Places = dataclasses.field(default_factory=dict)
    registries: Names = ()
    max_priority: int | None = None
    quota: Quota = Quota()


@frozen(kw_only=True)
class Egress:
    """The price of a GB out of the nodes' environment."""

    to: Words = ""
    per_gb: float


@frozen(kw_only=True)
class Prices:
    """What instances on some nodes cost."""

    nodes: Names = ()
    node_hour: float = 0.0
    cpu_hour: float = 0.0
    gib_hour: float = 0.0
    storage_gib_hour: float = 0.0
    device_hour: Amounts = dataclasses.field(default_factory=dict)
    egress: Annotated[tuple[Egress, ...], MANY] = ()
    watts_per_cpu: float = 0.0
    kwh: float = 0.0
    carbon_g_per_kwh: float = 0.0
    carbon_per_kg: float = 0.0


@frozen(kw_only=True)
class Dataset:
    """Data, how large it is, and where it lies."""

    size_bytes: int
    places: Places = dataclasses.field(default_factory=dict)
    bandwidth_mbit: float = 0.0


@frozen(kw_only=True)
class Endpoint:
    """Something outside the fleet to which round-trip times are measured."""

    host: Words
    port: int


@frozen(kw_only=True)
class Reservation:
    """Room on nodes that only some workloads may use."""

    nodes: Names = ()
    selector: Words = ""
    cpu_milli: int = 0
    memory_bytes: int = 0
    storage_bytes: int = 0
    start: float = 0.0
    end: float | None = None


@frozen(kw_only=True)
class Window:
    """A time in which nothing new comes to some nodes."""

    nodes: Names = ()
    start: float
    duration_s: float
    repeats: Words = ""
    reason: Words = ""


@frozen(kw_only=True)
class Document:
    """What the hub keeps of a document of whatever kind."""

    kind: Words
    name: Words
    version: int
    created_at: float
    updated_at: float


@frozen(kw_only=True)
class PolicyDocument(Document):
    """A policy as it is kept."""

    content: Policy


@frozen(kw_only=True)
class PricesDocument(Document):
    """A price list as it is kept."""

    content: Prices


@frozen(kw_only=True)
class DatasetDocument(Document):
    """A dataset as it is kept."""

    content: Dataset


@frozen(kw_only=True)
class EndpointDocument(Document):
    """An endpoint as it is kept."""

    content: Endpoint


@frozen(kw_only=True)
class ReservationDocument(Document):
    """A reservation as it is kept."""

    content: Reservation


@frozen(kw_only=True)
class WindowDocument(Document):
    """A maintenance window as it is kept."""

    content: Window


@frozen(kw_only=True)
class DocumentVersion:
    """One change of a document."""

    version: int
    action: Words
    at: float
    who: Words = ""
    changes: Names = ()
