"""What the hub's policies require of the place of every workload that they select. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.documents import Policy
from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Workload
from skerry_hub.placement.clauses import clauses_of
from skerry_hub.placement.expression import Expression
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.world import World
from skerry_hub.policies import is_about


@dataclasses.dataclass(frozen=True, slots=True)
class Governed:
    """One expression of a policy; an instance that is there leaves when it no longer holds."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = False
    name: str
    expression: Expression

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return self.expression.over(columns, rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what the node has instead."""
        yield from self.expression.refusals(columns.facts(row))


@dataclasses.dataclass(frozen=True, slots=True)
class Forbidden:
    """What a policy refuses wherever it would be: nothing new is placed."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = False
    name: str
    why: str

    def mask(self, columns: Columns, rows: Rows) -> Mask:  # noqa: ARG002 - as every constraint
        """Say that none passes."""
        return np.zeros(len(rows), dtype=np.bool_)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:  # noqa: ARG002
        """Give why."""
        yield Refusal(self.why)


def governed_of(world: World, workload: Workload) -> list[Governed | Forbidden]:
    """Return what the policies for a workload require of a node."""
    return [need for policy in policies_of(world, workload) for need in _needs(policy, workload)]


def policies_of(world: World, workload: Workload) -> list[Policy]:
    """Return the policies that are about a workload, by name."""
    return [policy for policy in world.rules.policies if is_about(policy, workload)]


def _needs(policy: Policy, workload: Workload) -> Iterator[Governed | Forbidden]:
    for offence in offences(policy, workload):
        yield Forbidden(f"policy {policy.name}", offence.why)
    for clause in clauses_of(policy):
        if clause.expression is None:
            yield Forbidden(clause.name, clause.why)
        else:
            yield Governed(clause.name, clause.expression)


@dataclasses.dataclass(frozen=True, slots=True)
class Offence:
    """What a policy does not allow, by the workload's field."""

    field: str
    why: str


def offences(policy: Policy, workload: Workload) -> Iterator[Offence]:
    """Give what a workload itself has that a policy does not allow, whatever its node."""
    for index, container in enumerate(workload.containers):
        if policy.registries and not container.image.startswith(policy.registries):
            allowed = " or ".join(policy.registries)
            why = f"image {container.image} is not from {allowed}"
            yield Offence(f"containers[{index}].image", why)
    priority = workload.placement.priority
    if policy.max_priority is not None and priority > policy.max_priority:
        yield Offence("placement.priority", f"priority {priority} is over {policy.max_priority}")
