"""Whether a node takes one more instance: every reason that it has against it."""

from collections.abc import Iterator

from tests.hub.placement.slow import (
    box_policy,
    cost,
    data,
    devices,
    latency,
    maintenance,
    own,
    policies,
    quotas,
    reservations,
    terms,
)
from tests.hub.placement.slow.fleet import Fleet, Reason

from skerry_hub.model import Node, Workload

FIXED = (
    own.state,
    own.taints,
    own.asked,
    policies.reasons,
    box_policy.alone,
    maintenance.reasons,
    latency.reasons,
    data.reasons,
)
"""What no instance on the node changes."""
USED_UP = (
    own.amounts,
    own.ports,
    devices.reasons,
    box_policy.together,
    reservations.reasons,
    cost.reasons,
)
STAYING = ("online", "held", "runtime", "taints", "cost")
"""What keeps only what is new away, by name, or by how the name begins (`STARTS`)."""
STARTS = ("maintenance ", "latency ", "data ", "reservation ", "quota ")


def reasons(fleet: Fleet, load: Workload, node: Node) -> list[Reason]:
    """Return all that a node has against one more instance."""
    able = []
    if any(not one.weight for one in load.placement.spread):
        able = [one for one in fleet.nodes if not any(fixed(fleet, load, one))]
    return [
        *fixed(fleet, load, node),
        *(reason for look in USED_UP for reason in look(fleet, load, node)),
        *terms.reasons(fleet, load, node, able),
        *quotas.reasons(fleet, load, node),
    ]


def fixed(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what no instance on the node changes."""
    for look in FIXED:
        yield from look(fleet, load, node)


def refusals(fleet: Fleet, load: Workload, node: Node) -> set[str]:
    """Return the names of all constraints by which a node refuses one more instance."""
    return {one.constraint for one in reasons(fleet, load, node)}


def moves_nothing(constraint: str) -> bool:
    """Say whether an instance that is there stays, though its node would not take it now."""
    return constraint in STAYING or constraint.startswith(STARTS)
