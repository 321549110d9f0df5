"""Who packs, by its own word or the fleet's, and what that changes."""

import dataclasses

import pytest
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    explain,
    fleet,
    gpus,
    node,
    place,
    where,
    workload,
)

from skerry_hub.placement.contention import Contention
from skerry_hub.placement.demand import demand_of
from skerry_hub.placement.packing import Fit, packing_of, packs
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.scores import own_spread_of, points_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, Placement

DEMAND = demand_of([(workload(accelerators=[gpus(), gpus(kind="npu")]).resources, 1)])


def asking(strategy, **more):
    return dataclasses.replace(workload(**more), placement=Placement(strategy=strategy))


@pytest.mark.parametrize(
    ("own", "fleets", "expected"),
    [
        ("", "spread", False),
        ("", "pack", True),
        ("pack", "spread", True),
        ("spread", "pack", False),
        ("pack", "pack", True),
    ],
)
def test_a_workloads_own_word_counts_before_the_fleets(own, fleets, expected):
    columns = fleet(*(node(name) for name in "abc"))
    world = World(columns, strategy=fleets)
    load = asking(own, cpu=1000, replicas=3)
    assert packs(world, load) == expected
    placed = where(place(columns, load, [], keep=False, strategy=fleets))
    assert len(set(placed.values())) == (1 if expected else 3)


def test_who_packs_fills_the_fullest_node_that_still_has_room():
    columns = fleet(
        *(node(name) for name in "abc"),
        reserved=[
            assignment("x-0", "b", of=workload("x", cpu=2000)),
            assignment("x-1", "c", of=workload("x", cpu=3500)),
        ],
    )
    placed = where(place(columns, asking("pack", cpu=1000, replicas=4), [], keep=False))
    assert placed == {f"shop-web-{index}": at for index, at in enumerate("bbaa")}


def test_fit_is_the_mean_of_what_is_used_then():
    columns = fleet(
        node("a"),
        node("b"),
        node("c", cpus=None, memory=None),
        reserved=[assignment("x-0", "b", of=workload("x", cpu=1000, memory=GIB))],
    )
    points = Fit(workload(cpu=1000, memory=2 * GIB).resources).of(columns, columns.rows())
    # a: 3/4 and 2/4 are left; b: 2/4 and 1/4; of c nothing is known.
    assert points.tolist() == [SCALE * 3 // 8, SCALE * 5 // 8, SCALE]


def test_its_own_instances_are_kept_apart_by_anti_affinity_alone():
    columns = fleet(*(node(name) for name in "abc"))
    apart = Placement(strategy="pack", affinity=(Affinity(workload="shop-web", anti=True),))
    load = dataclasses.replace(workload(replicas=3), placement=apart)
    assert len(set(where(place(columns, load, [], keep=False)).values())) == 3
    world = World(columns)
    assert own_spread_of(world, asking("pack")).weight == 0
    assert own_spread_of(world, asking("spread")).weight > 0
    told = explain(columns, asking("pack"), [])
    assert all(one.score is not None for one in told.verdicts)


def test_scores_of_those_who_pack_are_by_what_is_asked_of_the_fleet():
    columns = fleet(node("a", accelerators=[accelerator("1")]))
    plain = World(columns)
    assert [one.name for one in packing_of(plain, asking("pack"))] == ["fit"]
    asked = World(columns, demand=DEMAND)
    assert [one.name for one in packing_of(asked, asking("pack"))] == [
        "unfragmented gpu",
        "unfragmented npu",
        "fit",
    ]
    contended = World(columns, contention=Contention(columns))
    assert [one.name for one in packing_of(contended, asking("pack"))] == ["uncontended", "fit"]
    names = {one.name for one in points_of(plain, asking("pack"))}
    assert names == {"runtime", "fit"}
    names = {one.name for one in points_of(asked, asking("spread"))}
    assert names == {"runtime", "devices", "balance", "quiet"}


def test_of_a_workload_that_packs_and_one_that_spreads_each_has_its_own_board():
    columns = fleet(*(node(name) for name in "ab"))
    columns.reserve(assignment("x-0", "b", of=workload("x", cpu=1000)))
    for _ in range(2):
        for strategy, there in (("pack", "b"), ("spread", "a")):
            load = asking(strategy, cpu=500)
            assert where(place(columns, load, [], keep=False)) == {"shop-web-0": there}
        for strategy, there in (("pack", "b"), ("spread", "a")):
            load = asking("", cpu=500)
            decision = place(columns, load, [], keep=False, strategy=strategy)
            assert where(decision) == {"shop-web-0": there}


def test_of_nodes_that_are_equal_for_devices_the_fuller_one_is_taken():
    columns = fleet(
        node("a", cpus=8),
        node("b", cpus=8),
        node("g", accelerators=[accelerator("1")]),
        reserved=[assignment("x-0", "b", of=workload(name="x", cpu=6000))],
    )
    world = {"demand": DEMAND, "strategy": "pack"}
    decision = place(columns, workload(cpu=1000), [], keep=False, **world)
    assert where(decision) == {"shop-web-0": "b"}
