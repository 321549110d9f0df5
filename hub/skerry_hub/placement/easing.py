"""EASINGS: what would have to be asked for instead, so that one node passes a constraint. Pure.

Each is told as what to do. Most change the workload, and it is said how; some change a document,
the node or another workload, or are a matter of time. A constraint that `gives_way` has a line in
the table, or is an amount.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Facts, Resource
from skerry_hub.fleet.fields import LABEL
from skerry_hub.fleet.fields import Kind as FieldKind
from skerry_hub.model import UNSCHEDULABLE, Taint, Toleration, Workload
from skerry_hub.placement.amounts import FIELDS, down, up
from skerry_hub.placement.constraints import Enough, Field, FreePorts, Requirement
from skerry_hub.placement.cost import MICRO, Affordable, Costs, money
from skerry_hub.placement.data import DataNear, transfer_s
from skerry_hub.placement.device_needs import DeviceNeeds
from skerry_hub.placement.device_paths import HasPath
from skerry_hub.placement.expressed import Expressed
from skerry_hub.placement.expression import Comparison, number
from skerry_hub.placement.maintenance import Maintenance
from skerry_hub.placement.nearness import Within
from skerry_hub.placement.node_policy import WithinLimits, WithinPolicy
from skerry_hub.placement.operators import ORDERING, Operator
from skerry_hub.placement.port_easing import eased_ports
from skerry_hub.placement.quotas import Budget
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.placement.reservations import Unreserved
from skerry_hub.placement.runtime_limits import WithinRuntime
from skerry_hub.placement.taints import Taints
from skerry_hub.placement.world import World
from skerry_hub.terms import DataNeed


@dataclasses.dataclass(frozen=True, slots=True)
class Easing:
    """One change by which a node passes some constraints.

    `workload` is it as it would be asked for; None where it is not the workload that changes.
    `needs` are required instead, beside amounts; of what is dropped, nothing.
    """

    texts: tuple[str, ...]
    workload: Workload | None
    needs: tuple[Requirement, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Spot:
    """The node that is to pass, and what is asked of it now.

    `way` is which of the ways is told to give up something of devices, the least first.
    """

    world: World
    row: int
    workload: Workload
    way: int = 0

    @property
    def columns(self) -> Columns:
        """The fleet."""
        return self.world.columns

    @property
    def facts(self) -> Facts:
        """What is known of the node."""
        return self.columns.facts(self.row)

    def why(self, need: Requirement) -> str:
        """Return the node and its reasons: `(box-7: site is "b", not "a")`."""
        reasons = "; ".join(one.text for one in need.refusals(self.columns, self.row))
        return f"({self.facts.known_as}: {reasons})"

    def asking(self, **changes: Any) -> Workload:
        """Return the workload with other resources."""
        changed = dataclasses.replace(self.workload.resources, **changes)
        return dataclasses.replace(self.workload, resources=changed)

    def placed(self, **changes: Any) -> Workload:
        """Return the workload with another placement."""
        changed = dataclasses.replace(self.workload.placement, **changes)
        return dataclasses.replace(self.workload, placement=changed)


# --- amounts ------------------------------------------------------------------------------


def amounts(spot: Spot, needs: Iterable[Requirement], budgets: Iterable[Budget]) -> list[Easing]:
    """Return what may be asked for of each amount that the node, or a quota, has not enough of."""
    short: dict[Resource, _Short] = {}
    for need in needs:
        if isinstance(need, Enough):
            left, other = spot.columns.free_on(need.resource, spot.row), ""
        elif isinstance(need, Unreserved):
            names = ", ".join(one.reservation.name for one in need.kept)
            left = need.left(spot.columns, spot.row)
            other = f"change reservation {names}, which keeps the rest for others"
        else:
            continue
        short.setdefault(need.resource, _Short()).add(left, other)
    for budget in budgets:
        for resource, left in budget.short_amounts.items():
            other = f"raise the quota of policy {budget.policy}"
            short.setdefault(resource, _Short()).add(left, other)
    found = []
    for resource, one in short.items():
        easing = one.easing(spot, resource)
        spot = dataclasses.replace(spot, workload=easing.workload or spot.workload)
        found.append(easing)
    return found


class _Short:
    """How much is left of an amount, by the strictest of those that look at it."""

    def __init__(self) -> None:
        self._left: list[int] = []
        self._others: list[str] = []

    def add(self, left: int, other: str) -> None:
        """Count one of them; `other` is what may be changed in place of the workload."""
        self._left.append(left)
        self._others += [other] if other else []

    def easing(self, spot: Spot, resource: Resource) -> Easing:
        """Return what is left as what is asked for."""
        name, field = resource.name.lower(), FIELDS[resource]
        most = max(0, min(self._left))
        less = up(resource, getattr(spot.workload.resources, field) - most)
        ask = f"ask for at most {down(resource, most)} {name}" if most else f"ask for no {name}"
        return Easing(
            (" or ".join((f"{ask} ({less} less)", *self._others)),), spot.asking(**{field: most})
        )


# --- constraints of the workload ------------------------------------------------------------


def _field(spot: Spot, need: Field) -> Easing:
    told = spot.facts.value(need.constraint.key)
    left = tuple(one for one in spot.workload.constraints if one != need.constraint)
    text = f"drop constraint {need.name} {_having(spot, need.constraint.key, told)}"
    return Easing((text,), dataclasses.replace(spot.workload, constraints=left))


def _having(spot: Spot, key: str, told: str | None) -> str:
    """Return what a node has of a field: `(box-7 has site=b)`."""
    name = key.removeprefix(LABEL).removeprefix("node.")
    has = f"has no {name}" if told is None else f"has {name}={told}"
    return f"({spot.facts.known_as} {has})"


def _expressed(spot: Spot, need: Expressed) -> Easing:
    nearer = _nearer(spot, need)
    asked = tuple(
        nearer.name if nearer is not None and _is(text, need) else text
        for text in spot.workload.expressions
        if nearer is not None or not _is(text, need)
    )
    changed = dataclasses.replace(spot.workload, expressions=asked)
    if nearer is not None:
        return Easing((f"ask for {nearer.name} instead of {need.name}",), changed, (nearer,))
    test = need.expression
    told = spot.why(need)
    if isinstance(test, Comparison) and test.field.kind is FieldKind.LABEL:
        values = test.field.values(spot.facts)
        told = _having(spot, test.field.path, str(values[0]) if values else None)
    return Easing((f"drop constraint {need.name} {told}",), changed)


def _is(text: str, need: Expressed) -> bool:
    try:
        return expression(text) == need.expression
    except ExpressionError:
        return False  # of another version of the hub


def _nearer(spot: Spot, need: Expressed) -> Expressed | None:
    """Return the same limit as far as the node keeps it; None where that is no number."""
    test = need.expression
    if not isinstance(test, Comparison) or test.operator not in ORDERING:
        return None
    is_least = test.operator in (Operator.MORE, Operator.AT_LEAST)
    sign = Operator.AT_LEAST if is_least else Operator.AT_MOST
    for value in _nearest(test, spot.facts, is_least=is_least):
        text = f"{test.field.path} {sign} {value}"
        try:
            found = expression(text)
        except ExpressionError:
            continue
        if found.holds(spot.facts):
            return Expressed(text, found)
    return None


def _nearest(test: Comparison, facts: Facts, *, is_least: bool) -> list[str]:
    """Return the node's nearest number in the ways in which it may be written, the best first."""
    found = [str(one) for one in test.field.values(facts) if not isinstance(one, bool)]
    numbers = [text for text in found if number(text) is not None]
    if not numbers:
        return []
    nearest = (max if is_least else min)(numbers, key=float)
    if test.field.kind is not FieldKind.BYTES:
        return [nearest]
    rounded = (down if is_least else up)(Resource.MEMORY, int(nearest))
    return [rounded.replace(" ", ""), nearest]


def _ports(spot: Spot, need: FreePorts) -> Easing:
    found = eased_ports(spot.columns, spot.row, spot.workload.name, need)
    return Easing(found.texts, spot.asking(ports=found.ports), found.needs)


def _devices(spot: Spot, need: DeviceNeeds) -> Easing | None:
    ways = need.eased(spot.columns, spot.row)
    if not ways:
        return None
    found = ways[min(spot.way, len(ways) - 1)]
    changed = spot.asking(devices=found.requests)
    if need.single_numa and not found.single_numa:
        placement = dataclasses.replace(changed.placement, numa="")
        changed = dataclasses.replace(changed, placement=placement)
    *first, last = found.changes
    rest = DeviceNeeds(found.requests, single_numa=found.single_numa)
    return Easing((*first, f"{last} {spot.why(need)}"), changed, (rest,) if rest.requests else ())


def _path(spot: Spot, need: HasPath) -> Easing:
    containers = tuple(
        dataclasses.replace(
            one,
            devices=tuple(device for device in one.devices if device.host != need.path),
            cdi_devices=tuple(name for name in one.cdi_devices if name != need.path),
        )
        for one in spot.workload.containers
    )
    changed = dataclasses.replace(spot.workload, containers=containers)
    return Easing((f"drop device {need.path} {spot.why(need)}",), changed)


def _taints(spot: Spot, need: Taints) -> Easing:
    against = list(need.untolerated(spot.facts.taints))
    borne = tuple(Toleration(key=one.key, value=one.value, effect=one.effect) for one in against)
    tolerations = (*spot.workload.tolerations, *borne)
    return Easing(
        tuple(_tolerated(spot, one) for one in against),
        dataclasses.replace(spot.workload, tolerations=tolerations),
        (type(need)((*need.tolerations, *borne)),),
    )


def _tolerated(spot: Spot, taint: Taint) -> str:
    text = f"tolerate the taint {taint}"
    return f"uncordon {spot.facts.known_as} or {text}" if taint.key == UNSCHEDULABLE else text


# --- limits of the placement ----------------------------------------------------------------


def _within(spot: Spot, need: Within) -> Easing:
    ms = need.ms_of(spot.columns, spot.row)
    limit = None if ms is None else math.ceil(ms * 10) / 10
    if limit is not None and ms is not None and limit < ms:
        limit = ms
    terms = [
        dataclasses.replace(one, max_ms=limit) if one == need.term else one
        for one in spot.workload.placement.latency
    ]
    # Without its limit, what has no weight asks for nothing.
    left = tuple(one for one in terms if one.max_ms is not None or one.weight is not None)
    if limit is None:
        text = f"drop the limit on the latency to {need.place} {spot.why(need)}"
        return Easing((text,), spot.placed(latency=left))
    more = f"{limit - need.max_ms:.4g} ms more"
    return Easing(
        (f"allow {limit:.12g} ms of latency to {need.place} ({more})",),
        spot.placed(latency=left),
        (dataclasses.replace(need, max_ms=limit),),
    )


def _cost(spot: Spot, need: Affordable) -> Easing:
    # Less may be asked for already: that is cheaper.
    need = Affordable(Costs(spot.world, spot.workload), need.most)
    cost = need.cost_of(spot.columns, spot.row)
    if cost <= need.most:
        return Easing((), spot.workload, (need,))
    asked = dataclasses.replace(spot.workload.placement.cost, max_per_hour=cost / MICRO)
    return Easing(
        (f"allow a cost of {money(cost)} an hour ({money(cost - need.most)} more)",),
        spot.placed(cost=asked),
        (dataclasses.replace(need, most=cost),),
    )


def _data(spot: Spot, need: DataNear) -> Easing:
    dataset, asked = need.dataset, need.need
    if dataset is None:
        others = tuple(one for one in spot.workload.placement.data if one != asked)
        text = f"drop data {asked.dataset} or add the dataset {asked.dataset}"
        return Easing((text,), spot.placed(data=others))
    took = math.ceil(transfer_s(dataset))
    most = asked.max_transfer_s
    moved = DataNeed(
        dataset=asked.dataset,
        max_transfer_s=most if most is None else max(most, float(took)),
        weight=asked.weight,
    )
    every = tuple(moved if one == asked else one for one in spot.workload.placement.data)
    return Easing(
        (f"let dataset {asked.dataset} be moved to {spot.facts.known_as}, {took} s on its way",),
        spot.placed(data=every),
        (dataclasses.replace(need, need=moved),),
    )


# --- what others have to change -------------------------------------------------------------


def _policy(spot: Spot, need: WithinPolicy | WithinLimits) -> Easing:
    texts = [one.text.partition(": ")[2] for one in need.refusals(spot.columns, spot.row)]
    either = f"change the workload or the policy.toml of {spot.facts.known_as}"
    return Easing(tuple(f"{either}: {text}" for text in texts), None)


def _runtime(spot: Spot, need: WithinRuntime) -> Easing:
    host = spot.facts.known_as
    texts = [one.text.partition(": ")[2] for one in need.refusals(spot.columns, spot.row)]
    return Easing((f"change the workload or the runtime of {host}: {'; '.join(texts)}",), None)


def _maintenance(spot: Spot, need: Maintenance) -> Easing:
    minute = math.ceil(need.until / 60) * 60
    until = f"{datetime.datetime.fromtimestamp(minute, datetime.UTC):%Y-%m-%d %H:%M}"
    host = spot.facts.known_as
    return Easing((f"wait until {until} UTC, when {need.name} of {host} ends",), None)


EASINGS: Mapping[type, Callable[[Spot, Any], Easing | None]] = {
    Field: _field,
    Expressed: _expressed,
    FreePorts: _ports,
    DeviceNeeds: _devices,
    HasPath: _path,
    Taints: _taints,
    Within: _within,
    Affordable: _cost,
    DataNear: _data,
    WithinPolicy: _policy,
    WithinLimits: _policy,
    WithinRuntime: _runtime,
    Maintenance: _maintenance,
}
"""By the kind of constraint; amounts are looked at together."""
AMOUNTS = (Enough, Unreserved)


def eased(spot: Spot, need: Requirement) -> Easing | None:
    """Return the change by which a node passes a constraint; None where nothing gives way."""
    for kind in type(need).__mro__:
        if kind in EASINGS:
            return EASINGS[kind](spot, need)
    return None


def all_eased(
    spot: Spot, needs: Sequence[Requirement], budgets: Sequence[Budget]
) -> list[Easing] | None:
    """Return the changes by which a node passes all of these; None where one gives no way.

    Each is of the workload as those before it left it.
    """
    found = amounts(spot, needs, budgets)
    asked = found[-1].workload if found else None
    found += [Easing((text,), None) for one in budgets if (text := one.raised(spot.row))]
    for need in needs:
        if isinstance(need, AMOUNTS):
            continue
        spot = dataclasses.replace(spot, workload=asked or spot.workload)
        easing = eased(spot, need)
        if easing is None:
            return None
        found.append(easing)
        asked = easing.workload
    return found
