"""Who depends on which nodes, by what is wanted: plainly, followed, and its effect."""

import dataclasses
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.fleet.steps import STEPS, act
from tests.hub.placement.boxes import assignment, fleet, node, place, where, workload
from tests.hub.placement.test_board import anew, told

from skerry_hub.documents import Policy
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Liveness
from skerry_hub.placement.board import board_of
from skerry_hub.placement.contention import MOST_NODES, THETA
from skerry_hub.placement.expected import (
    LEAST_WORKLOADS,
    MOST_WORKLOADS,
    Expected,
    expected_of,
)
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import ANYWHERE, Placement
from skerry_wire.runtime_limits import RuntimeInUse

PACK = Placement(strategy="pack")


def at(name, site, replicas=1, cpu=1000, placement=ANYWHERE, **more):
    """Return a workload that must be at a site; where that is None, anywhere."""
    bound = [f"node.labels.site == {site}"] if site else []
    made = workload(name, replicas=replicas, cpu=cpu, constraints=bound, **more)
    return dataclasses.replace(made, placement=placement)


def named(*loads):
    return {one.name: one for one in loads}


def box(name, site=None, cpus=4, **more):
    return node(name, cpus=cpus, labels={"site": site} if site else {}, **more)


def pressed(world, load):
    """Return the pressure of one more instance, by node."""
    found = Expected(world.columns)
    found.follow(world)
    rows = world.columns.rows()
    return dict(zip(world.columns.ids(), found.pressure(load, rows, 0.0).tolist(), strict=True))


# --- plainly ------------------------------------------------------------------------------------


def plain_room(columns, name, typical, less=0):
    free = columns.free_on(Resource.CPU, columns.row(name))
    return max(0.0, (free - less) / typical) if typical else 0.0


def plain_pressure(columns, loads, load, name):
    """Return the pressure on one node, of workloads that ask for processors and a site alone."""
    replicas = sum(one.replicas for one in loads)
    typical = sum(one.resources.cpu_milli * one.replicas for one in loads) / max(1, replicas)
    less = load.resources.cpu_milli
    lost = plain_room(columns, name, typical) - plain_room(columns, name, typical, less)
    found = 0.0
    for one in loads:
        site = one.constraints[0].value if one.constraints else None
        places = [
            other
            for other in columns.ids()
            if site in (None, columns.facts(columns.row(other)).value("node.labels.site"))
            and columns.facts(columns.row(other)).liveness is Liveness.ONLINE
        ]
        if name not in places or not one.replicas:
            continue
        missing = max(0, one.replicas - len(columns.instances_of(one.name)))
        left = sum(plain_room(columns, other, typical) for other in places)
        likely = math.exp(-min(left / THETA, 40.0))
        found += (one.replicas + missing) * likely * (math.exp(min(lost / THETA, 40.0)) - 1.0)
    return found


BOXES = st.lists(
    st.tuples(st.sampled_from([None, "quay", "pier"]), st.sampled_from([1, 2, 4]), st.booleans()),
    min_size=1,
    max_size=5,
)
LOADS = st.lists(
    st.tuples(
        st.sampled_from([None, "quay", "pier"]),
        st.integers(0, 4),
        st.sampled_from([0, 500, 2000]),
    ),
    min_size=1,
    max_size=4,
)


@given(BOXES, LOADS, st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=4))
@settings(max_examples=150, deadline=None)
def test_pressure_is_what_a_plain_computation_says(boxes, asked, placed):
    columns = fleet(
        *(
            box(f"n{number}", site, cpus, liveness=Liveness.ONLINE if online else Liveness.LOST)
            for number, (site, cpus, online) in enumerate(boxes)
        )
    )
    loads = [
        at(f"w{number}", site, replicas, cpu) for number, (site, replicas, cpu) in enumerate(asked)
    ]
    for number, (there, which) in enumerate(placed):
        one = loads[which % len(loads)]
        instance = f"{one.name}-{number}"
        columns.reserve(assignment(instance, f"n{there % len(boxes)}", of=one))
    load = workload("more", cpu=1000)
    found = pressed(World(columns, workloads=named(*loads)), load)
    expected = {name: plain_pressure(columns, loads, load, name) for name in columns.ids()}
    # Less than a thousandth of an instance is none: the engine leaves off a distribution's tail.
    assert found == pytest.approx(expected, rel=2e-3, abs=1e-3)


# --- followed -----------------------------------------------------------------------------------

WANTED = [
    at("one", "quay", 2, placement=PACK),
    at("two", "quay", 3, cpu=2000, placement=PACK),
    at("three", None, 1, cpu=500, placement=PACK),
    at("four", "pier", 1, placement=PACK),
]


@given(
    st.lists(
        st.tuples(
            STEPS, st.lists(st.sampled_from(WANTED), min_size=1, unique_by=id), st.booleans()
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_followed_is_as_one_made_anew_and_so_are_boards(turns):
    columns = fleet(*(box(f"n{number}", "quay", 1) for number in range(2)))
    kept = Expected(columns)
    for version, (steps, loads, is_tried) in enumerate(turns):
        world = World(columns, workloads=named(*loads), workloads_version=version)
        with columns.trial() as trial:
            act(columns, steps)
            for one in loads:
                assert told(columns, board_of(world, one)) == told(columns, anew(world, one))
            kept.follow(world)
            rows = columns.rows()
            found = kept.pressure(loads[0], rows, 0.0).tolist()
            assert found == list(pressed(world, loads[0]).values())
            if not is_tried:
                trial.keep()


def test_a_row_that_another_node_got_is_nothing_of_a_class():
    columns = fleet(box("a", "quay", 1), box("b", "quay", 1), box("c", None, 1))
    world = World(columns, workloads=named(at("w", "quay", 5)), workloads_version=1)
    load = workload("more", cpu=1000)
    kept = Expected(columns)
    kept.follow(world)
    row = columns.row("b")
    columns.remove("b")
    columns.put(box("z", None, 1))
    assert columns.row("z") == row
    kept.follow(world)
    found = kept.pressure(load, columns.rows(), 0.0)
    assert (found > 0).tolist() == [True, False, False]  # a, c, z


def test_a_board_sees_that_nobody_depends_on_a_node_any_more():
    columns = fleet(box("a", "quay", 2), box("b", "pier", 2))
    load = at("any", None, placement=PACK)
    for version, site in enumerate(["quay", "pier", "quay"]):
        wanted = named(at("w", site, 3))
        world = World(columns, workloads=wanted, workloads_version=version)
        assert told(columns, board_of(world, load)) == told(columns, anew(world, load))


def test_a_version_that_is_the_same_is_not_looked_at_again():
    columns = fleet(box("a", "quay", 1))
    kept = Expected(columns)
    kept.follow(World(columns, workloads=named(at("w", "quay")), workloads_version=1))
    assert kept.presses
    kept.follow(World(columns, workloads={}, workloads_version=1))
    assert kept.presses
    kept.follow(World(columns, workloads={}, workloads_version=None))
    assert not kept.presses


def test_a_log_that_begins_anew_leaves_no_old_board():
    columns = fleet(*(box(f"n{number}", "quay", 1) for number in range(3)))
    load = at("any", None, placement=PACK)
    wanted = named(load, at("w", "quay", 4))
    for turn in range(4200):
        world = World(columns, workloads=wanted, workloads_version=1)
        one = assignment("x-0", f"n{turn % 3}", of=workload("x", cpu=100 + turn % 7))
        columns.reserve(one)
        if turn % 300 == 0:
            assert told(columns, board_of(world, load)) == told(columns, anew(world, load))
        found = expected_of(world)
        assert len(found.changed) <= 4 * columns.size + 4096
    assert found.epoch > 0


# --- who counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "load",
    [
        at("w", "quay", 0),
        at("w", "pier"),
        at("w", "quay", mode="global"),
    ],
)
def test_who_asks_for_nothing_more_or_can_be_nowhere_presses_nobody(load):
    columns = fleet(box("a", "quay", 1))
    assert expected_of(World(columns, workloads=named(load))) is None


def test_who_may_be_on_very_many_nodes_presses_nobody():
    columns = fleet(*(box(f"n{number}", "quay", 1) for number in range(MOST_NODES + 1)))
    columns.put(box("z", "pier", 1))
    assert expected_of(World(columns, workloads=named(at("w", "quay"), at("x", None)))) is None
    assert expected_of(World(columns, workloads=named(at("w", "pier")))) is not None


def test_of_many_workloads_those_with_most_replicas_count():
    columns = fleet(box("a", "quay", 1))
    loads = [at(f"w{number:04}", "quay", 1 + number) for number in range(MOST_WORKLOADS + 3)]
    found = Expected(columns)
    found.follow(World(columns, workloads=named(*loads)))
    assert len(found._places) == MOST_WORKLOADS >= LEAST_WORKLOADS
    assert {"w0000", "w0001", "w0002"}.isdisjoint(found._places)


def test_a_policy_that_comes_says_where_workloads_may_be():
    columns = fleet(box("a", "quay", 1), box("b", "pier", 1))
    loads = named(at("w", None, 3))
    load = workload("more", cpu=1000)
    before = pressed(World(columns, workloads=loads), load)
    assert before["a"] == before["b"] > 0
    policy = Policy(name="here", residency={"site": ("quay",)})
    world = World(columns, workloads=loads, rules=rules_of([policy], 1))
    after = pressed(world, load)
    assert after["a"] > 0 == after["b"]


# --- what it makes of placements ----------------------------------------------------------------


def test_runtimes_that_are_told_say_where_workloads_may_be():
    columns = fleet(*(box(name, "quay", cpus=1) for name in "ab"))
    load, other = at("sight", "quay", replicas=2), at("till", None)
    world = World(columns, workloads=named(load, other))
    found = Expected(columns)
    found.follow(world)
    columns.put(box("b", "quay", cpus=1, runtime_in_use=RuntimeInUse(name="containerd")))
    found.follow(world)
    rows = columns.rows()
    anew = list(pressed(world, other).values())
    assert found.pressure(other, rows, 0.0).tolist() == anew
    assert anew[0] > anew[1] == 0.0, "nobody maps ports or has a bridge there"


def test_an_instance_leaves_the_room_that_few_others_have():
    columns = fleet(box("a", "quay"), box("b"))
    anywhere = at("any", None, placement=PACK)
    bound = at("bound", "quay", 4)
    alone = named(anywhere)
    assert where(place(columns, anywhere, [], keep=False, workloads=alone)) == {"any-0": "a"}
    both = named(anywhere, bound)
    assert where(place(columns, anywhere, [], keep=False, workloads=both)) == {"any-0": "b"}
    spread = dataclasses.replace(anywhere, placement=Placement(strategy="spread"))
    assert where(place(columns, spread, [], keep=False, workloads=both)) == {"any-0": "a"}
    by_default = dataclasses.replace(anywhere, placement=Placement())
    decision = place(columns, by_default, [], keep=False, workloads=both, strategy="pack")
    assert where(decision) == {"any-0": "b"}


def test_more_find_a_place_where_the_room_of_few_is_left_to_them():
    """Anybody comes first, and fills the site of those who can be nowhere else, if he may."""
    counts = {}
    for knows in (False, True):
        columns = fleet(box("a", "quay"), box("b"), box("c"))
        anywhere = [at(f"any-{number}", None, placement=PACK) for number in range(6)]
        bound = at("bound", "quay", 4, placement=PACK)
        wanted = named(*anywhere, bound) if knows else {}
        counts[knows] = 0
        for one in (*anywhere, bound):
            for placed in place(columns, one, [], keep=False, workloads=wanted).assignments:
                columns.reserve(placed)
                counts[knows] += 1
    assert counts == {False: 6, True: 10}
