"""Instances placed one after the other: what is worked out step by step is as if made anew."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.fleet.steps import STEPS, act
from tests.hub.placement.boxes import assignment, fleet, node, workload

from skerry_hub.placement.board import board_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World, repels
from skerry_hub.terms import Affinity, AtMost, Placement, Spread

TOPOLOGIES = st.sampled_from(["node", "site", "zone"])
WEIGHTS = st.sampled_from([None, None, 1, 60])
TERMS = st.builds(
    Placement,
    affinity=st.lists(
        st.builds(
            Affinity,
            workload=st.sampled_from(["shop-web", "shop-db", "x"]),
            topology=TOPOLOGIES,
            anti=st.booleans(),
            weight=WEIGHTS,
        ),
        max_size=2,
    ).map(tuple),
    spread=st.lists(
        st.builds(
            Spread,
            topology=TOPOLOGIES,
            max_skew=st.integers(1, 2),
            weight=WEIGHTS,
            weights=st.sampled_from([{}, {"quay": 2}]),
        ),
        max_size=2,
    ).map(tuple),
    at_most=st.lists(
        st.builds(AtMost, topology=TOPOLOGIES, count=st.integers(1, 3)), max_size=1
    ).map(tuple),
)
PLACES = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 4]),
        st.sampled_from([None, "quay", "pier"]),
        st.sampled_from([None, "1", "2"]),
    ),
    max_size=6,
)
SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def boxes(places):
    for index, (cpus, site, zone) in enumerate(places):
        labels = {"site": site, "zone": zone}
        found = {key: text for key, text in labels.items() if text is not None}
        yield node(f"n{index}", cpus=cpus, labels=found)


def shop(placement, cpu, **more):
    return dataclasses.replace(workload(cpu=cpu, **more), placement=placement)


def world_of(columns, load):
    other = dataclasses.replace(
        workload("shop-db"),
        placement=Placement(affinity=(Affinity(workload="shop-web", topology="site", anti=True),)),
    )
    known = {one.name: one for one in (load, other)}
    return World(columns, workloads=known, repelling=tuple(filter(repels, known.values())))


@given(PLACES, STEPS, TERMS, st.sampled_from([0, 600]))
@SOME
def test_what_was_followed_is_as_a_session_made_anew(places, steps, placement, cpu):
    columns = fleet(*boxes(places))
    act(columns, steps)
    load = shop(placement, cpu)
    world = world_of(columns, load)
    session = Session(world, load, load.revision)
    placed = []
    for index in range(6):
        anew = Session(world, load, load.revision, placed)
        assert session.keys().tolist() == anew.keys().tolist()
        assert session.best() == anew.best()
        row = session.best()
        one = session.place(f"shop-web-{index}")
        assert (one is None) == (row is None)
        if one is None:
            break
        assert one.node == columns.facts(row).id
        placed.append(one)


@given(PLACES, TERMS, st.sampled_from([0, 600]))
@SOME
def test_the_best_is_of_the_largest_key_and_nothing_refuses_it(places, placement, cpu):
    columns = fleet(*boxes(places))
    load = shop(placement, cpu)
    session = Session(world_of(columns, load), load, load.revision)
    for index in range(6):
        keys, row = session.keys(), session.best()
        taking = [
            one for one in session.layout.rows.tolist() if keys[session.layout.position[one]] >= 0
        ]
        assert sorted(taking) == [
            one for one in sorted(columns.rows().tolist()) if session.takes(one)
        ]
        assert (row is None) == (not taking)
        if row is None:
            break
        assert keys[session.layout.position[row]] == keys.max()
        assert session.term_refusals(row) == []
        session.place(f"shop-web-{index}")


def test_a_session_changes_no_board_of_others():
    columns = fleet(*(node(f"n{i}") for i in range(4)))
    load = workload(replicas=3)
    world = World(columns)
    before = board_of(world, load).keys.copy()
    with columns.trial():
        session = Session(world, load, load.revision, [assignment("shop-web-9", "n3")])
        for index in range(3):
            session.place(f"shop-web-{index}")
        assert session.own(columns.row("n3")) == 1
        assert session.own(columns.row("n0")) == 1
    assert board_of(world, load).keys.tolist() == before.tolist()


@pytest.mark.parametrize("placement", [Placement(), Placement(spread=(Spread(topology="node"),))])
def test_a_node_that_is_left_is_never_taken(placement):
    columns = fleet(node("a"), node("b", cpus=1))
    load = shop(placement, 600)
    session = Session(World(columns), load, load.revision, (), without="a")
    assert session.place("shop-web-0").node == "b"
    assert session.place("shop-web-1") is None
    assert Session(World(columns), load, load.revision, (), without="nobody").best() is not None
