"""What a workload asks of its place, beside amounts: devices, neighbours, distance, cost, data.

Names are Kubernetes' and Nomad's where these have one. A `weight` makes a wish of what would be a
must without it: from 1 to 100, and more counts more. All frozen, declared like wire messages.

A **topology** says how nodes are told apart: `node`, or the label whose value nodes share, as
`site`, `zone`, `region` or `environment`. A node without the label is in none of its domains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_wire.schema import Items, Range, Sparse, Text
from skerry_wire.types import Name, Short

NODE = "node"
"""The topology in which each node is a domain of its own."""

Topology = Annotated[str, Text(253)]
Weight = Annotated[int, Range(1, 100)]
Expressions = Annotated[tuple[Annotated[str, Text(4096)], ...], Items(64)]
Share = Annotated[int, Range(1, 1000)]
Money = Annotated[float, Range(0, 1e12)]
"""In the fleet's own currency."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """So many usable devices of a kind: `gpu`, `npu`, `camera`, `serial`, `usb`, `pci`, ...

    `share_milli` is what of each is wanted, in thousandths; 1000 is the whole device alone.
    `expressions` are over the device's own fields, as `model matches A100` or
    `memory_bytes >= 16GiB`.
    """

    kind: Annotated[str, Text(32, "[a-z][a-z0-9_-]*")]
    count: Annotated[int, Range(1, 128)] = 1
    vendor: Short | None = None
    share_milli: Annotated[Share, Sparse()] = 1000
    expressions: Annotated[Expressions, Sparse()] = ()
    only_reserved: Annotated[bool, Sparse()] = False
    """A device that has no device node will do: it is kept for the instance, not handed over."""

    def __str__(self) -> str:
        share = f"{self.share_milli / 1000:g} of " if self.share_milli < 1000 else ""
        vendor = f"{self.vendor} " if self.vendor else ""
        where = f" with {', '.join(self.expressions)}" if self.expressions else ""
        return f"{share}{self.count} {vendor}{self.kind}{where}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """In a domain where instances of others are; with `anti`, where none is.

    The others are one workload, or those whose labels fit a selector (`tier=db,stage!=test`); a
    workload may be its own other. While none of them is placed anywhere, affinity to one's own
    instances holds in every domain, and to others nowhere.
    """

    workload: Annotated[str, Text(63)] = ""
    selector: Annotated[str, Text(1024)] = ""
    topology: Topology = NODE
    anti: bool = False
    weight: Weight | None = None

    def __str__(self) -> str:
        word = "antiAffinity" if self.anti else "affinity"
        return f"{word} to {self.workload or self.selector} by {self.topology}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Evenly over domains: no domain has `max_skew` more than the one with the fewest.

    Counted against the weights where some are given (2 gets twice as many as 1, the weight of
    those that are not named); only domains with a node that could take an instance count.
    """

    topology: Topology
    max_skew: Annotated[int, Range(1, 1_000_000)] = 1
    weight: Weight | None = None
    weights: Annotated[Mapping[str, Annotated[int, Range(1, 1000)]], Items(1024)] = (
        dataclasses.field(default_factory=dict)
    )

    def __str__(self) -> str:
        return f"spread over {self.topology}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AtMost:
    """At most so many instances of the workload in each domain."""

    topology: Topology
    count: Annotated[int, Range(1, 1_000_000)]

    def __str__(self) -> str:
        return f"at most {self.count} per {self.topology}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Within `max_ms` of round-trip time to a place, or the nearer the better.

    `to`: a node (id or hostname), a site (its nearest node), an endpoint (a document of the hub),
    another workload (its nearest instance).
    """

    to: Literal["node", "site", "endpoint", "workload"]
    name: Short
    max_ms: Annotated[float, Range(0, 1e6)] | None = None
    weight: Weight | None = None

    def __str__(self) -> str:
        return f"latency to {self.to} {self.name}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What an instance sends to an environment, or to where another workload runs, each hour."""

    environment: Annotated[str, Text(63)] = ""
    workload: Annotated[str, Text(63)] = ""
    gb_per_hour: Annotated[float, Range(0, 1e9)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an instance may cost each hour by the hub's prices, and how much cheapness counts."""

    max_per_hour: Money | None = None
    weight: Weight | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DataNeed:
    """A dataset that the workload reads: where it is, or at the price and time of moving it."""

    dataset: Name
    local: bool = False
    """Only where the dataset is."""
    max_transfer_s: Annotated[float, Range(0, 1e9)] | None = None
    weight: Weight | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Everything of `x-placement` beside constraints and tolerations."""

    strategy: Annotated[Literal["", "spread", "pack"], Sparse()] = ""
    """`spread`: where most room is left; `pack`: where least goes to waste; empty: the fleet's."""
    numa: Annotated[Literal["", "single"], Sparse()] = ""
    """`single`: all devices of an instance on one NUMA node."""
    affinity: Annotated[tuple[Affinity, ...], Items(32), Sparse()] = ()
    spread: Annotated[tuple[Spread, ...], Items(8), Sparse()] = ()
    at_most: Annotated[tuple[AtMost, ...], Items(8), Sparse()] = ()
    latency: Annotated[tuple[Latency, ...], Items(16), Sparse()] = ()
    traffic: Annotated[tuple[Traffic, ...], Items(32), Sparse()] = ()
    cost: Annotated[Cost, Sparse()] = Cost()
    data: Annotated[tuple[DataNeed, ...], Items(16), Sparse()] = ()
    priority: Annotated[int, Range(-1_000_000_000, 1_000_000_000), Sparse()] = 0
    preemption: Annotated[Literal["LowerPriority", "Never"], Sparse()] = "LowerPriority"
    """Whether instances of lower priority may be ended where nothing else helps."""
    gang: Annotated[str, Text(63), Sparse()] = ""
    """Workloads of one project with the same word are placed all, with every replica, or none."""


ANYWHERE = Placement()
