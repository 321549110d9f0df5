"""Whole plans: every step valid by another placer, every gain as said, and nothing without need."""

import random

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.hub.placement import slow
from tests.hub.rebalance import fleets
from tests.hub.rebalance.fleets import node, prices, uneven, work_of, workload
from tests.hub.test_desired import check

from skerry_hub import draining
from skerry_hub.balance.chains import chains_of
from skerry_hub.balance.steps import Step
from skerry_hub.rebalance.choosing import total_of
from skerry_hub.rebalance.moving import move_all
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.planning import GivenUpError, plan
from skerry_hub.rebalance.records import RebalanceRequest
from skerry_hub.rebalance.search import loss
from skerry_hub.rebalance.tracked import Tracked
from skerry_hub.terms import Affinity, AtMost, Placement

OBJECTIVES = ("balance", "pack", "cost")
PRICES = (
    prices("a", "quay", cpu_hour=1.0, node_hour=0.5),
    prices("b", "pier", cpu_hour=2.0, gib_hour=0.1),
)


def planned(work, objective="balance", move_cost=10.0, **fields):
    request = RebalanceRequest(
        objective=objective, move_cost_percent=move_cost, **{"time_limit_s": 5.0, **fields}
    )
    return plan(work, request)


def moves_of(view):
    return [move for wave in view.waves for move in wave.moves]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32), objective=st.sampled_from(OBJECTIVES), wave=st.integers(1, 4))
def test_every_step_is_valid_and_gains_what_it_says(seed, objective, wave):
    work = work_of(fleets.drawn(seed), "spread", *PRICES)
    picture = picture_of(work, objective, 10.0)
    view = planned(work, objective, wave=wave, time_limit_s=2.0)
    event(f"{objective}: {'moves' if view.waves else 'no moves'}")
    total = view.after + view.moves_cost
    assert view.bound - 1e-9 <= total <= view.before + 1e-9
    assert sum(move.gain for move in moves_of(view)) == pytest.approx(view.before - view.after)
    for one in view.waves:
        assert 1 <= len(one.moves) <= wave
        for move in one.moves:
            fleet = fleets.slow_fleet(work).without(move.instance)
            target = fleet.node(move.target)
            assert slow.refusals(fleet, fleet.workloads[move.workload], target) == set()
            move_all(work, [move])
            there = work.draft.assignments.get(move.instance)
            assert there.node == move.target
        check(work)
    homes = [work.draft.assignments.get(one.id).node for one in picture.moving]
    if picture.problem is not None:
        reached = loss(picture, picture.problem, [picture.nodes.index(home) for home in homes])
        assert reached / picture.unit == pytest.approx(view.after)


def test_a_fleet_made_uneven_becomes_even():
    nodes = [node(f"n{index}") for index in range(4)]
    loads = [workload(f"shop-w{index}", replicas=1) for index in range(8)]
    work = work_of(uneven(nodes, loads, ["n3"]))
    view = planned(work)
    assert [move.target for move in moves_of(view)] == ["n3", "n3"]
    move_all(work, moves_of(view))
    assert sorted(len(work.draft.on_node(one.id)) for one in nodes) == [2, 2, 2, 2]
    assert (view.nodes_used_before, view.nodes_used_after) == (3, 4)
    assert (view.ended, view.gap) == ("optimal", 0.0)
    assert planned(work).waves == ()


def test_a_fleet_that_is_placed_well_has_no_moves():
    nodes = [node(f"n{index}") for index in range(4)]
    loads = [workload(f"shop-w{index}", replicas=3, cpu=300) for index in range(4)]
    work = work_of(uneven(nodes, loads, []))
    for objective in OBJECTIVES[:1]:
        view = planned(work, objective)
        assert (view.waves, view.before) == ((), view.after)


def test_a_crowded_node_lets_go_of_what_crowds_it():
    nodes = [node("n0"), node("n1", cpus=64, memory=2**38)]
    work = work_of(uneven(nodes, [workload(replicas=2)], ["n0"]))
    assert [one.target for one in moves_of(planned(work))] == ["n0"]


def test_moves_cost_and_too_dear_a_move_is_not_made():
    nodes = [node(f"n{index}") for index in range(2)]
    loads = [workload(f"shop-w{index}") for index in range(3)]
    work = work_of(uneven(nodes, loads, ["n1"]))
    assert len(moves_of(planned(work, move_cost=10))) == 1
    assert moves_of(planned(work, move_cost=100)) == []


def test_packing_empties_nodes():
    nodes = [node(f"n{index}") for index in range(4)]
    loads = [workload(f"shop-w{index}", cpu=1000) for index in range(4)]
    work = work_of(uneven(nodes, loads, []))
    view = planned(work, "pack")
    assert (view.before, view.after, view.nodes_used_after) == (4.0, 1.0, 1)
    assert len(moves_of(view)) == 3
    assert view.bound == pytest.approx(view.after + view.moves_cost)


def test_cost_is_counted_in_money():
    nodes = [node("n0", "quay"), node("n1", "pier")]
    work = work_of(uneven(nodes, [workload(cpu=2000)], ["n0"]), "spread", *PRICES)
    view = planned(work, "cost")
    assert (view.before, view.after) == (pytest.approx(4.0), pytest.approx(2.5))
    assert [one.gain for one in moves_of(view)] == [pytest.approx(1.5)]
    assert planned(work, "cost", move_cost=50).waves == ()


def test_two_that_could_only_swap_by_a_stop_are_left_out():
    # Each node has room for one, and each instance is where the other would be cheaper.
    nodes = [node("n0", "quay", cpus=2), node("n1", "pier", cpus=2)]
    costs = (
        prices("a", "quay", cpu_hour=2.0),
        prices("b", "pier", gib_hour=2.0),
    )
    loads = [
        workload("shop-w0", cpu=1500),
        workload("shop-w1", cpu=1500, memory=2**30),
    ]
    work = work_of(uneven(nodes, loads, []), "spread", *costs)
    view = planned(work, "cost", move_cost=0)
    homes = {one.id: one.node for one in work.draft.assignments.values()}
    assert homes == {"shop-w0-0": "n0", "shop-w1-0": "n1"}
    assert (view.waves, view.moves_left_out, view.ended) == ((), 2, "left out")
    assert view.left_out == {"stop": 2}
    assert view.gap > 0


def test_a_plan_that_nobody_wants_any_more_is_none():
    loads = [workload(f"shop-w{index}") for index in range(4)]
    work = work_of(uneven([node("n0"), node("n1")], loads, ["n1"]))
    assert plan(work, RebalanceRequest(), lambda: False).waves
    with pytest.raises(GivenUpError):
        plan(work, RebalanceRequest(), lambda: True)


def test_what_one_look_finds_refused_the_next_does_without():
    # To move the smaller one costs less, but it must not be beside the one that stays.
    term = Affinity(workload="shop-b", topology="node", anti=True)
    stays = workload("shop-b", labels={"skerry.rebalance": "never"})
    known = uneven([node("n0"), node("n1")], [stays], ["n0"])
    known = fleets.changed(known, ["n1"], draining.cordon)
    for one in (workload("shop-a", Placement(affinity=(term,)), cpu=1500),
                workload("shop-c", cpu=2000)):  # fmt: skip
        known = fleets.put(known, one)
    known = fleets.changed(known, ["n1"], draining.uncordon)
    view = planned(work_of(known))
    assert [(one.instance, one.target) for one in moves_of(view)] == [("shop-c-0", "n1")]
    (refused,) = view.refused
    assert refused.startswith("shop-a-0 cannot move to n1: n1 does not take it: antiAffinity")
    assert (view.ended, view.left_out, view.gap > 0) == ("left out", {"refused": 1}, True)


def test_a_fleet_with_nothing_to_move_says_so():
    view = planned(work_of(fleets.Known([node("n0")])))
    assert (view.waves, view.instances, view.ended) == ((), 0, "optimal")
    assert view.nodes == 1


def test_what_a_plan_says_has_the_hubs_strategy_for_its_objective():
    known = uneven([node("n0"), node("n1")], [workload()], [])
    for strategy, objective in (("spread", "balance"), ("pack", "pack")):
        assert plan(work_of(known, strategy), RebalanceRequest()).objective == objective


def full_sites():
    """Return a fleet to pack whose one workload has every place that its sites allow.

    Each site has two of `shop-a`, one a node, each with one of `shop-c` beside it; two nodes more
    have `shop-b`. So three can leave their nodes, but of `shop-a` only within their sites.
    """
    nodes = [node(f"{site}{at}", site, cpus=4) for site in fleets.SITES for at in range(4)]
    names = [one.id for one in nodes]
    limits = (AtMost(topology="site", count=2), AtMost(topology="node", count=1))
    known = uneven(nodes, [workload("shop-b", replicas=6, cpu=2500)], names[0::4] + names[1::4])
    away = names[2::4] + names[3::4]
    known = fleets.changed(known, away, draining.cordon)
    known = fleets.put(known, workload("shop-a", Placement(at_most=limits), replicas=6, cpu=10))
    known = fleets.put(known, workload("shop-c", replicas=6, cpu=200))
    return fleets.changed(known, away, draining.uncordon)


@pytest.mark.parametrize("wave", [1, 3, 10, 100])
def test_one_plan_empties_all_that_two_would(wave):
    work = work_of(full_sites())
    view = planned(work, "pack", wave=wave)
    assert (view.ended, view.gap) == ("optimal", 0.0)
    moves = moves_of(view)
    assert len(moves) == len({move.instance for move in moves})
    assert view.after == 6.0 < view.before
    site_of = {facts.id: facts.id[:-1] for facts in work.draft.nodes.values()}
    for move in moves:
        if move.workload == "shop-a":
            assert site_of[move.source] == site_of[move.target], "it would wait for another's site"
    for one in view.waves:
        move_all(work, one.moves)
    check(work)
    again = planned(work, "pack")
    assert (again.waves, again.ended, again.before) == ((), "optimal", view.after)


def test_where_a_third_node_has_room_they_change_places_through_it():
    nodes = [node("n0", "quay", cpus=2), node("n1", "pier", cpus=2), node("n2", "mole", cpus=2)]
    costs = (
        prices("a", "quay", cpu_hour=2.0),
        prices("b", "pier", gib_hour=2.0),
        prices("c", "mole", cpu_hour=9.0, gib_hour=9.0),
    )
    loads = [workload("shop-w0", cpu=1500), workload("shop-w1", cpu=1500, memory=2**30)]
    work = work_of(uneven(nodes, loads, ["n2"]), "spread", *costs)
    view = planned(work, "cost", move_cost=0)
    assert [move.target for move in moves_of(view)] in (["n2", "n0", "n1"], ["n2", "n1", "n0"])
    assert (view.ended, view.gap, view.left_out) == ("optimal", 0.0, {})


def test_a_chain_that_needs_a_stop_is_left_out_and_the_rest_is_made():
    # The first two could only change places; the third may go to the fourth node.
    nodes = [
        node("n0", "quay", cpus=2),
        node("n1", "pier", cpus=2),
        node("n2", "mole", cpus=1),
        node("n3", "dune", cpus=1),
    ]
    costs = (
        prices("a", "quay", cpu_hour=2.0),
        prices("b", "pier", gib_hour=2.0),
        prices("c", "mole", cpu_hour=9.0),
        prices("d", "dune", cpu_hour=8.0),
    )
    loads = [
        workload("shop-w0", cpu=1800),
        workload("shop-w1", cpu=1800, memory=2**30),
        workload("shop-w2", cpu=500),
    ]
    work = work_of(uneven(nodes, loads, ["n3"]), "spread", *costs)
    view = planned(work, "cost", move_cost=0)
    made = [(move.instance, move.target, move.gain) for move in moves_of(view)]
    assert made == [("shop-w2-0", "n3", pytest.approx(0.5))]
    assert (view.ended, view.left_out, view.gap > 0) == ("left out", {"stop": 2}, True)
    for one in view.waves:
        move_all(work, one.moves)
    assert planned(work, "cost", move_cost=0).waves == ()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    seed=st.integers(0, 2**32),
    objective=st.sampled_from(OBJECTIVES),
    most=st.sampled_from((None, 1, 3)),
)
def test_every_move_is_of_a_chain_that_gains(seed, objective, most):
    work = work_of(fleets.drawn(seed), "spread", *PRICES)
    picture = picture_of(work, objective, 10.0)
    view = planned(work, objective, wave=3, time_limit_s=2.0, max_moves=most)
    if picture.problem is None:
        return
    items = {one.id: at for at, one in enumerate(picture.moving)}
    waves = tuple(
        tuple(
            Step(
                item=items[move.instance],
                source=picture.nodes.index(move.source),
                target=picture.nodes.index(move.target),
            )
            for move in wave.moves
        )
        for wave in view.waves
    )
    tracked = Tracked(picture, picture.problem)
    steps = [step for wave in waves for step in wave]
    whole = total_of(tracked, waves)
    assert whole / picture.unit == pytest.approx(view.after + view.moves_cost)
    for chain in chains_of(picture.problem, waves):
        others = tuple(step for at, step in enumerate(steps) if at not in chain)
        assert total_of(tracked, (others,)) > whole
    assert most is None or len(steps) <= most


def limited(seed, count):
    """Return a fleet with numbers in sites and nodes as its only terms, mostly full ones."""
    pick = random.Random(seed)
    nodes = [
        node(f"n{at:03}", f"site{at % max(3, count // 8)}", cpus=pick.choice((2, 4, 8)))
        for at in range(count)
    ]
    site, both = AtMost(topology="site", count=2), AtMost(topology="node", count=1)
    loads = [
        workload(
            f"shop-w{at}",
            pick.choice((Placement(), Placement(at_most=(site, both)), Placement(at_most=(site,)))),
            replicas=pick.randint(2, count // 3),
            cpu=pick.choice((100, 500, 1500)),
        )
        for at in range(8)
    ]
    return uneven(nodes, loads, [one.id for one in nodes if pick.random() < 0.3])


@pytest.mark.parametrize("seed", range(6))
def test_asked_again_it_finds_nothing(seed):
    work = work_of(limited(seed, 12 + 12 * (seed % 3)))
    view = planned(work, "pack", wave=5)
    assert (view.ended, view.left_out) == ("optimal", {})
    assert view.after < view.before
    for wave in view.waves:
        move_all(work, wave.moves)
    again = planned(work, "pack")
    assert (again.waves, again.before) == ((), view.after)
