"""What nodes themselves refuse: the policy of each box, judged by the executor's own rules. Pure.

A box tells its policy with its hardware; one that told none is not judged here, and may still
refuse what it is ordered. Nobody here can follow a box's symbolic links but those of the folders
that its policy allows: of all others the box has the last word.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Workload
from skerry_hub.placement.policy_field import POLICY, Values, policy_in, told_policies
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.running_limits import RunningLimits, running_limits_of, sums_of
from skerry_hub.placement.world import World
from skerry_wire.box_policy import BoxPolicy, reasons, total_reasons
from skerry_wire.workload import Container

NAME = "node policy"
_as_written = str
"""Stands for following links, of which there are none here."""


@dataclasses.dataclass(frozen=True, slots=True)
class WithinPolicy:
    """A node whose policy allows every container; when it no longer does, what is there leaves.

    Where its file cannot be used, nothing new comes, and nothing leaves.
    """

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
            if policy.trouble:  # nobody knows what it allows: what is there stays
                yield Refusal(policy.trouble, is_unknown=True)
                return
            yield from (Refusal(f"the box's policy: {one}") for one in self._against(policy))

    def _allows(self, values: Values) -> bool:
        policy = policy_in(values)
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
    running: RunningLimits
    is_as_kept: bool
    name: str = NAME

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        found = self.running.allowed(sums_of(self.workload.containers), rows)
        if not self.is_as_kept:
            # Its own instances count as it is here.
            own = {one.node for one in columns.instances_of(self.workload.name).values()}
            for at in np.flatnonzero(np.isin(rows, _rows_of(columns, own))).tolist():
                found[at] = not any(True for _ in self.refusals(columns, int(rows[at])))
        return found

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
    told = told_policies(world.columns)
    found: list[WithinPolicy | WithinLimits] = []
    if told.any_policy:
        asked = tuple(map(_judged, workload.containers))
        found.append(WithinPolicy(workload.containers, asked))
    if told.any_limits:
        running = running_limits_of(world)
        is_as_kept = has_limits_as_kept(world, workload)
        found.append(WithinLimits(workload, world.workloads, running, is_as_kept))
    return found


def asked_of_policies(columns: Columns, workload: Workload) -> Hashable:
    """Return what nodes' policies judge a workload by; None while no node told one."""
    return tuple(map(_judged, workload.containers)) if told_policies(columns).any_policy else None


def has_told_policies(columns: Columns) -> bool:
    """Say whether a node ever told a policy."""
    return told_policies(columns).any_policy


def limits_told(world: World) -> int | None:
    """Return what changes with the limits of what runs; None while no node limits that."""
    return running_limits_of(world).epoch if told_policies(world.columns).any_limits else None


def has_limits_as_kept(world: World, workload: Workload) -> bool:
    """Say whether what runs of a workload counts by the same containers as what is asked for."""
    kept = world.workloads.get(workload.name)
    return kept is not None and kept.containers == workload.containers


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
        container.cdi_devices,
        container.ports,
        container.cpu_limit_milli,
        container.memory_limit_bytes,
    )


def _rows_of(columns: Columns, nodes: Iterable[str]) -> Rows:
    found = [row for node in nodes if (row := columns.row(node)) is not None]
    return np.array(found, dtype=np.intp)


def _policy_on(columns: Columns, row: int) -> BoxPolicy | None:
    try:
        hardware = columns.facts(row).hardware
    except LookupError:
        return None  # a row without a node, which masks may be asked of
    return hardware.policy if hardware is not None else None
