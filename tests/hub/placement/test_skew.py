"""What an operator's apply moves so that hard spreads hold again."""

import dataclasses

import pytest
from tests.hub.placement.boxes import fleet, node, place, where, workload

from skerry_hub.placement.engine import reserve_decision
from skerry_hub.terms import Placement, Spread

SITE, ZONE = Spread(topology="site"), Spread(topology="zone")


def box(name, site=None, zone=None, **more):
    labels = {"site": site, "zone": zone}
    return node(name, labels={key: value for key, value in labels.items() if value}, **more)


def spreading(replicas, *spreads, **more):
    load = workload(replicas=replicas, ports=(), **more)
    return dataclasses.replace(load, placement=Placement(spread=spreads))


def placed(columns, load, current=()):
    """Apply, reserve, and return the decision."""
    decision = place(columns, load, current, keep=False)
    reserve_decision(columns, current, decision)
    return decision


def moves(decision):
    """Return what changed: which instance, and its node then."""
    return [
        (one.action, one.instance, one.node) for one in decision.changes if one.action != "keep"
    ]


def test_an_apply_evens_out_and_moves_no_more_than_it_must():
    columns = fleet(*(box(f"a{i}", "a") for i in range(4)))
    first = placed(columns, workload(replicas=10))
    columns.put(box("b", "b"))
    second = placed(columns, spreading(10, SITE), first.assignments)
    assert [(action, to) for action, _, to in moves(second)] == [("move", "b")] * 5
    assert second.unplaced == 0


def test_a_skew_that_no_move_mends_stays_and_nothing_ends():
    columns = fleet(box("a", "a", cpus=8), box("b", "b", cpus=1))
    pinned = workload(replicas=6, cpu=1000, constraints=["node.id == a"])
    first = placed(columns, pinned)
    second = placed(columns, spreading(6, SITE, cpu=1000), first.assignments)
    assert sorted(where(second).values()) == ["a"] * 5 + ["b"]
    assert second.unplaced == 0


BEFORE_WEST = (
    box("n0", None, "west"),
    box("n1", "quay", "west"),
    box("n2", "pier", "mid"),
    box("n3", "quay"),
)
"""Two go to n2, one to n1; then n2 comes into the zone of n1, and n3 into one where none is."""


def test_where_the_newest_can_go_nowhere_another_moves():
    even = spreading(3, ZONE, Spread(topology="site", weights={"pier": 2}))
    columns = fleet(*BEFORE_WEST)
    first = placed(columns, even)
    assert where(first) == {"shop-web-0": "n1", "shop-web-1": "n2", "shop-web-2": "n2"}
    columns.put(box("n2", "pier", "west"))
    columns.put(box("n3", "quay", "east"))
    second = placed(columns, even, first.assignments)
    assert moves(second) == [("move", "shop-web-0", "n3")]
    assert next(one.detail for one in second.changes) == "from n1: too many in zone west"


def test_an_instance_ends_because_of_its_node_and_none_because_of_a_skew():
    skewed = Spread(topology="site", max_skew=2), Spread(topology="zone", max_skew=2)
    columns = fleet(
        box("n0", "mole", "mid", cpus=1),
        box("n1", "pier", "west", cpus=2),
        box("n2", "pier", "mid", cpus=4),
        box("n3", "pier", "east", cpus=1),
        box("n4", "mole", "west", cpus=1),
    )
    first = placed(columns, spreading(6, *skewed, cpu=300))
    gone = [one for one in first.assignments if one.node == "n4"]
    left = [one for one in first.assignments if one.node != "n4"]
    assert len(gone) == 1
    columns.remove("n4")
    columns.put(box("n1", None, "west", cpus=1))
    second = placed(columns, spreading(6, *skewed, cpu=300), left)
    ended = {one.instance for one in second.changes if one.action == "remove"}
    assert ended <= {one.id for one in left if one.node == "n1"}


@pytest.mark.parametrize("spreads", [(SITE, ZONE), (ZONE, SITE)])
def test_two_spreads_hold_again_together_and_the_same_again_moves_nothing(spreads):
    sites, zones = ("quay", "pier", "mole"), ("east", "west")
    columns = fleet(*(box(f"n{i}", "quay", "east") for i in range(6)))
    first = placed(columns, spreading(12, *spreads))
    for i in range(6):
        columns.put(box(f"n{i}", sites[i % 3 if i else 1], zones[i % 2]))
    second = placed(columns, spreading(12, *spreads), first.assignments)
    third = placed(columns, spreading(12, *spreads), second.assignments)
    at = list(where(second).values())
    told = {f"n{i}": (sites[i % 3 if i else 1], zones[i % 2]) for i in range(6)}
    for index, domains in enumerate((sites, zones)):
        counts = [sum(told[one][index] == name for one in at) for name in domains]
        assert max(counts) - min(counts) <= 1
    assert not moves(third)


def test_what_a_node_has_not_told_moves_nothing():
    columns = fleet(*(box(f"a{i}", "a") for i in range(2)))
    first = placed(columns, workload(replicas=4, ports=()))
    for name in ("a0", "a1"):
        columns.put(node(name, hub_labels={"site": "a"}, known=False))
    columns.put(box("b", "b"))
    second = placed(columns, spreading(4, SITE), first.assignments)
    assert not moves(second)


def test_what_moves_makes_room_for_what_is_missing():
    columns = fleet(box("a", "a", cpus=4), box("b", "b", cpus=3), box("c", "b", cpus=1))
    pinned = workload(replicas=4, cpu=1000, constraints=["node.id == a"], ports=())
    first = placed(columns, pinned)
    second = placed(columns, spreading(6, SITE, cpu=1000), first.assignments)
    assert second.unplaced == 0
    assert len(second.assignments) == 6


def test_what_would_break_one_spread_does_not_move_for_another():
    columns = fleet(*(box(f"n{i}") for i in range(5)))
    first = placed(columns, workload(replicas=5, ports=()))
    at = [("quay", "west"), ("quay", "west"), ("pier", "west"), ("mole", "mid"), ("quay", "east")]
    for i, domains in enumerate(at):
        columns.put(box(f"n{i}", *domains))
    even = spreading(5, SITE, Spread(topology="zone", max_skew=2))
    second = placed(columns, even, first.assignments)
    # Without the newest no instance is in the east, and three in the west are too many then.
    assert moves(second) == [("move", "shop-web-1", "n2")]
