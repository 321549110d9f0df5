"""Leases: until when an instance may still run where it is not wanted any more. Pure.

A box lets an instance with a lease run until so long after it last asked the hub, and the hub
answered (`skerry_wire.lifecycle.Lease`). So the hub knows when such an instance has surely ended on
a box of which it hears nothing: its lease after the last answer, and a margin. All times here are
of a clock that only ever goes on, and of this process; what an earlier one answered was answered
before this one began.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from skerry_wire.schema import Items, Text
from skerry_wire.types import Generation, InstanceId, Name, NodeId, Seconds

CLOCK_RATE = 0.01
"""How much faster the hub's clock may run than a box's. Quartz is off by 0.0001 at worst, and a
clock that is just being put right by ntpd or chrony runs up to 0.0005, in chrony's extreme 0.08333,
beside its rate; CLOCK_BOOTTIME and CLOCK_MONOTONIC follow that. 1 % leaves room for a bad virtual
machine; what chrony does at its extreme is an operator's explicit choice."""
MARGIN_S = 10.0
"""For what a box does late. It means to have killed everything 2 s before the end of a lease
(`skerry_executor.lease.KILL_MARGIN_S`). The worst is an executor that is killed in that moment: all
depends then on how soon the box's init starts the next one, which reads the terms and kills.
That took 0.1 s on a box at rest, and up to 5 s on two cores at a load of 20. So there are 12 s for
it, more than twice the worst that was seen; and a kernel that is short of memory or of a disk takes
its own time to end a killed process. The margin is the hub's, for a box that ended earlier would
have to be renewed more often; it only makes a single writer start so much later elsewhere."""
SWEEP_S = 600.0
"""How often ends that are over are forgotten."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node on which an instance may still run, though not as it is wanted now.

    `generation` is the newest order of the node that may have had it so: it has ended once the node
    has carried out a later one. Or by its lease; None: it had none there. `since` is the hub's wall
    clock, for people: after it nothing there was renewed any more.
    """

    node: NodeId
    incarnation: Annotated[str, Text(32)]
    generation: Generation
    since: float
    lease_s: Seconds | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Vacating:
    """Where an instance with a lease was, or was without its lease, and may not have ended yet."""

    instance: InstanceId
    workload: Name
    places: Annotated[tuple[Place, ...], Items(4096)]

    def at(self, node: str) -> Place | None:
        """Return the place on a node, None where there is none."""
        return next((one for one in self.places if one.node == node), None)

    def elsewhere(self, node: str) -> Place | None:
        """Return the place, not on this node, that is waited for longest."""
        found = [one for one in self.places if one.node != node]
        return max(found, key=_latest, default=None)


def _latest(place: Place) -> tuple[bool, float, str]:
    return place.lease_s is None, place.since + (place.lease_s or 0.0), place.node


def surely_over_s(lease_s: float) -> float:
    """Return how long after an answer of the hub an instance with this lease has surely ended."""
    return lease_s * (1 + CLOCK_RATE) + MARGIN_S


def latest_end(place: Place) -> float | None:
    """Return when, by the hub's wall clock, an instance has ended there at the latest.

    None where that is not known: it ends when its node says so.
    """
    return None if place.lease_s is None else place.since + surely_over_s(place.lease_s)


class Leases:
    """What this process has answered, and until when that lasts. One thread."""

    def __init__(self, mono_s: float) -> None:
        self._began = self._swept = mono_s
        self._ends: dict[str, dict[str, float]] = {}
        """By node and instance."""

    def granted(self, node: str, instances: Mapping[str, float], mono_s: float) -> None:
        """Note that instances of a node may run on: for how long, from now."""
        before = self._ends.get(node, {})
        ends = {name: mono_s + surely_over_s(lease_s) for name, lease_s in instances.items()}
        for name, end in before.items():
            if end > mono_s:
                ends[name] = max(end, ends.get(name, end))
        self._ends[node] = ends

    def end(self, instance: str, place: Place) -> float | None:
        """Return when an instance has surely ended on a node; None: that is not known."""
        if place.lease_s is None:
            return None
        # An earlier process may have answered right before this one began.
        first = self._began + surely_over_s(place.lease_s)
        return max(first, self._ends.get(place.node, {}).get(instance, first))

    def over(self, vacating: Iterable[Vacating], mono_s: float) -> Iterator[tuple[str, str]]:
        """Yield the instances that have surely ended by their leases, and on which nodes."""
        for one in vacating:
            for place in one.places:
                end = self.end(one.instance, place)
                if end is not None and mono_s >= end:
                    yield one.instance, place.node

    def sweep(self, mono_s: float) -> None:
        """Forget what is over, now and then."""
        if mono_s - self._swept < SWEEP_S:
            return
        self._swept = mono_s
        self._ends = {
            node: left
            for node, ends in self._ends.items()
            if (left := {name: end for name, end in ends.items() if end > mono_s})
        }
