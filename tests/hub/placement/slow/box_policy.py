"""What a box itself refuses: images, privileges and limits, in its executor's words."""

import fnmatch
from collections.abc import Iterator

from tests.hub.placement.slow.fleet import Fleet, Reason

from skerry_hub.model import Node, Workload
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.workload import Container

NAME = "node policy"


def alone(_fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what the box has against each container by itself."""
    policy = policy_of(node)
    for container in load.containers if policy else ():
        for text in _against(container, policy):
            yield Reason(NAME, (text,))


def _against(one: Container, policy: BoxPolicy) -> Iterator[str]:
    path, _, tag = one.image.rpartition(":")
    registry, slash, rest = path.partition("/")
    if not slash:
        # What people write short is of docker.io, and there of its library.
        registry, rest = "docker.io", f"library/{registry}"
    allowed = any(
        registry == pattern.registry
        and (not pattern.path or rest == pattern.path or rest.startswith(f"{pattern.path}/"))
        for pattern in policy.images
    )
    if not (policy.any_image or allowed):
        yield f"image {registry}/{rest}:{tag} is not among those allowed"
    if one.privileged and not policy.privileged:
        yield "privileged is not allowed"
    if one.network == "host" and not policy.host_network:
        yield "the network of the host is not allowed"
    for name in one.cap_add:
        if name not in policy.capabilities:
            yield f"capability {name} is not allowed"


def together(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what the limits of the box have against all containers, those that run there too.

    They are counted as the next order would have them: by what their workloads are now.
    """
    policy = policy_of(node)
    if policy is None:
        return
    running = [fleet.workloads[one.workload].containers for one in fleet.on(node)]
    every = [container for group in (load.containers, *running) for container in group]
    limits = (
        ("CPU limit", "limits.cpu_milli", policy.cpu_milli, [c.cpu_limit_milli for c in every]),
        ("memory limit", "limits.memory", policy.memory_bytes,
         [c.memory_limit_bytes for c in every]),
    )  # fmt: skip
    for words, name, most, given in limits:
        if most is None:
            continue
        without = given.count(None)
        if without:
            yield Reason(NAME, (str(without), words, name))
        total = sum(filter(None, given))
        if total > most:
            yield Reason(NAME, (str(total), str(most), name))


def policy_of(node: Node) -> BoxPolicy | None:
    """Return the policy that a box told; None where it told none."""
    return node.capability.hardware.policy if node.capability else None


def gives(node: Node, path: str) -> bool:
    """Say whether a box gives a device node to containers."""
    policy = policy_of(node)
    return policy is None or any(
        glob.count("/") == path.count("/") and fnmatch.fnmatchcase(path, glob)
        for glob in policy.devices
    )
