"""What a service asks for that no fleet can ever fulfil, told where it stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub.model import Constraint
from skerry_hub.placement.contradiction import contradicted, opposed, overfull
from skerry_hub.placement.expression import Expression
from skerry_hub.terms import Affinity, AtMost
from skerry_hub.workloads.expressions import Written, of_constraint
from skerry_hub.workloads.reading import Placed


def check_expressions(
    constraints: Sequence[Placed[Constraint]], expressions: Sequence[Written]
) -> tuple[Expression, ...]:
    """Return all that a node must fulfil; note what contradicts the ones before it."""
    before: list[Expression] = []
    for value, one in (*((at, of_constraint(one)) for at, one in constraints), *expressions):
        why = contradicted(before, one)
        if why is not None:
            value.refuse(f"contradicts: {why}")
        before.append(one)
    return tuple(before)


def check_domains(
    name: str,
    replicas: int,
    expressions: Sequence[Expression],
    limits: Sequence[Placed[AtMost]],
    affinities: Sequence[Placed[Affinity]],
) -> None:
    """Note limits that leave too few places for a workload's replicas, and opposed affinities."""
    own = [
        (value, AtMost(topology=one.topology, count=1))
        for value, one in affinities
        if one.anti and one.weight is None and one.workload == name
    ]
    every = [*limits, *own]
    found = overfull(expressions, [one for _, one in every], replicas)
    if found is not None:
        every[found[0]][0].refuse(f"contradicts: {found[1]}")
    found = opposed([one for _, one in affinities], name, replicas)
    if found is not None:
        affinities[found[0]][0].refuse(f"contradicts: {found[1]}")
