"""What a node is and has: its state, its taints, its fields, what is left of amounts and ports."""

from collections.abc import Iterator

from tests.hub.placement.slow.amounts import unit_of, words
from tests.hub.placement.slow.expressions import holds, is_number, split
from tests.hub.placement.slow.fleet import Fleet, Reason, told

from skerry_hub.model import UNSCHEDULABLE, Constraint, Liveness, Node, Taint, Workload

AMOUNTS = {"cpu": "cpu_milli", "memory": "memory_bytes", "storage": "storage_bytes"}


def state(_fleet: Fleet, _load: Workload, node: Node) -> Iterator[Reason]:
    """Give why the node takes nothing new at all."""
    if node.liveness != Liveness.ONLINE:
        yield Reason("online", (str(node.liveness),))
    if node.diverged is not None:
        yield Reason("held", (node.diverged,))
    if not any(
        runtime.name in ("containerd", "docker", "edgecore", "k3s", "kubelet", "podman")
        for runtime in runtimes(node)
    ):
        yield Reason("runtime")


def taints(_fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give each taint that keeps what is new away and is not tolerated."""
    for one in node.taints:
        if one.effect != "PreferNoSchedule" and not is_borne(one, load):
            yield Reason("taints", (str(one),))


def is_borne(taint: Taint, load: Workload) -> bool:
    """Say whether a workload tolerates a taint."""
    for one in load.tolerations:
        if one.effect is not None and one.effect != taint.effect:
            continue
        if one.operator == "Exists" and one.key in ("", taint.key):
            return True
        if one.operator == "Equal" and (one.key, one.value) == (taint.key, taint.value):
            return True
    # One on each node means on cordoned ones too, as of Kubernetes' daemon sets.
    return load.mode == "global" and taint.key == UNSCHEDULABLE


def asked(_fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what of the node's fields is not as the workload asks."""
    for one in load.constraints:
        if not _meets(one, node):
            yield Reason(str(one))
    for text in load.expressions:
        if not holds(text, lambda path: told(node, path)):
            yield Reason(text, _numbers(text, node))


def _meets(one: Constraint, node: Node) -> bool:
    equal = one.value in told(node, one.key)
    return equal if one.operator == "==" else not equal


def _numbers(text: str, node: Node) -> tuple[str, ...]:
    """Return the number that is too small or too large, and the limit."""
    if text.startswith(("all(", "any(", "not(")):
        return ()
    path, operator, wanted = split(text)
    values = told(node, path)
    if operator not in ("<", "<=", ">", ">=") or len(values) != 1 or not is_number(values[0]):
        return ()
    found = values[0]
    if path.endswith("_bytes"):
        is_least = operator in (">", ">=")
        found = words("memory", int(found), up=not is_least)
        wanted = words("memory", int(wanted), up=is_least)
    return found, wanted


def amounts(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what the node has too little of."""
    for name, have in capacity(node).items():
        wanted = getattr(load.resources, AMOUNTS[name])
        if not wanted:
            continue
        much = words(name, wanted, up=True)
        if have is None:
            yield Reason(name, ("unknown", much))
            continue
        free = left_of(fleet, node, name)
        if wanted <= free:
            continue
        missing = round((wanted - free) / unit_of(name, wanted)[1], 3)
        there = words(name, free, up=False) if free >= 0 else words(name, -free, up=True)
        yield Reason(name, (there, much), missing)


def left_of(fleet: Fleet, node: Node, name: str) -> int:
    """Return what is left of an amount on a node; less than nothing where too much is taken."""
    taken = sum(getattr(one.resources, AMOUNTS[name]) for one in fleet.on(node))
    return (capacity(node)[name] or 0) - taken


def capacity(node: Node) -> dict[str, int | None]:
    """Return a node's processors in thousandths, bytes of memory and of storage; None: untold."""
    if node.capability is None:
        return dict.fromkeys(AMOUNTS)
    hardware = node.capability.hardware
    cpus = hardware.cpu.logical_count
    disks = [one.size_bytes for one in hardware.filesystems if one.mount == "/"]
    return {
        "cpu": cpus * 1000 if cpus is not None else None,
        "memory": hardware.memory.total_bytes,
        "storage": next(iter(disks), None),
    }


def ports(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give each port that is taken."""
    for new in load.resources.ports:
        takers = [
            one.id
            for one in fleet.on(node)
            if any(collide(new, old) for old in one.resources.ports)
        ]
        if takers:
            yield Reason("ports", (new, *(takers if len(takers) == 1 else ())))


def collide(one: str, other: str) -> bool:
    """Say whether two instances on one node cannot have both ports."""
    (protocol, _, rest), (protocol_2, _, rest_2) = one.partition("/"), other.partition("/")
    (address, _, number), (address_2, _, number_2) = rest.rpartition(":"), rest_2.rpartition(":")
    if (protocol, number) != (protocol_2, number_2):
        return False
    every = ("", "0.0.0.0", "[::]")
    return address in every or address_2 in every or address == address_2


def runtimes(node: Node):
    """Return the container runtimes that a node tells."""
    return node.capability.hardware.runtimes if node.capability else ()
