import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances

from skerry_hub.balance.load import Load
from skerry_hub.balance.neighbourhood import Scope, part, rebalance
from skerry_hub.balance.problem import NOWHERE, value
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
