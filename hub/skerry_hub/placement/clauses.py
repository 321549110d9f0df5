"""What a policy asks of a node, clause by clause, as expressions. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from skerry_hub.documents import Policy
from skerry_hub.fleet.fields import LABEL, field
from skerry_hub.placement.expression import AnyOf, Comparison, Expression, Not
from skerry_hub.placement.operators import Operator
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.terms import NODE


@dataclasses.dataclass(frozen=True, slots=True)
class Clause:
    """One thing that a policy asks. `field`: where its document says so.

    `expression` is None where another version of the hub stored what this one cannot read, and
    `why` says what is wrong with it.
    """

    field: str
    name: str
    expression: Expression | None
    why: str = ""


def clauses_of(policy: Policy) -> Iterator[Clause]:
    """Give what must hold of every node of the policy's workloads."""
    for index, text in enumerate(policy.required):
        yield _read(f"required[{index}]", policy, text)
    for index, text in enumerate(policy.forbidden):
        yield _read(f"forbidden[{index}]", policy, text, forbidden=True)
    for topology, domains in sorted(policy.residency.items()):
        name = f"policy {policy.name}: residency"
        yield Clause(f"residency.{topology}", name, _within(topology, domains))


def _read(where: str, policy: Policy, text: str, *, forbidden: bool = False) -> Clause:
    name = f"policy {policy.name}: {'not ' if forbidden else ''}{text}"
    try:
        found = expression(text)
    except ExpressionError as error:
        return Clause(where, name, None, f"this hub cannot read the expression: {error}")
    return Clause(where, name, Not(found) if forbidden else found)


def _within(topology: str, domains: tuple[str, ...]) -> Expression:
    """Return that a node is in one of some domains; a node is known by its id or hostname."""
    if topology != NODE:
        return Comparison(field(f"{LABEL}{topology}"), Operator.IN, domains, domains)
    paths = ("node.id", "node.hostname")
    return AnyOf(tuple(Comparison(field(path), Operator.IN, domains, domains) for path in paths))
