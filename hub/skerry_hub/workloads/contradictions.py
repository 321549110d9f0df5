"""What a service asks for that no fleet can ever fulfil, told where it stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub.model import Constraint, Workload
from skerry_hub.placement.contradiction import contradictions, reason
from skerry_hub.placement.domain_contradiction import contradicted_terms
from skerry_hub.placement.expression import Expression
from skerry_hub.terms import Affinity, AtMost
from skerry_hub.workloads.expressions import Written, of_constraint
from skerry_hub.workloads.reading import Placed


def check_expressions(
    constraints: Sequence[Placed[Constraint]], expressions: Sequence[Written]
) -> tuple[Expression, ...]:
    """Return all that a node must fulfil; note what contradicts the ones before it."""
    written = (*((at, of_constraint(one)) for at, one in constraints), *expressions)
    every = tuple(one for _, one in written)
    for found in contradictions(every):
        why = reason(every, found, named=lambda index: f"{every[index]} ({_line(written[index])})")
        written[found.index][0].refuse(f"contradicts: {why}")
    return every


def check_domains(
    workload: Workload,
    expressions: Sequence[Expression],
    limits: Sequence[Placed[AtMost]],
    affinities: Sequence[Placed[Affinity]],
) -> None:
    """Note limits that leave too few places for a workload's replicas, and opposed affinities."""
    for term, why in contradicted_terms(workload, expressions):
        place = next(value for value, one in (*limits, *affinities) if one == term)
        place.refuse(f"contradicts: {why}")


def _line(written: Written) -> str:
    return f"line {written[0].line}"
