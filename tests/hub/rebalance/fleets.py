"""Fleets made uneven as operators make them: nodes that were cordoned while all was placed."""

import dataclasses
import random

from tests.hub.placement import boxes, slow
from tests.hub.records import NOW, settled, work_on

from skerry_hub import desired, documenting, draining
from skerry_hub.documents import Prices
from skerry_hub.rebalance.records import Move
from skerry_hub.state import Known
from skerry_hub.terms import (
    ANYWHERE,
    Affinity,
    AtMost,
    Cost,
    DeviceRequest,
    Placement,
    Spread,
)
from skerry_hub.work import Work
from skerry_wire.workload import Mount

SITES = ("quay", "pier", "mole")
TERMS = (
    Placement(),
    Placement(),
    Placement(at_most=(AtMost(topology="site", count=2),)),
    Placement(at_most=(AtMost(topology="node", count=1),)),
    Placement(affinity=(Affinity(workload="shop-w1", topology="node", anti=True),)),
    Placement(affinity=(Affinity(workload="shop-w0", topology="site"),)),
    Placement(affinity=(Affinity(selector="tier=db", topology="site", anti=True),)),
    Placement(spread=(Spread(topology="site", max_skew=1),)),
    Placement(cost=Cost(weight=20)),
    Placement(strategy="pack"),
    Placement(numa="single"),
)


def prices(name, site, **more):
    return Prices(name=name, nodes=(f"node.labels.site == {site}",), **more)


DEVICES = (
    (),
    (),
    (DeviceRequest(kind="gpu"),),
    (DeviceRequest(kind="gpu", count=2),),
    (DeviceRequest(kind="gpu", share_milli=400),),
    (DeviceRequest(kind="gpu", vendor="AMD"),),
    (DeviceRequest(kind="gpu", share_milli=700, expressions=("vendor == NVIDIA",)),),
    (DeviceRequest(kind="gpu"), DeviceRequest(kind="gpu", share_milli=250)),
)


def node(name, site="quay", gpus=0, vendors=("NVIDIA",), **fields):
    """Return a node; its accelerators are of the vendors in turn, two on each NUMA node."""
    made = [
        boxes.accelerator(
            f"0000:0{index}:00", vendor=vendors[index % len(vendors)], numa_node=index // 2
        )
        for index in range(gpus)
    ]
    return boxes.node(name, labels={"site": site}, accelerators=made, **fields)


def workload(name="shop-web", placement=ANYWHERE, labels=None, **fields):
    found = boxes.workload(name, **fields)
    return dataclasses.replace(found, placement=placement, labels=labels or {})


def with_mount(load, **mount):
    container = dataclasses.replace(
        load.containers[0], mounts=(Mount(target="/data", source="data", **mount),)
    )
    return dataclasses.replace(load, containers=(container,))


def put(known, *workloads):
    """Return what is known after an apply."""
    work = work_on(known)
    desired.apply(work, workloads, prune=False)
    return settled(known, work.draft)


def uneven(nodes, workloads, later):
    """Return a fleet on which all was placed while the nodes in `later` were cordoned."""
    known = Known(nodes)
    known = changed(known, later, draining.cordon)
    for one in workloads:
        known = put(known, one)
    return changed(known, later, draining.uncordon)


def changed(known, names, change):
    work = work_on(known)
    for name in names:
        change(work, work.draft.nodes.get(name))
    return settled(known, work.draft)


def drawn(seed):
    """Return an uneven fleet by a number."""
    pick = random.Random(seed)
    count = pick.randint(2, 9)
    nodes = [
        node(
            f"n{index}",
            pick.choice(SITES),
            gpus=pick.choice((0, 2, 3)),
            vendors=pick.choice((("NVIDIA",), ("AMD", "NVIDIA"))),
            cpus=pick.choice((2, 4, 8)),
            memory=pick.choice((2, 4, 8)) * boxes.GIB,
        )
        for index in range(count)
    ]
    loads = [
        workload(
            f"shop-w{index}",
            pick.choice(TERMS),
            labels=pick.choice(({}, {"tier": "db"})),
            replicas=pick.randint(1, 6),
            cpu=pick.choice((0, 100, 500)),
            memory=pick.choice((0, 128, 512)) * boxes.MIB,
            ports=pick.choice(((), (), ("tcp/80",), ("tcp/10.0.0.1:80",))),
            accelerators=pick.choice(DEVICES),
        )
        for index in range(pick.randint(1, 6))
    ]
    return uneven(nodes, loads, [f"n{index}" for index in range(count // 2, count)])


def documented(known, *documents):
    """Return what is known once documents are kept."""
    work = work_on(known)
    for one in documents:
        documenting.put(work, one)
    return settled(known, work.draft)


def work_of(known, strategy="spread", *documents):
    work = work_on(documented(known, *documents))
    return Work(work.draft, work.columns, NOW, strategy=strategy)


def slow_fleet(work):
    """Return the same fleet for the placer that is slow and plainly right."""
    draft = work.draft
    wanted = {kept.workload.name: kept.workload for kept in draft.workloads.values()}
    return slow.Fleet(tuple(draft.nodes.values()), tuple(draft.assignments.values()), wanted)


def move(one, target, **fields):
    """Return the move of an assignment."""
    whole = {
        "instance": one.id,
        "workload": one.workload,
        "revision": one.revision,
        "source": one.node,
        "target": target,
    }
    return Move(**{**whole, **fields})
