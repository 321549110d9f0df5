"""What a plan tells: the waves up to where everything counts least, and what is left out."""

import dataclasses

from tests.hub.rebalance.fleets import node, uneven, work_of, workload
from tests.hub.rebalance.test_planning import moves_of, planned

from skerry_hub.balance.solve import Effort
from skerry_hub.balance.steps import Step
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.plan_view import outcome_of, view_of
from skerry_hub.rebalance.records import RebalanceRequest, Wave
from skerry_hub.rebalance.solving import Solved, solved

EFFORT = Effort(time_s=5.0)


def test_no_more_moves_than_asked_for_the_best_first():
    nodes = [node(f"n{index}") for index in range(4)]
    loads = [workload(f"shop-w{index}", cpu=100 * (index + 1)) for index in range(12)]
    work = work_of(uneven(nodes, loads, ["n2", "n3"]))
    whole, some = planned(work), planned(work, max_moves=2)
    assert len(moves_of(whole)) > 2 == len(moves_of(some))
    assert some.moves_left_out == len(moves_of(whole)) - 2
    assert (some.bound, some.ended) == (whole.bound, "limit")
    assert some.after > whole.after
    assert planned(work, max_moves=0).waves == ()


def test_what_the_engine_refuses_is_left_out():
    nodes = [node(f"n{index}") for index in range(4)]
    loads = [workload(f"shop-w{index}") for index in range(8)]
    picture = picture_of(work_of(uneven(nodes, loads, ["n3"])), "balance", 10.0)
    request = RebalanceRequest(time_limit_s=5.0)
    done = solved(picture, picture.problem, EFFORT, 10)
    first, second = done.moves(10)
    assert done.moves(1) == (first,)
    view = view_of(picture, done, request, {0: "it is not allowed"})
    assert [one.instance for one in moves_of(view)] == [second.instance]
    assert (view.moves_left_out, view.ended) == (1, "limit")
    assert view.gap > view_of(picture, done, request).gap == 0
    neither = view_of(picture, done, request, {0: "a", 1: "b"})
    assert (neither.waves, neither.after) == ((), neither.before)


def test_without_its_detour_an_item_does_not_go_on():
    nodes = [node(f"n{index}") for index in range(3)]
    loads = [workload(f"shop-w{index}") for index in range(4)]
    picture = picture_of(work_of(uneven(nodes, loads, ["n1", "n2"])), "balance", 0.0)
    request = RebalanceRequest(time_limit_s=5.0)
    home, away, target = (picture.nodes.index(one.id) for one in nodes)
    detour = (
        (Step(item=0, source=home, target=away),),
        (Step(item=0, source=away, target=target), Step(item=1, source=home, target=away)),
    )
    found = dataclasses.replace(
        solved(picture, picture.problem, EFFORT, 10).found, assignment=(target, away, home, home)
    )
    done = Solved(picture=picture, problem=picture.problem, found=found, steps=detour)
    ways = [
        [(one.source, one.target) for one in moves_of(view_of(picture, done, request, refused))]
        for refused in ({}, {0: "no"})
    ]
    assert ways == [[("n0", "n1"), ("n1", "n2"), ("n0", "n1")], [("n0", "n1")]]


def test_the_digest_of_a_plan_is_of_its_moves_in_their_waves():
    work = work_of(
        uneven([node("n0"), node("n1")], [workload(f"shop-w{n}") for n in "abcd"], ["n1"])
    )
    (wave,) = planned(work).waves
    first, second = wave.moves
    known = outcome_of([wave])
    assert known == outcome_of([dataclasses.replace(wave, gain=9.0)])
    others = (
        [Wave(moves=(first,)), Wave(moves=(second,))],
        [Wave(moves=(second, first))],
        [Wave(moves=(first, dataclasses.replace(second, target="n9")))],
        [Wave(moves=(first, dataclasses.replace(second, revision="f" * 16)))],
    )
    assert known not in map(outcome_of, others)
