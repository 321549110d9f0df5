"""The hub's engine as a placer of `benchmarks.optimum`: bins as nodes, items as workloads.

Every item is a workload of one replica that goes through `placement.engine.place`, one after the
other; what is placed stays. The bins that it may be in are a constraint. It packs (strategy
`pack`) and knows what is asked for in all, as a hub does that has all workloads; prices are
documents of the hub, and where there are some, being cheap has the weight of 100.

The orders in which an apply could take them:

- engine: as they come, which is what a hub has to do with requests of their own;
- engine_applied: in the order in which an apply of all of them decides (`skerry_hub.sequence`);
- engine_by_size: the largest first, by the largest share of the fleet that one takes;
- engine_two_orders: that, and those with the fewest places first; the better of the two stays;
- engine_spreading: as they come, by the strategy `spread`: what happens where nobody packs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from benchmarks.optimum import DIMENSIONS, Instance
from skerry_hub.balance.problem import NOWHERE, Ints, Item, value
from skerry_hub.documents import Prices
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Liveness, Node, Resources, Workload
from skerry_hub.placement.demand import demand_of
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.sequence import sequence
from skerry_hub.terms import Cost, DeviceRequest, Placement
from skerry_wire.capability import Capability
from skerry_wire.hardware import Accelerator, Cpu, Filesystem, Hardware, Memory, RuntimeInfo, System
from skerry_wire.workload import Container

MIB = 2**20
INCARNATION = "0123456789abcdef"
CONTAINERS = (Container(name="item", image="registry.example/bench/item:1"),)
Strategy = Literal["spread", "pack"]
Order = Callable[[Instance], Sequence[int]]


def node_id(at: int) -> str:
    """Return a bin's id as a node; ids come in the bins' order."""
    return f"b{at:03}"


def node_of(at: int, capacity: Ints) -> Node:
    """Return a bin as a hub knows it: thousandths of a processor, MiB, GPUs."""
    cpu_milli, memory_mib, gpus = (int(amount) for amount in capacity)
    hardware = Hardware(
        system=System(arch="x86_64", hostname=node_id(at)),
        cpu=Cpu(logical_count=cpu_milli // 1000),
        memory=Memory(total_bytes=memory_mib * MIB),
        filesystems=(Filesystem(mount="/", device="/dev/a", type="ext4", size_bytes=2**40),),
        accelerators=tuple(
            Accelerator(
                kind="gpu",
                vendor="NVIDIA",
                model="Example",
                bus="pci",
                address=f"0000:{index:02x}:00.0",
                usable=True,
            )
            for index in range(gpus)
        ),
        runtimes=(RuntimeInfo(name="podman", usable=True),),
    )
    capability = Capability(
        incarnation=INCARNATION, boot=1, seq=1, revision="00ff00ff", hardware=hardware
    )
    return Node(
        id=node_id(at),
        incarnation=INCARNATION,
        registered_at=0.0,
        capability=capability,
        liveness=Liveness.ONLINE,
    )


def resources_of(item: Item) -> Resources:
    """Return what an item asks for."""
    cpu_milli, memory_mib, gpus = (int(amount) for amount in item.demand)
    devices = (DeviceRequest(kind="gpu", count=gpus),) if gpus else ()
    return Resources(cpu_milli=cpu_milli, memory_bytes=memory_mib * MIB, devices=devices)


def prices_of(given: Instance) -> list[Prices]:
    """Return the prices of an instance as documents of a hub, a node a document.

    Its prices are of a thousandth of what the item asks for: 1 there is a millionth here, which is
    the smallest that a hub counts.
    """
    found = []
    for at, (bin_, price) in enumerate(zip(given.problem.bins, given.prices, strict=True)):
        cpu, memory, gpu = (float(one) for one in price)
        found.append(
            Prices(
                name=node_id(at),
                nodes=(f"node.id == {node_id(at)}",),
                node_hour=bin_.open_cost / 1e6,
                # An item's cost is that of its thousandths and MiB, divided by a thousand.
                cpu_hour=cpu / 1e6,
                gib_hour=memory * 1024 / 1e9,
                device_hour={"gpu": gpu / 1e9},
            )
        )
    return found


def largest_first(given: Instance) -> list[int]:
    """Return items by the largest share of the fleet that each takes, the largest first."""
    items = given.problem.items
    total = [
        max(1, sum(int(one.capacity[at]) for one in given.problem.bins)) for at in range(DIMENSIONS)
    ]
    shares = [
        max(int(amount) / there for amount, there in zip(one.demand, total, strict=True))
        for one in items
    ]
    return sorted(range(len(items)), key=lambda at: (-shares[at], at))


def fewest_first(given: Instance) -> list[int]:
    """Return items by how many places each may be in, the fewest first; of equals the largest."""
    items = given.problem.items
    return sorted(largest_first(given), key=lambda at: len(items[at].bins))


def as_they_come(given: Instance) -> Sequence[int]:
    """Return items in the order in which they are given."""
    return range(len(given.problem.items))


def engine(given: Instance) -> list[int]:
    """Place items as they come."""
    return _placed(given, as_they_come(given), "pack")


def engine_applied(given: Instance) -> list[int]:
    """Place items as one apply of all of them does."""
    ones = [_workload(given, at, Placement()) for at in as_they_come(given)]
    number = {one.name: at for at, one in enumerate(ones)}
    order = [number[name] for group in sequence(ones) for name in group]
    return _placed(given, order, "pack")


def engine_by_size(given: Instance) -> list[int]:
    """Place the largest items first."""
    return _placed(given, largest_first(given), "pack")


def engine_two_orders(given: Instance) -> list[int]:
    """Place the largest first, and those with the fewest places first; return the better one."""
    both = [_placed(given, order, "pack") for order in (largest_first(given), fewest_first(given))]
    return max(both, key=lambda places: value(given.problem, places))


def engine_spreading(given: Instance) -> list[int]:
    """Place items as they come, each where most room is left."""
    return _placed(given, as_they_come(given), "spread")


def _placed(given: Instance, order: Sequence[int], strategy: Strategy) -> list[int]:
    """Return each item's bin, the items placed in this order."""
    columns = Columns()
    for at, bin_ in enumerate(given.problem.bins):
        columns.put(node_of(at, bin_.capacity))
    priced = bool(given.prices.any())
    world = World(
        columns,
        rules=rules_of(prices_of(given) if priced else (), 1),
        demand=demand_of((resources_of(one), 1) for one in given.problem.items),
    )
    placement = Placement(strategy=strategy, cost=Cost(weight=100 if priced else None))
    places = [NOWHERE] * len(given.problem.items)
    for at in order:
        if not len(given.problem.items[at].bins):
            continue
        decision = place(world, _workload(given, at, placement), (), keep=False)
        reserve_decision(columns, (), decision)
        for assignment in decision.assignments:
            places[at] = int(assignment.node.removeprefix("b"))
    return places


def _workload(given: Instance, at: int, placement: Placement) -> Workload:
    item = given.problem.items[at]
    allowed = ", ".join(node_id(one) for one in item.bins.tolist())
    return Workload(
        name=f"i{at}",
        project="bench",
        containers=CONTAINERS,
        resources=resources_of(item),
        expressions=(f"node.id in [{allowed}]",),
        placement=placement,
    )
