"""What the hub's policies require of the place of every workload that they select. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.documents import Policy
from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import LABEL, field
from skerry_hub.model import Workload
from skerry_hub.placement.expression import AnyOf, Comparison, Expression, Not
from skerry_hub.placement.operators import Operator
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.world import World
from skerry_hub.policies import is_about
from skerry_hub.terms import NODE


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
    for why in offences(policy, workload):
        yield Forbidden(f"policy {policy.name}", why)
    for text in policy.required:
        yield _governed(policy, text)
    for text in policy.forbidden:
        yield _governed(policy, text, forbidden=True)
    for topology, domains in sorted(policy.residency.items()):
        yield Governed(f"policy {policy.name}: residency", _within(topology, domains))


def _within(topology: str, domains: tuple[str, ...]) -> Expression:
    """Return that a node is in one of some domains; a node is known by its id or hostname."""
    if topology != NODE:
        return Comparison(field(f"{LABEL}{topology}"), Operator.IN, domains, domains)
    paths = ("node.id", "node.hostname")
    return AnyOf(tuple(Comparison(field(path), Operator.IN, domains, domains) for path in paths))


def _governed(policy: Policy, text: str, *, forbidden: bool = False) -> Governed | Forbidden:
    name = f"policy {policy.name}: {'not ' if forbidden else ''}{text}"
    try:
        found = expression(text)
    except ExpressionError as error:
        return Forbidden(name, f"this hub cannot read the expression: {error}")
    return Governed(name, Not(found) if forbidden else found)


def offences(policy: Policy, workload: Workload) -> Iterator[str]:
    """Give what a workload itself has that a policy does not allow, whatever its node."""
    for container in workload.containers:
        if policy.registries and not container.image.startswith(policy.registries):
            yield f"image {container.image} is not from {' or '.join(policy.registries)}"
    if policy.max_priority is not None and workload.placement.priority > policy.max_priority:
        yield f"priority {workload.placement.priority} is over {policy.max_priority}"
