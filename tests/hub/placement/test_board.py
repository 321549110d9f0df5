"""Boards: worked out once for a shape, and followed as the fleet changes."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.fleet.steps import STEPS, act
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    place,
    where,
    workload,
)

from skerry_hub.model import Liveness, Taint
from skerry_hub.placement.board import NOWHERE, RANK_BITS, RANKS, Board, board_of
from skerry_hub.placement.layout import Layout
from skerry_hub.placement.topology import topologies_of
from skerry_hub.placement.world import World
from skerry_hub.terms import AtMost, DeviceRequest, Placement, Spread


def asking(name="shop-web", *, expressions=(), placement=None, **more):
    made = workload(name, **more)
    found = dataclasses.replace(made, expressions=tuple(expressions))
    return dataclasses.replace(found, placement=placement) if placement is not None else found


BY_SITE = Placement(at_most=(AtMost(topology="site", count=1),), spread=(Spread(topology="node"),))
SHAPES = [
    asking("one", cpu=1000, memory=GIB),
    asking("two", ports=("tcp/80",), constraints=["node.labels.site == quay"]),
    asking("three", accelerators=[gpus()], expressions=["node.labels.site exists"]),
    asking("four", accelerators=[DeviceRequest(kind="gpu", share_milli=600)]),
    asking("five", placement=BY_SITE),
    asking("six", mode="global", placement=Placement(strategy="pack")),
]


def told(columns, board):
    """Return each node's key and whether it passes what instances do not use up, by id."""
    rows = board.layout.rows.tolist()
    names = [columns.facts(row).id for row in rows]
    keys, passes = board.keys.tolist(), board.passes_once.tolist()
    spans = zip(board.layout.starts.tolist(), board.layout.ends.tolist(), strict=True)
    assert board.best.tolist() == [board.keys[start:end].max() for start, end in spans]
    assert [board.key_of(row) for row in rows] == keys
    return dict(zip(names, zip(keys, passes, strict=True), strict=True))


def anew(world, load):
    return Board(world, load, Layout(world.columns, topologies_of(world, load)))


@given(STEPS, st.lists(st.tuples(st.sampled_from(SHAPES), STEPS), min_size=1, max_size=4))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_board_that_followed_is_as_one_made_anew(first, turns):
    columns = fleet(*(node(f"n{i}", labels={"site": "quay"}) for i in range(3)))
    world = World(columns)
    act(columns, first)
    for load, steps in turns:
        for other in SHAPES[:3]:
            board_of(world, other)
        act(columns, steps)
        for one in (*SHAPES[:3], load):
            assert told(columns, board_of(world, one)) == told(columns, anew(world, one))


@given(STEPS, STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_boards_are_right_within_a_trial_and_after_it(first, tried):
    columns = fleet()
    world = World(columns)
    act(columns, first)
    before = [told(columns, board_of(world, load)) for load in SHAPES]
    with columns.trial():
        act(columns, tried)
        for load in SHAPES:
            assert told(columns, board_of(world, load)) == told(columns, anew(world, load))
    assert [told(columns, board_of(world, load)) for load in SHAPES] == before


def test_workloads_of_one_shape_share_a_board_and_others_do_not():
    world = World(fleet(node("a")))
    board = board_of(world, asking("one", cpu=100))
    assert board_of(world, asking("other", cpu=100, image="web:2", replicas=9)) is board
    assert board_of(world, asking("one", cpu=101)) is not board
    assert board_of(world, asking("one", cpu=100, placement=BY_SITE)) is not board
    tolerant = asking("one", cpu=100, mode="global")
    assert board_of(world, tolerant) is not board
    assert board_of(world, asking("one", cpu=100)) is board


def test_of_equal_nodes_the_smallest_id_has_the_largest_key():
    columns = fleet(*(node(name) for name in "cab"))
    keys = {
        name: key for name, (key, _) in told(columns, board_of(World(columns), asking())).items()
    }
    assert keys["a"] > keys["b"] > keys["c"]
    assert len({key >> RANK_BITS for key in keys.values()}) == 1
    assert [RANKS - (keys[name] & RANKS) for name in "abc"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("box", "passes"),
    [
        (node("a", cpus=1), True),
        (node("a", liveness=Liveness.LOST), False),
        (dataclasses.replace(node("a"), taints=(Taint(key="k", effect="NoSchedule"),)), False),
    ],
)
def test_a_node_that_refuses_is_nowhere(box, passes):
    columns = fleet(box)
    found = told(columns, board_of(World(columns), asking(cpu=2000)))
    assert found == {"a": (NOWHERE, passes)}


def test_what_is_given_back_is_there_again():
    columns = fleet(node("a", accelerators=[accelerator("1")]))
    load = asking(accelerators=[gpus()], cpu=3000)
    world = World(columns)
    before = told(columns, board_of(world, load))
    held = place(columns, load, [], keep=False).assignments
    for one in held:
        columns.reserve(one)
    assert told(columns, board_of(world, load))["a"][0] == NOWHERE
    for one in held:
        columns.release(one)
    assert told(columns, board_of(world, load)) == before


def test_a_label_that_changed_is_seen_by_what_spreads():
    columns = fleet(*(node(name, labels={"site": "quay"}) for name in "ab"))
    load = asking(placement=Placement(at_most=(AtMost(topology="site", count=1),)), replicas=2)
    assert where(place(columns, load, [], keep=False)) == {"shop-web-0": "a"}
    columns.put(node("b", labels={"site": "pier"}))
    assert where(place(columns, load, [], keep=False)) == {"shop-web-0": "a", "shop-web-1": "b"}
    columns.put(node("b", labels={"site": "quay"}))
    assert where(place(columns, load, [], keep=False)) == {"shop-web-0": "a"}


def test_boards_are_right_after_the_list_of_changes_began_anew():
    columns = fleet(node("a"), node("b"))
    world = World(columns)
    board_of(world, SHAPES[0])
    for number in range(5000):
        columns.put(node("a", cpus=1 + number % 3))
        if number % 500 == 0:
            columns.reserve(assignment("x-0", "b", of=workload("x", cpu=number % 4000)))
            assert told(columns, board_of(world, SHAPES[0])) == told(
                columns, anew(world, SHAPES[0])
            )
    assert columns.epoch == 1
