"""Limits on distance, cost and data: they move what runs only where the operator changed them."""

import dataclasses

import pytest
from tests.hub.placement.boxes import fleet, node, steps, workload

from skerry_hub.documents import Dataset, Prices
from skerry_hub.latency import Network
from skerry_hub.placement.engine import place, reserve_decision
from skerry_hub.placement.limits import limits_of, new_limits
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Cost, DataNeed, Latency, Placement

DOCUMENTS = (
    Prices(name="dear", nodes=("node.id == a",), cpu_hour=2.0),
    Prices(name="cheap", nodes=("node.id == b",), cpu_hour=0.5),
    Dataset(name="maps", size_bytes=10**9, places={"node": ("b",)}),
)
NETWORK = Network.of({"a": {"b": 124.0}})


def near(ms, **more):
    return Placement(latency=(Latency(to="node", name="b", max_ms=ms, **more),))


def cheap(most, **more):
    return Placement(cost=Cost(max_per_hour=most, **more))


def data(**more):
    return Placement(data=(DataNeed(dataset="maps", **more),))


def asking(placement, **more):
    return dataclasses.replace(workload(cpu=1000, **more), placement=placement)


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (near(5.0), near(5.0), ()),
        (near(5.0), near(5.0, weight=3), ()),
        (near(5.0), near(4.0), ("latency to node b",)),
        (near(None, weight=3), near(4.0), ("latency to node b",)),
        (near(5.0), near(None, weight=3), ()),
        (cheap(1.0), cheap(1.0, weight=3), ()),
        (cheap(1.0), cheap(0.9), ("cost",)),
        (Placement(), cheap(0.9), ("cost",)),
        (data(), data(local=True), ("data maps",)),
        (data(local=True), data(local=True, weight=3), ()),
        (data(max_transfer_s=5.0), data(max_transfer_s=4.0), ("data maps",)),
        (data(max_transfer_s=5.0), data(), ()),
    ],
)
def test_a_limit_is_new_where_it_is_another_one(before, after, names):
    assert new_limits(asking(before), asking(after)) == names


def test_of_a_new_workload_no_limit_is_new():
    assert new_limits(None, asking(cheap(1.0))) == ()


def test_several_limits_on_one_distance_are_told_apart():
    both = dataclasses.replace(near(5.0), latency=near(5.0).latency + near(3.0).latency)
    assert limits_of(asking(both)) == {"latency to node b": {(5.0,), (3.0,)}}
    assert new_limits(asking(near(5.0)), asking(both)) == ("latency to node b",)


CHANGES = [
    (near(5.0), "round trip to node:b 124 ms > 5 ms"),
    (cheap(1.0), "costs 2 an hour > 1"),
    (data(local=True), "dataset maps is not here"),
    (data(max_transfer_s=5.0), "dataset maps would be 80 s on its way > 5 s"),
]


def world():
    return World(fleet(node("a"), node("b")), rules=rules_of(DOCUMENTS, 1), network=NETWORK)


def on_a(here, **more):
    """Place a workload on the node that keeps none of the limits."""
    first = place(here, workload(cpu=1000, constraints=["node.id == a"], **more), (), keep=False)
    reserve_decision(here.columns, (), first)
    return first.assignments


@pytest.mark.parametrize(("placement", "why"), CHANGES)
def test_a_new_limit_moves_what_does_not_keep_it(placement, why):
    here, asked = world(), asking(placement)
    found = place(here, asked, on_a(here), keep=False, limits=new_limits(workload(), asked))
    assert steps(found) == [("move", "shop-web-0", "b")]
    assert found.changes[0].detail == f"from a: {why}"


@pytest.mark.parametrize(("placement", "why"), CHANGES)
def test_what_came_to_be_over_a_limit_by_itself_stays_and_is_told(placement, why):
    here, asked = world(), asking(placement)
    found = place(here, asked, on_a(here), keep=False)
    assert [(one.action, one.node) for one in found.changes] == [("keep", "a")]
    assert found.changes[0].detail == f"stays, though {why}"


@pytest.mark.parametrize(("placement", "why"), CHANGES)
def test_in_the_background_no_limit_moves_anything(placement, why):
    here, asked = world(), asking(placement)
    found = place(here, asked, on_a(here), keep=True, limits=new_limits(workload(), asked))
    assert [(one.action, one.node, one.detail) for one in found.changes] == [("keep", "a", "")]


def test_a_new_limit_that_no_node_keeps_ends_it_as_a_constraint_does():
    here, asked = world(), asking(cheap(0.1))
    found = place(here, asked, on_a(here), keep=False, limits=("cost",))
    assert steps(found) == [("remove", "shop-web-0", "a")]
    assert found.unplaced == 1


@pytest.mark.parametrize(
    "placement",
    [
        Placement(latency=(Latency(to="endpoint", name="nobody", max_ms=5.0),)),
        Placement(data=(DataNeed(dataset="nothing", local=True),)),
    ],
)
def test_what_is_not_known_moves_nothing(placement):
    here, asked = world(), asking(placement)
    found = place(here, asked, on_a(here), keep=False, limits=new_limits(workload(), asked))
    assert [(one.action, one.detail) for one in found.changes] == [("keep", "")]


def test_of_a_global_workload_an_instance_ends_where_a_new_limit_is_not_kept():
    here = world()
    asked = asking(cheap(1.0), mode="global")
    before = workload(cpu=1000, mode="global")
    first = place(here, before, (), keep=False)
    reserve_decision(here.columns, (), first)
    found = place(here, asked, first.assignments, keep=False, limits=("cost",))
    assert steps(found) == [("remove", "shop-web-a", "a")]


def test_another_revision_is_told_beside_what_is_not_kept():
    here = world()
    before = on_a(here)
    other = dataclasses.replace(before[0], revision="e" * len(before[0].revision))
    found = place(here, asking(cheap(1.0)), (other,), keep=False)
    assert found.changes[0].action == "replace"
    assert found.changes[0].detail.endswith("; stays, though costs 2 an hour > 1")
