"""What nodes themselves refuse: the policy of each box, judged by the executor's own rules. Pure.

A box tells its policy with its hardware; one that told none is not judged here, and may still
refuse what it is ordered. Nobody here can follow a box's symbolic links but those of the folders
that its policy allows: of all others the box has the last word.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import HARDWARE, Field, Kind
from skerry_hub.model import Workload
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.world import World
from skerry_wire.box_policy import BoxPolicy, reasons, total_reasons
from skerry_wire.workload import Container

POLICY = Field(f"{HARDWARE}policy", Kind.RECORD, steps=("policy",))
"""The whole policy as one value, which no expression can name."""

NAME = "node policy"
_NO_ROWS: Rows = np.zeros(0, dtype=np.intp)
_SEEN = ("node policy",)

Values = tuple[Any, ...]
"""A policy, or None, or nothing: the value of the one field on one node."""

_as_written = str
"""Stands for following links, of which there are none here."""


@dataclasses.dataclass(frozen=True, slots=True)
class WithinPolicy:
    """A node whose policy allows every container; when it no longer does, what is there leaves."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    containers: tuple[Container, ...]
    asked: Hashable
    name: str = NAME

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.told(POLICY).holding((NAME, self.asked), self._allows, rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what the policy has against each container, as the executor would say it."""
        policy = _policy_on(columns, row)
        if policy is not None:
            yield from (Refusal(f"the box's policy: {one}") for one in self._against(policy))

    def _allows(self, values: Values) -> bool:
        policy = _only(values)
        return policy is None or not any(True for _ in self._against(policy))

    def _against(self, policy: BoxPolicy) -> Iterator[str]:
        for container in self.containers:
            named = f"{container.name}: " if len(self.containers) > 1 else ""
            for reason in reasons(container, policy, _as_written):
                yield f"{named}{reason}"


@dataclasses.dataclass(frozen=True, slots=True)
class WithinLimits:
    """A node whose policy's limits leave enough for what runs there and this workload too."""

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    workload: Workload
    others: Mapping[str, Workload]
    name: str = NAME

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        told = columns.told(POLICY)
        asked = tuple((c.cpu_limit_milli, c.memory_limit_bytes) for c in self.workload.containers)
        passing: Mask = told.holding((NAME, "alone", asked), self._fits_alone, rows)
        limited = told.holding((NAME, "limited"), _has_limits, rows)
        # Where nothing runs that is all; the others are asked one by one.
        shared = passing & limited & (columns.instances(rows) > 0)
        for at in np.flatnonzero(shared).tolist():
            passing[at] = not any(True for _ in self.refusals(columns, int(rows[at])))
        return passing

    def _fits_alone(self, values: Values) -> bool:
        policy = _only(values)
        return policy is None or not any(
            True for _ in total_reasons(self.workload.containers, policy)
        )

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what the limits have against all containers together, as the executor would."""
        policy = _policy_on(columns, row)
        if policy is None or not policy.has_limits:
            return
        own = self.workload.containers
        # Who would be too much for an empty box does not wait until others leave.
        is_shortage = not any(True for _ in total_reasons(own, policy))
        together = [*own, *self._running(columns, row)]
        for reason in total_reasons(together, policy):
            yield Refusal(f"the box's policy: {reason}", is_shortage=is_shortage)

    def _running(self, columns: Columns, row: int) -> Iterator[Container]:
        """Give the containers on a node as its next order would have them."""
        for one in columns.assigned(columns.facts(row).id):
            mine = one.workload == self.workload.name
            found = self.workload if mine else self.others.get(one.workload)
            if found is not None:
                yield from found.containers


def within_policy_of(world: World, workload: Workload) -> list[WithinPolicy | WithinLimits]:
    """Return what a workload requires of a node's own policy; nothing while no node told one."""
    told = _told(world.columns)
    found: list[WithinPolicy | WithinLimits] = []
    if told.any_policy:
        asked = tuple(map(_judged, workload.containers))
        found.append(WithinPolicy(workload.containers, asked))
    if told.any_limits:
        found.append(WithinLimits(workload, world.workloads))
    return found


def asked_of_policies(columns: Columns, workload: Workload) -> Hashable:
    """Return what nodes' policies judge a workload by; None while no node told one."""
    return tuple(map(_judged, workload.containers)) if _told(columns).any_policy else None


def has_told_policies(columns: Columns) -> bool:
    """Say whether a node ever told a policy."""
    return _told(columns).any_policy


def has_told_limits(columns: Columns) -> bool:
    """Say whether a node limits all its containers together: what others run there counts then."""
    return _told(columns).any_limits


def _judged(container: Container) -> Hashable:
    """Return all of a container that a policy looks at, and what the reasons name."""
    return (
        container.name,
        container.image,
        container.privileged,
        container.network,
        container.pid,
        container.ipc,
        container.cap_add,
        container.mounts,
        container.devices,
        container.ports,
        container.cpu_limit_milli,
        container.memory_limit_bytes,
    )


def _only(values: Values) -> BoxPolicy | None:
    found = values[0] if values else None
    return found if isinstance(found, BoxPolicy) else None


def _has_limits(values: Values) -> bool:
    policy = _only(values)
    return policy is not None and policy.has_limits


def _policy_on(columns: Columns, row: int) -> BoxPolicy | None:
    try:
        hardware = columns.facts(row).hardware
    except LookupError:
        return None  # a row without a node, which masks may be asked of
    return hardware.policy if hardware is not None else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Told:
    """What is known of the policies that were ever told; `values` are those, `seen` so many."""

    values: list[Values]
    seen: int = 0
    any_policy: bool = False
    any_limits: bool = False


def _told(columns: Columns) -> _Told:
    """Look at the policies that came since the last time."""
    told = columns.told(POLICY)
    told.codes(_NO_ROWS)
    values: list[Values] = told.values
    before = columns.boards.get(_SEEN)
    if not isinstance(before, _Told) or before.values is not values:
        before = _Told(values)
    if before.seen == len(values):
        return before
    new = values[before.seen :]
    after = _Told(
        values,
        len(values),
        before.any_policy or any(_only(one) is not None for one in new),
        before.any_limits or any(map(_has_limits, new)),
    )
    columns.boards[_SEEN] = after
    return after
