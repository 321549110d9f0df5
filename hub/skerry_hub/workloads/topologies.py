"""The keys of `x-placement` that speak of domains: affinity, spread, at most so many. Pure."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from skerry_hub.terms import Affinity, AtMost, Spread
from skerry_hub.workloads import others
from skerry_hub.workloads.keys import PREFERENCE
from skerry_hub.workloads.others import Siblings
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Placed,
    Reader,
    Section,
    Value,
    attempt,
    choice,
    entries,
    parsed,
    whole,
)
from skerry_hub.workloads.x_placement_keys import AFFINITY, SPREAD

DEFAULT_WEIGHT = 50
"""Of a wish to which no weight is given; the same as Nomad's."""

MOST_INSTANCES = 1_000_000

weight = whole(1, 100)
_LABELS = "node.labels."
_MUST: Mapping[str, bool] = {"DoNotSchedule": True, "ScheduleAnyway": False}


def affinity(siblings: Siblings, *, anti: bool) -> Reader[Affinity]:
    """Read one affinity, or its opposite."""

    def read(value: Value) -> Affinity:
        section = Section(value, AFFINITY)
        if ("workload" in section) is ("selector" in section):
            raise RefusedError("must have one of the keys workload, selector")
        named = functools.partial(others.workload, siblings=siblings)
        return Affinity(
            workload=section.get("workload", parsed(named), ""),
            selector=section.get("selector", parsed(others.selector), ""),
            topology=section.get("topology", parsed(others.topology), "node"),
            anti=anti,
            weight=section.get("weight", weight, None),
        )

    return read


def spread(value: Value) -> Spread:
    """Read one spread, as Kubernetes' topologySpreadConstraints."""
    section = Section(value, SPREAD)
    weighed = section.get("weight", weight, None)
    must = section.get("whenUnsatisfiable", choice(_MUST), "weight" not in section)
    if must and "weight" in section:
        section.refuse("weight", "makes a wish of it, which DoNotSchedule is not: remove one")
    return Spread(
        topology=section.need("topology", parsed(others.topology), "node"),
        max_skew=section.get("maxSkew", whole(1, MOST_INSTANCES), 1),
        weight=None if must else weighed or DEFAULT_WEIGHT,
        weights=section.get("weights", _weights, {}),
    )


def _weights(value: Value) -> dict[str, int]:
    found = {name: attempt(entry, whole(1, 1000)) for name, entry in entries(value)}
    return {name: one for name, one in found.items() if one is not None}


def max_per(value: Value) -> tuple[Placed[AtMost], ...]:
    """Read the most instances of each topology: `{node: 1, site: 3}`."""
    found = []
    for name, entry in entries(value):
        read = functools.partial(_at_most, name=name)
        one = attempt(entry, read)
        if one is not None:
            found.append((entry, one))
    return tuple(found)


def _at_most(value: Value, name: str) -> AtMost:
    return AtMost(topology=others.topology(name), count=whole(1, MOST_INSTANCES)(value))


def per_node(value: Value) -> Placed[AtMost]:
    """Read `deploy.placement.max_replicas_per_node`."""
    return value, _at_most(value, "node")


def preference(value: Value) -> Spread:
    """Read one item of `deploy.placement.preferences`, a wish as Swarm has it."""
    section = Section(value, PREFERENCE)
    topology = section.need("spread", parsed(_preferred), "node")
    return Spread(topology=topology, weight=DEFAULT_WEIGHT)


def _preferred(written: str) -> str:
    if not written.startswith(_LABELS):
        raise RefusedError(f"{short(written)} is not {_LABELS}<label>")
    return others.topology(written.removeprefix(_LABELS))
