"""What the runtime of a box cannot do of what is asked for, in its executor's words."""

from collections.abc import Iterator

from tests.hub.placement.slow.fleet import Fleet, Reason

from skerry_hub.model import Node, Workload
from skerry_wire.runtime_limits import RuntimeInUse


def reasons(_fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what the box's runtime has against each container, and against all together."""
    told = runtime_of(node)
    name = told.name if told else ""
    given = any(not one.only_reserved for one in load.resources.devices)
    for one in load.containers:
        if name == "containerd" and one.network == "bridge":
            yield Reason("runtime", ("containerd", one.name, "network_mode: host only"))
        if name == "containerd" and one.ports:
            yield Reason("runtime", ("containerd", one.name, "none to map"))
        if name in ("containerd", "kubelet") and one.init:
            yield Reason("runtime", (name, one.name, "no init process"))
        if name == "kubelet" and one.user == "nobody":
            yield Reason("runtime", (name, one.name, "user: 'nobody'"))
        if name == "kubelet" and given and not one.privileged:
            yield Reason("runtime", (name, one.name, "privileged: true"))
    if name == "kubelet" and len({one.network for one in load.containers}) > 1:
        yield Reason("runtime", (name, "network_mode: all containers of a pod"))


def gives_on_bus(node: Node) -> bool:
    """Say whether containers of a box are given what is known by where it is plugged in."""
    told = runtime_of(node)
    return told is None or told.name != "kubelet"


def runtime_of(node: Node) -> RuntimeInUse | None:
    """Return the runtime that a box told; None where it told none."""
    return node.capability.hardware.runtime_in_use if node.capability else None
