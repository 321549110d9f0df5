"""A placer that is slow and obviously right: plain Python, one node at a time, nothing kept.

It is written from what the terms mean and shares no code with the engine, only the records: every
answer is worked out from the nodes and from all that is placed, again for each replica. How much a
score counts is a decision and not a consequence, so those numbers stand here a second time.
"""

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from skerry_hub.model import (
    UNSCHEDULABLE,
    Assignment,
    Constraint,
    Hold,
    Liveness,
    Node,
    Taint,
    Workload,
)
from skerry_hub.terms import Affinity, DeviceRequest, Spread

SCALE = 100_000_000
ARCHES = ({"x86_64", "amd64"}, {"aarch64", "arm64"})


@dataclasses.dataclass(frozen=True)
class Fleet:
    """The nodes, all that is placed on them, and all workloads that are wanted, by name."""

    nodes: Sequence[Node]
    placed: Sequence[Assignment] = ()
    workloads: Mapping[str, Workload] = dataclasses.field(default_factory=dict)

    def on(self, node: Node) -> list[Assignment]:
        """Return what is on a node."""
        return [one for one in self.placed if one.node == node.id]

    def of(self, workload: str) -> list[Assignment]:
        """Return what a workload has."""
        return [one for one in self.placed if one.workload == workload]

    def having(self, *more: Assignment) -> "Fleet":
        """Return the fleet with more placed."""
        return dataclasses.replace(self, placed=(*self.placed, *more))

    def without(self, *ids: str) -> "Fleet":
        """Return the fleet without some instances."""
        kept = tuple(one for one in self.placed if one.id not in ids)
        return dataclasses.replace(self, placed=kept)

    def node(self, name: str) -> Node:
        """Return a node by its id."""
        return next(node for node in self.nodes if node.id == name)


# --- where: sequences -----------------------------------------------------------------------


def place(
    fleet: Fleet,
    load: Workload,
    count: int,
    held: Callable[[int, Node], Iterable[Hold]] | None = None,
) -> list[str]:
    """Return the nodes that so many replicas go to, in turn; fewer where none takes one.

    `held` says which devices the replica of a number gets on a node: any that suffice.
    """
    found: list[str] = []
    for index in range(count):
        name = best(fleet, load)
        if name is None:
            break
        node = fleet.node(name)
        holds = held(index, node) if held else ways(fleet, load, node)[0]
        fleet = fleet.having(_assignment(load, f"new-{index}", name, holds))
        found.append(name)
    return found


def on_each(fleet: Fleet, load: Workload, held: Callable[[Node], Iterable[Hold]]) -> list[str]:
    """Return the nodes that get an instance of a global workload and have none.

    By their ids, and again as long as one more makes another node take one.
    """
    found: list[str] = []
    missing = sorted(fleet.nodes, key=lambda one: one.id)
    changed = True
    while changed:
        changed = False
        for node in missing:
            if any(one.workload == load.name for one in fleet.on(node)):
                continue
            if not refusals(fleet, load, node):
                made = _assignment(load, f"{load.name}-{node.id}", node.id, held(node))
                fleet, changed = fleet.having(made), True
                found.append(node.id)
    return found


def _assignment(load: Workload, name: str, node: str, holds: Iterable[Hold]) -> Assignment:
    return Assignment(
        id=name,
        workload=load.name,
        revision="",
        node=node,
        resources=load.resources,
        held=tuple(holds),
    )


def best(fleet: Fleet, load: Workload) -> str | None:
    """Return the node that the next replica goes to: the best, of equals the smallest id."""
    taking = [node for node in fleet.nodes if not refusals(fleet, load, node)]
    ranked = sorted(taking, key=lambda node: (-total(fleet, load, node), node.id))
    return ranked[0].id if ranked else None


# --- whether: reasons -----------------------------------------------------------------------


def refusals(fleet: Fleet, load: Workload, node: Node) -> set[str]:
    """Return the names of all constraints by which a node refuses one more instance."""
    return (
        set(fixed(load, node)) | set(_used_up(fleet, load, node)) | set(_terms(fleet, load, node))
    )


def fixed(load: Workload, node: Node) -> Iterator[str]:
    """Give what no instance on the node changes."""
    if node.liveness != Liveness.ONLINE:
        yield "online"
    if node.diverged is not None:
        yield "held"
    if not any(runtime.name in ("docker", "podman") for runtime in _runtimes(node)):
        yield "runtime"
    if any(not _borne(taint, load) for taint in node.taints):
        yield "taints"
    for one in load.constraints:
        if not _meets(one, node):
            yield str(one)
    for text in load.expressions:
        if not holds(text, lambda path: told(node, path)):
            yield text


def _borne(taint: Taint, load: Workload) -> bool:
    for one in load.tolerations:
        if one.effect is not None and one.effect != taint.effect:
            continue
        if one.operator == "Exists" and one.key in ("", taint.key):
            return True
        if one.operator == "Equal" and (one.key, one.value) == (taint.key, taint.value):
            return True
    # One on each node means on cordoned ones too, as of Kubernetes' daemon sets.
    return load.mode == "global" and taint.key == UNSCHEDULABLE


def _meets(one: Constraint, node: Node) -> bool:
    equal = one.value in told(node, one.key)
    return equal if one.operator == "==" else not equal


def _used_up(fleet: Fleet, load: Workload, node: Node) -> Iterator[str]:
    """Give what the node has too little of."""
    amounts = ("cpu_milli", "memory_bytes", "storage_bytes")
    there = fleet.on(node)
    for name, have, amount in zip(
        ("cpu", "memory", "storage"), capacity(node), amounts, strict=True
    ):
        wanted = getattr(load.resources, amount)
        taken = sum(getattr(one.resources, amount) for one in there)
        if wanted and (have is None or wanted > have - taken):
            yield name
    taken_ports = [port for one in there for port in one.resources.ports]
    if any(collide(new, old) for new in load.resources.ports for old in taken_ports):
        yield "ports"
    if load.resources.devices and not ways(fleet, load, node):
        yield "devices"


def capacity(node: Node) -> tuple[int | None, int | None, int | None]:
    """Return a node's processors in thousandths, bytes of memory and of storage; None: untold."""
    if node.capability is None:
        return None, None, None
    hardware = node.capability.hardware
    cpus = hardware.cpu.logical_count
    disks = [one.size_bytes for one in hardware.filesystems if one.mount == "/"]
    return (
        cpus * 1000 if cpus is not None else None,
        hardware.memory.total_bytes,
        next(iter(disks), None),
    )


def collide(one: str, other: str) -> bool:
    """Say whether two instances on one node cannot have both ports."""
    (protocol, _, rest), (protocol_2, _, rest_2) = one.partition("/"), other.partition("/")
    (address, _, number), (address_2, _, number_2) = rest.rpartition(":"), rest_2.rpartition(":")
    if (protocol, number) != (protocol_2, number_2):
        return False
    every = ("", "0.0.0.0", "[::]")
    return address in every or address_2 in every or address == address_2


# --- devices --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Device:
    """One device of a node, with its fields as texts; `place` is where it is plugged in."""

    id: str
    kind: str
    usable: bool | None
    numa: int | None
    place: str | None
    fields: Mapping[str, str]

    def told(self, path: str) -> list[str]:
        """Return the values of a field."""
        return [self.fields[path]] if path in self.fields else []


def devices(node: Node) -> list[Device]:
    """Return a node's accelerators, cameras, and what is plugged into its USB ports."""
    if node.capability is None:
        return []
    hardware = node.capability.hardware
    found = [
        _device(
            one.kind,
            one.address,
            one.usable,
            one.address,
            one.numa_node,
            vendor=one.vendor,
            model=one.model,
            memory_bytes=one.memory_bytes,
            driver=one.driver,
        )
        for one in hardware.accelerators
    ]
    for camera in hardware.cameras:
        last = camera.path.rpartition("/")[2]
        found.append(_device("camera", last, True, camera.address, None, model=camera.name))
    for usb in hardware.usb:
        vendor, model = usb.vendor_name or usb.vendor, usb.product_name or usb.product
        found.append(_device("usb", usb.path, None, usb.path, None, vendor=vendor, model=model))
    return found


def _device(
    kind: str,
    name: str,
    usable: bool | None,
    address: str | None,
    numa: int | None,
    **fields: object,
) -> Device:
    # A device on USB may name an interface of the port that it is plugged into: 1-2:1.0.
    place = re.sub(r"^(\d+-[\d.]+):.*", r"\1", address) if address else None
    fields |= {"name": name, "kind": kind, "numa_node": numa}
    texts = {key: str(value) for key, value in fields.items() if value is not None}
    return Device(f"{kind}/{name}", kind, usable, numa, place, texts)


def free_of(fleet: Fleet, node: Node) -> dict[str, int]:
    """Return how many thousandths of each device of a node could be given out."""
    there = devices(node)
    taken: Counter[str] = Counter()
    for one in fleet.on(node):
        for hold in one.held:
            taken[hold.device] += hold.milli
    found = {}
    for device in there:
        as_another = any(
            taken[other.id] and other.kind != device.kind and other.place == device.place
            for other in there
            if device.place is not None
        )
        usable = device.usable is not False and not as_another
        found[device.id] = max(0, 1000 - taken[device.id]) if usable else 0
    return found


def fits(request: DeviceRequest, device: Device) -> bool:
    """Say whether a device is of the sort that is asked for."""
    if device.kind != request.kind or device.usable is False:
        return False
    if request.vendor and request.vendor.lower() != device.fields.get("vendor", "").lower():
        return False
    return all(holds(text, device.told) for text in request.expressions)


def ways(fleet: Fleet, load: Workload, node: Node) -> list[tuple[Hold, ...]]:
    """Return every way to give an instance its devices; one empty one where it asks for none.

    Tried one by one: each unit of each request gets a device that no other unit has.
    """
    free = free_of(fleet, node)
    single = load.placement.numa == "single"
    choices = []
    for request in load.resources.devices:
        fitting = [
            one
            for one in devices(node)
            if fits(request, one) and free[one.id] >= request.share_milli
        ]
        choices.append(itertools.combinations(fitting, request.count))
    found = []
    for way in itertools.product(*choices):
        chosen = [device for group in way for device in group]
        if len({device.id for device in chosen}) < len(chosen):
            continue
        if single and len(numa_nodes(chosen)) > 1:
            continue
        found.append(
            tuple(
                Hold(device=device.id, milli=request.share_milli)
                for request, group in zip(load.resources.devices, way, strict=True)
                for device in group
            )
        )
    return found


def numa_nodes(chosen: Iterable[Device]) -> set[int]:
    """Return the NUMA nodes of devices; some are on none."""
    return {device.numa for device in chosen if device.numa is not None}


# --- expressions ----------------------------------------------------------------------------


def told(node: Node, path: str) -> list[str]:
    """Return the values of a node's field as texts; an architecture has several names."""
    if path.startswith("node.labels."):
        label = path.removeprefix("node.labels.")
        labels = _labels(node)
        return [labels[label]] if label in labels else []
    if path == "node.id":
        return [node.id]
    if node.capability is None:
        # Its id is all that it is known by.
        return [node.id] if path == "node.hostname" else []
    hardware = node.capability.hardware
    arch = hardware.system.arch
    values: Mapping[str, Iterable[object]] = {
        "node.hostname": [hardware.system.hostname],
        "node.platform.os": ["linux"],
        "node.platform.arch": next((names for names in ARCHES if arch in names), {arch}),
        "node.hardware.memory.total_bytes": [hardware.memory.total_bytes],
        "node.hardware.cpu.logical_count": [hardware.cpu.logical_count],
        "node.hardware.accelerators.kind": [one.kind for one in hardware.accelerators],
    }
    return [str(one) for one in values[path] if one is not None]


def _labels(node: Node) -> dict[str, str]:
    own = dict(node.capability.hardware.labels) if node.capability else {}
    return own | dict(node.labels)


def holds(text: str, told: Callable[[str], list[str]]) -> bool:
    """Say whether an expression holds; `told` gives a field's values."""
    word, inner = re.match(r"(?:(all|any|not)\((.*)\)$)?", text).groups()
    if word:
        answers = [holds(part, told) for part in _parts(inner)]
        return {"all": all(answers), "any": any(answers), "not": not answers[0]}[word]
    path, operator, wanted = re.match(
        r"(\S+) (not in|in|not exists|exists|contains|matches|==|!=|<=|>=|<|>) ?(.*)", text
    ).groups()
    values = told(path)
    if operator in ("exists", "not exists"):
        return bool(values) == (operator == "exists")
    if operator in ("!=", "not in"):
        return not any(value in _list(wanted) for value in values)
    if operator in ("==", "in", "contains"):
        return any(value in _list(wanted) for value in values)
    if operator == "matches":
        return any(re.search(wanted, value) for value in values)
    return any(_compares(value, operator, wanted) for value in values)


def _parts(text: str) -> list[str]:
    depth, found = 0, [""]
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return [part.strip() for part in found]


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.strip("[]").split(",")]


def _compares(value: str, operator: str, wanted: str) -> bool:
    if not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return False
    have, limit = Fraction(value), Fraction(wanted)
    return {"<": have < limit, "<=": have <= limit, ">": have > limit, ">=": have >= limit}[
        operator
    ]


# --- terms ----------------------------------------------------------------------------------


def domain(node: Node, topology: str) -> str | None:
    """Return the domain of a node, None where it is in none."""
    return node.id if topology == "node" else _labels(node).get(topology)


def counts(fleet: Fleet, topology: str, workloads: Iterable[str]) -> Counter[str]:
    """Return how many instances of some workloads are in each domain."""
    names, found = set(workloads), Counter()
    for node in fleet.nodes:
        where = domain(node, topology)
        if where is not None:
            found[where] += sum(one.workload in names for one in fleet.on(node))
    return found


def others(fleet: Fleet, load: Workload, term: Affinity) -> set[str]:
    """Return the workloads that a term is about, by name; its own may be one."""
    if term.workload:
        return {term.workload}
    everybody = [*fleet.workloads.values(), load]
    return {one.name for one in everybody if is_about(term, one)}


def is_about(term: Affinity, load: Workload) -> bool:
    """Say whether a term is about a workload."""
    return term.workload == load.name if term.workload else selects(term.selector, load)


def selects(selector: str, load: Workload) -> bool:
    """Say whether a selector of `key=value` and `key!=value` fits a workload's labels."""
    for part in selector.split(","):
        key, negated, value = re.fullmatch(r"([^=!]+)(!?)=(.*)", part).groups()
        if (load.labels.get(key) == value) == bool(negated):
            return False
    return True


def _terms(fleet: Fleet, load: Workload, node: Node) -> Iterator[str]:
    """Give what other instances keep the node from."""
    asked = load.placement
    for term in asked.at_most:
        where = domain(node, term.topology)
        if where is not None and counts(fleet, term.topology, [load.name])[where] >= term.count:
            yield str(term)
    for term in asked.affinity:
        if not term.weight and not _agrees(fleet, load, node, term):
            yield str(term)
    for term in asked.spread:
        if not term.weight and not _is_even(fleet, load, node, term):
            yield str(term)
    for other in fleet.workloads.values():
        if other.name != load.name:
            yield from _repels(fleet, other, load, node)


def _agrees(fleet: Fleet, load: Workload, node: Node, term: Affinity) -> bool:
    names = others(fleet, load, term)
    where = domain(node, term.topology)
    if where is None:
        return term.anti
    there = counts(fleet, term.topology, names)[where]
    if term.anti:
        return there == 0
    anywhere = sum(counts(fleet, "node", names).values())
    return there > 0 or (load.name in names and anywhere == 0)


def _repels(fleet: Fleet, other: Workload, load: Workload, node: Node) -> Iterator[str]:
    """Give the wishes of another workload, which is placed, that this one is not beside it."""
    for term in other.placement.affinity:
        if not term.anti or term.weight or not is_about(term, load):
            continue
        where = domain(node, term.topology)
        if where is not None and counts(fleet, term.topology, [other.name])[where]:
            yield f"antiAffinity of others by {term.topology}"


def _is_even(fleet: Fleet, load: Workload, node: Node, term: Spread) -> bool:
    where = domain(node, term.topology)
    if where is None:
        return False
    mine = counts(fleet, term.topology, [load.name])
    shares = shares_of(fleet, load, term)
    if not shares:
        return True  # The node itself refuses, for what made no domain eligible.
    return Fraction(mine[where] + 1, weight_of(term, where)) - min(shares) <= term.max_skew


def shares_of(fleet: Fleet, load: Workload, term: Spread) -> list[Fraction]:
    """Return how much of a workload each domain has, against its weight.

    Of those domains only that have a node which could take an instance, were it not for others.
    """
    able = [one for one in fleet.nodes if not any(fixed(load, one))]
    domains = {domain(one, term.topology) for one in able} - {None}
    mine = counts(fleet, term.topology, [load.name])
    return [Fraction(mine[one], weight_of(term, one)) for one in domains]


def weight_of(term: Spread, where: str) -> int:
    """Return how much of a workload belongs into a domain, beside the others."""
    return term.weights.get(where, 1)


# --- scores ---------------------------------------------------------------------------------


def total(fleet: Fleet, load: Workload, node: Node) -> int:
    """Return how good a node is for one more instance; a whole number."""
    there = fleet.on(node)
    own = sum(one.workload == load.name for one in there)
    answers = any(one.usable and one.name in ("docker", "podman") for one in _runtimes(node))
    points = 160 * SCALE * answers
    left = _left(fleet, load, node)
    if load.placement.strategy == "pack":
        points += int((1.0 - sum(left) / 2) * SCALE)
    else:
        points += 10 * min(int(one * SCALE) for one in left)
        points += 5 * (SCALE // (1 + len(there)))
        points += 80 * (SCALE // (1 + own))
        if not load.resources.devices:
            points += 15 * SCALE * (not _has_idle(fleet, node))
    for term in load.placement.affinity:
        points += (term.weight or 0) * _liked(fleet, load, node, term)
    for term in load.placement.spread:
        points += (term.weight or 0) * _sparse(fleet, load, node, term)
    return points


def _left(fleet: Fleet, load: Workload, node: Node) -> tuple[float, float]:
    """Return which part of its processors and of its memory a node would have left.

    As doubles, as the engine has it: they are the same on every machine, but a division of whole
    numbers may give another point.
    """
    cpus, memory, _ = capacity(node)
    there = [one.resources for one in fleet.on(node)]
    wanted = load.resources
    processors = (cpus or 0) - sum(one.cpu_milli for one in there) - wanted.cpu_milli
    bytes_left = (memory or 0) - sum(one.memory_bytes for one in there) - wanted.memory_bytes
    return max(processors, 0) / max(cpus or 0, 1), max(bytes_left, 0) / max(memory or 0, 1)


def _has_idle(fleet: Fleet, node: Node) -> bool:
    accelerators = {"gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu"}
    free = free_of(fleet, node)
    return any(one.kind in accelerators and free[one.id] for one in devices(node))


def _liked(fleet: Fleet, load: Workload, node: Node, term: Affinity) -> int:
    where = domain(node, term.topology)
    there = 0 if where is None else counts(fleet, term.topology, others(fleet, load, term))[where]
    if term.anti:
        return SCALE // (1 + there)
    return SCALE if there else 0


def _sparse(fleet: Fleet, load: Workload, node: Node, term: Spread) -> int:
    where = domain(node, term.topology)
    if where is None:
        return 0
    weight = weight_of(term, where)
    return SCALE * weight // (weight + counts(fleet, term.topology, [load.name])[where])


def _runtimes(node: Node):
    return node.capability.hardware.runtimes if node.capability else ()
