"""What all workloads of a policy may have together, and whether one instance more is too much."""

from collections.abc import Iterator

from tests.hub.placement.slow import cost
from tests.hub.placement.slow.amounts import money, words
from tests.hub.placement.slow.fleet import Fleet, Reason
from tests.hub.placement.slow.own import AMOUNTS

from skerry_hub.documents import Policy
from skerry_hub.model import Assignment, Node, Workload

Says = tuple[str, ...]


def reasons(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what is not left for one more instance on a node.

    What is used up, or more than that, is no reason against who asks for none of it.
    """
    for policy in fleet.policies(load):
        name = f"quota of policy {policy.name}"
        there = held_under(fleet, policy)
        found = [*_counted(policy, load, there), *_priced(fleet, policy, load, node, there)]
        yield from (Reason(name, says) for says in found)


def held_under(fleet: Fleet, policy: Policy) -> list[Assignment]:
    """Return all that the workloads of a policy have."""
    about = {one.name for one in fleet.workloads.values() if policy in fleet.policies(one)}
    return [one for one in fleet.placed if one.workload in about]


def _counted(policy: Policy, load: Workload, there: list[Assignment]) -> Iterator[Says]:
    quota, wanted = policy.quota, load.resources
    if quota.instances is not None and len(there) >= quota.instances:
        yield str(len(there)), str(quota.instances)
    for name, field in AMOUNTS.items():
        most, more = getattr(quota, field), getattr(wanted, field)
        if most is None or not more:
            continue
        left = most - sum(getattr(one.resources, field) for one in there)
        if more > left:
            free = words(name, max(0, left), up=False)
            yield name, free, words(name, more, up=True)
    for kind, most in quota.devices.items():
        more = sum(one.count * one.share_milli for one in wanted.devices if one.kind == kind)
        left = most * 1000 - devices_of(there, kind)
        if more and more > left:
            yield kind, f"{max(0, left) / 1000:g}", f"{more / 1000:g}"


def devices_of(there: list[Assignment], kind: str) -> int:
    """Return how many thousandths of devices of a kind instances have."""
    held = [hold for one in there for hold in one.held]
    return sum(hold.milli for hold in held if hold.device.startswith(f"{kind}/"))


def _priced(
    fleet: Fleet, policy: Policy, load: Workload, node: Node, there: list[Assignment]
) -> Iterator[Says]:
    if policy.quota.cost_per_hour is None:
        return
    left = cost.micro(cost.exact(policy.quota.cost_per_hour)) - spent(fleet, there)
    more = cost.total(fleet, load, node)
    if more and more > left:
        yield money(max(0, left)), money(more)


def spent(fleet: Fleet, there: list[Assignment]) -> int:
    """Return what instances cost, with the nodes on which nothing else runs."""
    found = sum(
        cost.running(fleet, fleet.workloads[one.workload], fleet.node(one.node)) for one in there
    )
    mine = {one.id for one in there}
    for name in {one.node for one in there}:
        node = fleet.node(name)
        if all(one.id in mine for one in fleet.on(node)):
            found += cost.opening_of(fleet, node)
    return found
