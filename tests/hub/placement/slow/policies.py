"""What the hub's policies require of nodes, and of a workload wherever it would be."""

from collections.abc import Iterator

from tests.hub.placement.slow.expressions import holds
from tests.hub.placement.slow.fleet import Fleet, Reason, is_in, told

from skerry_hub.model import Node, Workload


def reasons(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what each policy about the workload has against the node."""
    for policy in fleet.policies(load):
        name = f"policy {policy.name}"
        for image in [one.image for one in load.containers] if policy.registries else ():
            if not any(image.startswith(start) for start in policy.registries):
                yield Reason(name, (image, *policy.registries))
        most = policy.max_priority
        if most is not None and load.placement.priority > most:
            yield Reason(name, (str(load.placement.priority), str(most)))
        for text in policy.required:
            if not holds(text, lambda path: told(node, path)):
                yield Reason(f"{name}: {text}")
        for text in policy.forbidden:
            if holds(text, lambda path: told(node, path)):
                yield Reason(f"{name}: not {text}")
        for topology, domains in policy.residency.items():
            if not is_in(node, topology, domains):
                yield Reason(f"{name}: residency")
