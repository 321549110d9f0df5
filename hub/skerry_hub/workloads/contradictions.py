"""What a service asks for that no fleet can ever fulfil, told where it stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub.model import Constraint, Workload
from skerry_hub.placement.contradiction import contradictions, reason
from skerry_hub.placement.device_presence import presence_of
from skerry_hub.placement.domain_contradiction import contradicted_terms
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import Expression
from skerry_hub.terms import Affinity, AtMost, DeviceRequest
from skerry_hub.workloads.expressions import Written, of_constraint
from skerry_hub.workloads.reading import Placed


def check_expressions(
    constraints: Sequence[Placed[Constraint]],
    expressions: Sequence[Written],
    devices: Sequence[DeviceRequest],
    within: Effort,
) -> tuple[Expression, ...]:
    """Return all that a node must fulfil; note what contradicts the ones before it."""
    written = (*((at, of_constraint(one)) for at, one in constraints), *expressions)
    of_devices = [one for request in devices for one in presence_of(request)]
    first = len(of_devices)
    every = (*of_devices, *(one for _, one in written))

    def named(index: int) -> str:
        where = "devices" if index < first else f"line {written[index - first][0].line}"
        return f"{every[index]} ({where})"

    for found in contradictions(every, within):
        why = reason(every, found, named=named)
        written[found.index - first][0].refuse(f"contradicts: {why}")
    return every[first:]


def check_domains(
    workload: Workload,
    expressions: Sequence[Expression],
    limits: Sequence[Placed[AtMost]],
    affinities: Sequence[Placed[Affinity]],
    within: Effort,
) -> None:
    """Note limits that leave too few places for a workload's replicas, and opposed affinities."""
    for term, why in contradicted_terms(workload, expressions, within):
        place = next(value for value, one in (*limits, *affinities) if one == term)
        place.refuse(f"contradicts: {why}")
