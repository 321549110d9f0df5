"""Whether a node takes one more instance: every reason that it has against it."""

from collections.abc import Container, Iterator, Sequence

from tests.hub.placement.slow import (
    box_policy,
    box_runtime,
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
from skerry_hub.terms import DataNeed

FIXED = (
    own.state,
    own.taints,
    own.asked,
    policies.reasons,
    box_policy.alone,
    box_runtime.reasons,
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


def moves_nothing(constraint: str, changed: Container[str] = ()) -> bool:
    """Say whether an instance that is there stays, though its node would not take it now.

    `changed` are the limits that the operator changed: they hold for what is there, too.
    """
    if constraint in changed:
        return False
    return constraint in STAYING or constraint.startswith(STARTS)


def binding(fleet: Fleet, load: Workload, node: Node, changed: Container[str]) -> set[str]:
    """Return by what a node refuses an instance that is there, so that it leaves."""
    return {
        one.constraint
        for one in reasons(fleet, load, node)
        if _ends(one)
        or _cannot(one)
        or not moves_nothing(one.constraint, changed if is_known(fleet, one) else ())
    }


def _ends(reason: Reason) -> bool:
    """Say whether it is a taint by which those leave that are there."""
    return reason.constraint == "taints" and any(one.endswith("NoExecute") for one in reason.says)


def _cannot(reason: Reason) -> bool:
    """Say whether a runtime is there, and cannot do what is asked for."""
    return reason.constraint == "runtime" and bool(reason.says)


def is_known(fleet: Fleet, reason: Reason) -> bool:
    """Say whether a limit is known not to be kept: time and dataset are."""
    sort, _, name = reason.constraint.partition(" ")
    return "not known" not in reason.says and (sort != "data" or fleet.dataset(name) is not None)


def changed_limits(before: Workload, after: Workload) -> set[str]:
    """Return the names of the limits on distance, cost and data that are not as they were."""
    old, new = (before.placement, after.placement)
    found = set()
    for term in new.latency:
        was, now = (
            {one.max_ms for one in some if str(one) == str(term)} - {None}
            for some in (old.latency, new.latency)
        )
        if now and was != now:
            found.add(str(term))
    if new.cost.max_per_hour not in (None, old.cost.max_per_hour):
        found.add("cost")
    for need in new.data:
        was, now = (_limits_on(need.dataset, some.data) for some in (old, new))
        if now and was != now:
            found.add(f"data {need.dataset}")
    return found


def _limits_on(dataset: str, needs: Sequence[DataNeed]) -> set[float]:
    """Return how many seconds a dataset may be away: none where it must be there."""
    found = [-1.0 if one.local else one.max_transfer_s for one in needs if one.dataset == dataset]
    return {one for one in found if one is not None}
