"""What the policies for a workload refuse of it when it is applied, wherever it would go. Pure.

What a policy allows on some nodes only is a constraint of placement; here is what it never allows:
an image, a priority, and constraints that no node can fulfil beside the policy's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from skerry_hub.documents import Policy
from skerry_hub.model import Workload
from skerry_hub.placement.clauses import clauses_of
from skerry_hub.placement.contradiction import Contradiction, contradictions, reason
from skerry_hub.placement.device_presence import presence_of
from skerry_hub.placement.domain_contradiction import contradicted_terms, field_of
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import Expression
from skerry_hub.placement.governance import offences
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.views import Problem
from skerry_hub.workloads.expressions import of_constraint
from skerry_hub.workloads.source import Source


@dataclasses.dataclass(frozen=True, slots=True)
class _Demand:
    """What must hold of a node: by a policy's name, or by a part of the workload."""

    expression: Expression
    policy: str = ""
    part: str = ""

    def __str__(self) -> str:
        return f"{self.expression} (policy {self.policy})" if self.policy else str(self.expression)


def refused(
    policies: Sequence[Policy], workload: Workload, source: Source, within: Effort
) -> Iterator[Problem]:
    """Give what policies that are about a workload refuse of it, where it was asked for.

    `within`: what looking for contradictions may spend.
    """
    for policy in policies:
        for offence in offences(policy, workload):
            why = f"{workload.name}: policy {policy.name}: {offence.why}"
            yield source.problem(why, offence.field)
    governed = [*_of_policies(policies)]
    if not governed:
        return
    demands = [*governed, *_of_workload(workload)]
    every = [one.expression for one in demands]
    found = [one for one in contradictions(every, within) if _is_policies(one, demands)]
    for one in found:
        involved = [demands[index].policy for index in (*one.beside, one.index)]
        why = reason(every, one, named=lambda index: str(demands[index]))
        text = f"{workload.name}: contradicts {_names(involved)}: {why}"
        yield source.problem(text, demands[one.index].part)
    if found:
        return
    for term, why in contradicted_terms(workload, every, within):
        by = f"by {_names(one.policy for one in governed)}"
        yield source.problem(f"{workload.name}: {why}, {by}", field_of(workload, term))


def _of_policies(policies: Iterable[Policy]) -> Iterator[_Demand]:
    for policy in policies:
        for clause in clauses_of(policy):
            if clause.expression is not None:
                yield _Demand(clause.expression, policy.name)


def _of_workload(workload: Workload) -> Iterator[_Demand]:
    for index, request in enumerate(workload.resources.devices):
        for one in presence_of(request):
            yield _Demand(one, part=f"resources.devices[{index}]")
    for index, constraint in enumerate(workload.constraints):
        try:
            yield _Demand(of_constraint(constraint), part=f"constraints[{index}]")
        except ExpressionError:
            continue  # placement tells of it
    for index, text in enumerate(workload.expressions):
        try:
            yield _Demand(expression(text), part=f"expressions[{index}]")
        except ExpressionError:
            continue


def _is_policies(found: Contradiction, demands: Sequence[_Demand]) -> bool:
    return any(demands[index].policy for index in (*found.beside, found.index))


def _names(policies: Iterable[str]) -> str:
    return " and ".join(f"policy {name}" for name in dict.fromkeys(filter(None, policies)))
