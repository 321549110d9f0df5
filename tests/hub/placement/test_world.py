"""The world as one: the same input gives the same output, in whichever process and order."""

import dataclasses
import json
import os
import pathlib
import random
import subprocess
import sys

import pytest
from tests.hub.placement.boxes import GIB, accelerator, gpus, node, workload

from skerry_hub.documents import (
    Dataset,
    Egress,
    Policy,
    Prices,
    Quota,
    Reservation,
    Window,
)
from skerry_hub.fleet.columns import Columns
from skerry_hub.latency import Network, endpoint
from skerry_hub.placement.demand import demand_of_workloads
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.explain import explain
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World, repels
from skerry_hub.terms import (
    Affinity,
    AtMost,
    Cost,
    DataNeed,
    DeviceRequest,
    Latency,
    Placement,
    Spread,
    Traffic,
)
from skerry_wire import codec

ROOT = pathlib.Path(__file__).parents[3]
SITES = ("quay", "pier", "mole")


def boxes():
    for number in range(24):
        labels = {"site": SITES[number % 3], "environment": "cloud" if number % 4 else "plant"}
        yield node(
            f"n{number:02}",
            cpus=(2, 4, 8)[number % 3],
            memory=(4 + number % 5) * GIB,
            accelerators=[accelerator(str(at)) for at in range(number % 4)],
            labels=labels if number % 7 else {},
        )


def loads():
    share = DeviceRequest(kind="gpu", share_milli=300)
    asked = {
        "spread": (
            {"cpu": 300, "replicas": 9},
            Placement(
                spread=(Spread(topology="site", max_skew=1),),
                at_most=(AtMost(topology="node", count=2),),
            ),
        ),
        "packed": (
            {"cpu": 200, "replicas": 7, "accelerators": [share]},
            Placement(strategy="pack"),
        ),
        "whole": (
            {"cpu": 900, "replicas": 4, "accelerators": [gpus()]},
            Placement(strategy="pack"),
        ),
        "near": (
            {"memory": GIB, "replicas": 5},
            Placement(latency=(Latency(to="endpoint", name="erp", max_ms=60.0, weight=80),)),
        ),
        "cheap": (
            {"cpu": 500, "replicas": 6},
            Placement(
                cost=Cost(weight=60, max_per_hour=3.0),
                data=(DataNeed(dataset="maps", weight=20),),
                traffic=(Traffic(workload="spread", gb_per_hour=0.5),),
            ),
        ),
        "apart": (
            {"replicas": 5},
            Placement(
                affinity=(
                    Affinity(workload="packed", topology="site", anti=True, weight=50),
                    Affinity(workload="apart", anti=True),
                )
            ),
        ),
        "everywhere": ({"cpu": 100, "mode": "global"}, Placement()),
    }
    for name, (amounts, placement) in asked.items():
        yield dataclasses.replace(workload(name, **amounts), placement=placement)


DOCUMENTS = (
    Policy(name="team", quota=Quota(cpu_milli=9000, cost_per_hour=50.0)),
    Policy(name="eu", projects=("shop",), residency={"site": (*SITES, "x")}),
    Prices(name="1", node_hour=0.5, cpu_hour=0.7, egress=(Egress(per_gb=0.3),)),
    Prices(name="2", nodes=("node.labels.site == pier",), cpu_hour=0.2, gib_hour=0.1),
    Dataset(name="maps", size_bytes=10**11, places={"site": ("mole",)}),
    Reservation(name="room", selector="app=batch", cpu_milli=1000, nodes=("node.id > n10",)),
    Window(name="w", nodes=("node.labels.site == mole",), start=1.0, duration_s=100.0),
)


def scene(seed):
    """Return all that is decided about some workloads, with nodes and documents in some order."""
    chance = random.Random(seed)
    nodes, wanted, documents = list(boxes()), list(loads()), list(DOCUMENTS)
    for some in (nodes, documents):
        chance.shuffle(some)
    columns = Columns()
    for one in nodes:
        columns.put(one)
    names = sorted(one.id for one in nodes)
    network = Network.of(
        {
            name: {
                other: 5.0 + 3.0 * abs(at - names.index(other)) for other in names[at + 1 : at + 4]
            }
            | {endpoint("erp"): 10.0 + 2.0 * at}
            for at, name in enumerate(names)
        }
    )
    shuffled = list(wanted)
    chance.shuffle(shuffled)
    found = []
    for load in wanted:
        world = World(
            columns,
            workloads={one.name: one for one in shuffled},
            repelling=tuple(filter(repels, shuffled)),
            rules=rules_of(documents, 1),
            network=network,
            demand=demand_of_workloads(shuffled),
        )
        decision = place(world, load, [], keep=False)
        found.append(codec.to_plain(decision))
        found.append(codec.to_plain(explain(world, load, [])))
        reserve_decision(columns, [], decision)
        found.append(codec.to_plain(explain(world, load, decision.assignments)))
    return json.dumps(found, sort_keys=True)


def in_a_process(hash_seed, seed):
    """Return the scene as another process with its own order of hashes makes it."""
    script = f"from tests.hub.placement.test_world import scene; print(scene({seed}))"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(ROOT)]),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


def test_two_processes_decide_and_explain_the_same():
    first, second = in_a_process(1, seed=1), in_a_process(2, seed=2)
    assert first == second
    assert json.loads(scene(3)) == first
    placed = [one for one in first if "assignments" in one]
    assert sum(len(one["assignments"]) for one in placed) > 30
    assert any(one["unplaced"] for one in placed)


@pytest.mark.parametrize(
    ("affinity", "expected"),
    [
        (Affinity(workload="x", anti=True), True),
        (Affinity(workload="x", anti=True, weight=5), False),
        (Affinity(workload="x"), False),
    ],
)
def test_who_must_not_have_others_beside_it_repels_them(affinity, expected):
    load = workload()
    assert not repels(load)
    placement = Placement(affinity=(affinity,))
    assert repels(dataclasses.replace(load, placement=placement)) == expected
