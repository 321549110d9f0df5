"""The key `x-placement` of a service and of its `deploy`: what compose has no word for. Pure.

Both say one thing together: lists are joined, and what has one value has the same at both places.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from skerry_hub.model import Effect, Toleration
from skerry_hub.placement.effort import Effort
from skerry_hub.terms import (
    ANYWHERE,
    Affinity,
    AtMost,
    Cost,
    DeviceRequest,
    Placement,
    Spread,
)
from skerry_hub.workloads import others
from skerry_hub.workloads.cost import cost, data
from skerry_hub.workloads.device_requests import x_devices
from skerry_hub.workloads.expressions import Written, expressions
from skerry_hub.workloads.latency import latency, traffic
from skerry_hub.workloads.others import Siblings
from skerry_hub.workloads.platforms import platforms
from skerry_hub.workloads.problems import RefusedError
from skerry_hub.workloads.reading import (
    Placed,
    Reader,
    Section,
    Value,
    attempt,
    choice,
    differing,
    listed,
    once,
    parsed,
    placed,
    text,
    whole,
)
from skerry_hub.workloads.topologies import affinity, max_per, spread
from skerry_hub.workloads.x_placement_keys import TOLERATION, X_PLACEMENT
from skerry_wire.labels import wrong_key, wrong_value

T = TypeVar("T")
D = TypeVar("D")
Operator = Literal["Exists", "Equal"]
Strategy = Literal["spread", "pack"]
Numa = Literal["single"]
Preemption = Literal["LowerPriority", "Never"]

MOST_PRIORITY = 1_000_000_000
_OPERATORS: Mapping[str, Operator] = {"Exists": "Exists", "Equal": "Equal"}
_EFFECTS: Mapping[str, Effect] = {
    "NoSchedule": "NoSchedule",
    "PreferNoSchedule": "PreferNoSchedule",
    "NoExecute": "NoExecute",
}
_STRATEGIES: Mapping[str, Strategy] = {"spread": "spread", "pack": "pack"}
_NO_STRATEGIES = {
    "binpack": "write pack",
    "LeastAllocated": "write spread",
    "MostAllocated": "write pack",
}
_NUMAS: Mapping[str, Numa] = {"single": "single"}
NO_DEVICES = "is about devices, and none are asked for"
_NO_NUMAS = {"single-numa-node": "write single"}
_PREEMPTIONS: Mapping[str, Preemption] = {"LowerPriority": "LowerPriority", "Never": "Never"}
_NO_PREEMPTIONS = {"PreemptLowerPriority": "write LowerPriority"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What compose's own `deploy.placement` says that `x-placement` has words for too."""

    at_most: tuple[Placed[AtMost], ...] = ()
    spread: tuple[Placed[Spread], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class XPlacement:
    """What the keys say. Where contradictions with other keys are told, it knows the places."""

    expressions: tuple[Written, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    devices: tuple[DeviceRequest, ...] = ()
    at_most: tuple[Placed[AtMost], ...] = ()
    affinity: tuple[Placed[Affinity], ...] = ()
    priority: Value | None = None
    """Where it stands."""
    placement: Placement = ANYWHERE


def x_placement(
    values: Iterable[Value], siblings: Siblings, standard: Standard, within: Effort
) -> XPlacement:
    """Read the keys `x-placement` of one service, those of `deploy` first.

    `within`: what looking for contradictions may spend.
    """
    read = (
        attempt(one, lambda value: Section(value, X_PLACEMENT, empty_ok=True)) for one in values
    )
    sections = [section for section in read if section is not None]
    affinities = (
        *_joined(sections, "affinity", placed(affinity(siblings, anti=False))),
        *_joined(sections, "antiAffinity", placed(affinity(siblings, anti=True))),
    )
    at_most = _limits((*standard.at_most, *_joined(sections, "maxPer", max_per)))
    return XPlacement(
        expressions=(
            *_joined(sections, "constraints", expressions),
            *_joined(sections, "platforms", platforms),
        ),
        tolerations=_joined(sections, "tolerations", listed(toleration)),
        devices=_joined(sections, "devices", x_devices(within)),
        at_most=at_most,
        affinity=affinities,
        priority=next(filter(None, (one.at("priority") for one in sections)), None),
        placement=Placement(
            strategy=_same(sections, "strategy", choice(_STRATEGIES, _NO_STRATEGIES), ""),
            numa=_same(sections, "numa", choice(_NUMAS, _NO_NUMAS), ""),
            affinity=once(affinities, _other, "asked for"),
            spread=once(
                (*standard.spread, *_joined(sections, "spread", placed(spread))),
                lambda one: one.topology,
                "over this topology",
            ),
            at_most=tuple(one for _, one in at_most),
            latency=once(
                _joined(sections, "latency", placed(latency(siblings))),
                lambda one: (one.to, one.name),
                "to this place",
            ),
            traffic=once(
                _joined(sections, "traffic", placed(traffic(siblings))),
                lambda one: (one.environment, one.workload),
                "to the same",
            ),
            cost=_same(sections, "cost", cost, Cost()),
            data=once(
                _joined(sections, "data", placed(data)), lambda one: one.dataset, "the same dataset"
            ),
            priority=_same(sections, "priority", whole(-MOST_PRIORITY, MOST_PRIORITY), 0),
            preemption=_same(
                sections, "preemption", choice(_PREEMPTIONS, _NO_PREEMPTIONS), "LowerPriority"
            ),
            gang=_same(sections, "gang", parsed(others.name), ""),
        ),
    )


def _joined(sections: Sequence[Section], key: str, read: Reader[tuple[T, ...]]) -> tuple[T, ...]:
    """Return a list that may be said at several places, in their order."""
    return tuple(one for section in sections for one in section.get(key, read, ()))


def _same(sections: Sequence[Section], key: str, read: Reader[T], default: D) -> T | D:
    """Return what may be said at several places; where it is, they must say the same."""
    found: T | None = None
    before: Value | None = None
    for section in sections:
        one, place = section.get(key, read, None), section.at(key)
        if one is None or place is None:
            continue
        if before is None:
            found, before = one, place
        elif one != found:
            place.refuse(differing(place, before))
    return default if found is None else found


def _other(one: Affinity) -> Hashable:
    return one.workload, one.selector, one.topology, one.anti


def _limits(found: Iterable[Placed[AtMost]]) -> tuple[Placed[AtMost], ...]:
    """Return one limit a topology; who says it twice must say the same."""
    first: dict[str, Placed[AtMost]] = {}
    for value, one in found:
        before, other = first.setdefault(one.topology, (value, one))
        if other != one:
            value.refuse(differing(value, before))
    return tuple(first.values())


def toleration(value: Value) -> Toleration:
    """Read one toleration, as Kubernetes writes it."""
    section = Section(value, TOLERATION)
    operator: Operator = section.get("operator", choice(_OPERATORS), "Equal")
    found = Toleration(
        key=section.get("key", parsed(_key), ""),
        operator=operator,
        value=section.get("value", text, ""),
        effect=section.get("effect", choice(_EFFECTS, {}), None),
    )
    wrong = wrong_toleration(found) if "key" not in section or found.key else None
    if wrong is not None and wrong[0] in section:
        section.refuse(*wrong)
    elif wrong is not None:
        raise RefusedError(wrong[1])
    return found


def wrong_toleration(one: Toleration) -> tuple[str, str] | None:
    """Return the field of a toleration that is wrong, and why; None where none is."""
    if one.operator == "Exists" and one.value:
        return "value", "is not for operator: Exists, which bears every value"
    if one.operator == "Equal" and not one.key:
        return "key", "has no key: name one, or tolerate every taint with operator: Exists"
    reason = wrong_key(one.key) if one.key else None
    if reason is not None:
        return "key", reason
    reason = wrong_value(one.key, one.value)
    return None if reason is None else ("value", reason)


def _key(written: str) -> str:
    reason = wrong_key(written)
    if reason is not None:
        raise RefusedError(reason)
    return written
