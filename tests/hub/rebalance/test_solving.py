"""A picture solved in steps, with and without some places."""

import numpy as np
from tests.hub.rebalance.fleets import node, uneven, work_of, workload

from skerry_hub.balance.solve import Effort
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.solving import moves_of, solved, without

EFFORT = Effort(time_s=5.0)


def picture(replicas=3):
    nodes = [node(f"n{index}") for index in range(3)]
    loads = [workload("shop-a", replicas=replicas), workload("shop-b", replicas=replicas)]
    return picture_of(work_of(uneven(nodes, loads, ["n1", "n2"])), "balance", 0.0)


def test_moves_are_named_in_the_order_of_their_waves():
    taken = picture()
    done = solved(taken, taken.problem, EFFORT, 1)
    moves = moves_of(taken, done.steps, 100)
    assert [len(wave) for wave in done.steps] == [1] * 4
    assert {one.source for one in moves} == {"n0"}
    assert sorted(one.target for one in moves) == ["n1", "n1", "n2", "n2"]
    assert moves_of(taken, done.steps, 2) == moves[:2]
    assert {one.gain for one in moves} == {0.0}


def test_nobody_comes_to_a_place_that_is_barred():
    taken = picture()
    problem = taken.problem
    barred = without(taken, problem, {("shop-a", "n1"), ("shop-a", "n2"), ("shop-b", "n1")})
    moves = moves_of(taken, solved(taken, barred, EFFORT, 10).steps, 100)
    assert {(one.workload, one.target) for one in moves} == {("shop-b", "n2")}
    assert without(taken, problem, set()) is problem


def test_who_is_in_a_barred_place_may_stay_and_equals_share_their_places():
    taken = picture()
    barred = without(taken, taken.problem, {("shop-a", "n0"), ("shop-a", "n1")})
    first, second, third, *others = barred.items
    assert [one.bins.tolist() for one in (first, third)] == [[0, 2], [0, 2]]
    assert second.bins is third.bins
    assert all(one is given for one, given in zip(others, taken.problem.items[3:], strict=True))
    assert first.scores.dtype == np.int64
