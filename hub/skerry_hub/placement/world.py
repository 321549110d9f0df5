"""What a decision is made from: the fleet, what else is wanted, and what holds for all. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

from skerry_hub.fleet.columns import Columns
from skerry_hub.latency import NOWHERE, Network
from skerry_hub.model import Workload
from skerry_hub.placement.contention import Contention
from skerry_hub.placement.demand import NO_DEMAND, Demand
from skerry_hub.placement.rules import NO_RULES, Rules

NO_WORKLOADS: Mapping[str, Workload] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """Everything that placement looks at; `now` is the hub's clock, for times of maintenance."""

    columns: Columns
    workloads: Mapping[str, Workload] = dataclasses.field(default_factory=lambda: NO_WORKLOADS)
    """All that are wanted, by name: the others that affinity is about."""
    workloads_version: Hashable = None
    """Equal ones say that the workloads are the same as well; None says nothing."""
    repelling: Sequence[Workload] = ()
    """Those of them that must not have some others beside them."""
    rules: Rules = NO_RULES
    network: Network = NOWHERE
    """The round-trip times of its nodes."""
    demand: Demand = NO_DEMAND
    """What is asked of the fleet, for those who pack."""
    contention: Contention | None = None
    """A stream of requests, for those who pack; without one, what is wanted says who comes."""
    strategy: Literal["spread", "pack"] = "spread"
    """Of the workloads that name none."""
    now: float = 0.0


def repels(workload: Workload) -> bool:
    """Say whether a workload must not have some others beside it."""
    return any(one.anti and not one.weight for one in workload.placement.affinity)
