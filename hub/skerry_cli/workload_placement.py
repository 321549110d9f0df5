"""What a workload asks of its place, a line each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated

from skerry_cli import words
from skerry_cli.records import MANY, Counts, Words
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Affinity:
    """Near instances of others, or far from them."""

    workload: Words = ""
    selector: Words = ""
    topology: Words = "node"
    anti: bool = False
    weight: int | None = None

    def __str__(self) -> str:
        word = "antiAffinity" if self.anti else "affinity"
        return f"{word} to {self.workload or self.selector} by {self.topology}{_wish(self.weight)}"


@frozen(kw_only=True)
class Spread:
    """Evenly over domains."""

    topology: Words
    max_skew: int = 1
    weight: int | None = None
    weights: Counts = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        shares = "".join(f", {name} takes {share}" for name, share in self.weights.items())
        apart = f"at most {self.max_skew} apart"
        return f"spread over {self.topology}, {apart}{shares}{_wish(self.weight)}"


@frozen(kw_only=True)
class AtMost:
    """So many instances in each domain."""

    topology: Words
    count: int

    def __str__(self) -> str:
        return f"at most {self.count} per {self.topology}"


@frozen(kw_only=True)
class Latency:
    """Within a round-trip time of a place."""

    to: Words
    name: Words
    max_ms: float | None = None
    weight: int | None = None

    def __str__(self) -> str:
        most = "" if self.max_ms is None else f" at most {self.max_ms:g} ms"
        return f"latency to {self.to} {self.name}{most}{_wish(self.weight)}"


@frozen(kw_only=True)
class Traffic:
    """What an instance sends."""

    environment: Words = ""
    workload: Words = ""
    gb_per_hour: float = 0.0

    def __str__(self) -> str:
        where = f"workload {self.workload}" if self.workload else f"environment {self.environment}"
        return f"sends {self.gb_per_hour:g} GB an hour to {where}"


@frozen(kw_only=True)
class Cost:
    """What an instance may cost."""

    max_per_hour: float | None = None
    weight: int | None = None

    def __str__(self) -> str:
        most = "" if self.max_per_hour is None else f" at most {self.max_per_hour:g} an hour"
        return f"cost{most}{_wish(self.weight)}"


@frozen(kw_only=True)
class DataNeed:
    """A dataset that it reads."""

    dataset: Words
    local: bool = False
    max_transfer_s: float | None = None
    weight: int | None = None

    def __str__(self) -> str:
        where = ", only where it is" if self.local else ""
        if self.max_transfer_s is not None:
            where = f", moved within {words.duration(self.max_transfer_s)}"
        return f"reads dataset {self.dataset}{where}{_wish(self.weight)}"


@frozen(kw_only=True)
class Placement:
    """Everything beside constraints and tolerations."""

    strategy: Words = ""
    numa: Words = ""
    affinity: Annotated[tuple[Affinity, ...], MANY] = ()
    spread: Annotated[tuple[Spread, ...], MANY] = ()
    at_most: Annotated[tuple[AtMost, ...], MANY] = ()
    latency: Annotated[tuple[Latency, ...], MANY] = ()
    traffic: Annotated[tuple[Traffic, ...], MANY] = ()
    cost: Cost = Cost()
    data: Annotated[tuple[DataNeed, ...], MANY] = ()
    priority: int = 0
    preemption: Words = "LowerPriority"
    gang: Words = ""


ANYWHERE = Placement()


def placement_lines(placement: Placement) -> Iterator[str]:
    """Yield what is asked for, in the order of the keys of `x-placement`."""
    if placement.numa:
        yield f"numa {placement.numa}"
    if placement.strategy:
        yield f"strategy {placement.strategy}"
    yield from map(str, placement.affinity)
    yield from map(str, placement.spread)
    yield from map(str, placement.at_most)
    yield from map(str, placement.latency)
    if placement.cost != ANYWHERE.cost:
        yield str(placement.cost)
    yield from map(str, placement.traffic)
    yield from map(str, placement.data)
    if placement.priority:
        yield f"priority {placement.priority}"
    if placement.preemption != ANYWHERE.preemption:
        yield f"preemption {placement.preemption}"
    if placement.gang:
        yield f"gang {placement.gang}"


def _wish(weight: int | None) -> str:
    return "" if weight is None else f" (weight {weight})"
