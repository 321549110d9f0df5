import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.load import Load
from skerry_hub.balance.neighbourhood import Scope, part, rebalance
from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem, value
from skerry_hub.balance.solve import Effort, solve


@settings(max_examples=66, deadline=None)
@given(instances.problems(over=True), st.integers(1, 4), st.integers(1, 3))
def test_a_part_makes_the_whole_no_worse_and_the_bound_is_of_the_whole(problem, items, nodes):
    result = rebalance(problem, Effort(time_s=10), Scope(items=items, nodes=nodes))
    assert instances.within(problem, result.assignment)
    assert result.value == value(problem, result.assignment) >= result.present
    assert result.bound >= solve(problem, Effort(time_s=10)).value


@settings(max_examples=66, deadline=None)
@given(instances.problems(), st.data())
def test_what_is_gained_in_a_part_is_gained_in_the_whole(problem, data):
    present = np.array(problem.present, np.int64)
    nodes = data.draw(st.sets(st.sampled_from(range(len(problem.bins))), min_size=1))
    parents = Load(problem).parent
    nodes |= {int(parents[one]) for one in nodes} - {NOWHERE}
    nodes |= {at for at, above in enumerate(parents.tolist()) if above in nodes}
    bins = np.array(sorted(nodes), np.int64)
    items = np.flatnonzero(np.isin(present, bins) | (present == NOWHERE))
    result = solve(part(problem, items, bins), Effort(time_s=10))
    whole = present.copy()
    for at, place in zip(items, result.assignment, strict=True):
        whole[at] = NOWHERE if place == NOWHERE else bins[place]
    assert instances.within(problem, whole.tolist())
    gained = value(problem, whole.tolist()) - value(problem, problem.present)
    assert gained == result.value - result.present


def test_a_larger_fleet_gains_much_from_a_part_and_says_its_gap():
    problem = instances.crowded(items=600, bins=200, kinds=20, seed=1)
    result = rebalance(problem, Effort(time_s=4), Scope(items=100, nodes=40))
    assert instances.within(problem, result.assignment)
    assert result.value - result.present > 0.05 * abs(result.present)
    assert result.value < result.bound
    assert result.status == "limit"


def test_a_bin_in_use_by_what_stays_costs_nothing_more_and_has_less_room():
    bins = [
        Bin(id="a", capacity=ints(9, 9), open_cost=5),
        Bin(id="a/0", capacity=ints(9, 9), open_cost=3, parent=0, takes=ints(1, 0)),
        Bin(id="b", capacity=ints(9, 9), open_cost=5),
    ]
    items = [item("stays", (2, 1), {1: 1}, 1), item("moves", (1, 1), {0: 1, 1: 2, 2: 3}, 2)]
    limit = Limit(items=ints(0, 1), domains=ints(0, 0, -1), most=ints(4))
    smaller = part(Problem(items=items, bins=bins, limits=[limit]), ints(1), ints(0, 1, 2))
    assert [one.open_cost for one in smaller.bins] == [0, 0, 5]
    assert [one.capacity.tolist() for one in smaller.bins] == [[6, 8], [7, 8], [9, 9]]
    assert smaller.bins[1].takes is None
    assert smaller.limits[0].most.tolist() == [3]
    assert smaller.items[0].current == 2
