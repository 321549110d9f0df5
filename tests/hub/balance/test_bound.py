import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance import bound
from skerry_hub.balance.bound import Prices
from skerry_hub.balance.groups import gather
from skerry_hub.balance.problem import NOWHERE, Bin, Problem


def some_prices(groups, seed):
    chance = np.random.default_rng(seed)
    height = chance.choice([0.0, 1.0, 10.0])
    return Prices(
        room=chance.random(groups.capacity.shape) * height,
        limits=tuple(chance.random(len(most)) * height for most in groups.limit_most),
    )


@settings(max_examples=100, deadline=None)
@given(instances.problems(), st.integers(0, 9))
def test_no_assignment_is_above_the_bound_at_any_prices(problem, seed):
    groups = gather(problem)
    best = instances.best_of_all(problem)
    assert bound.relax(groups, some_prices(groups, seed)).bound >= best
    assert bound.relax(groups, bound.free(groups)).bound >= best
    assert bound.whole(bound.descend(groups, bound.free(groups), best, 20).bound) >= best


@settings(max_examples=66, deadline=None)
@given(instances.problems(), st.integers(0, 9))
def test_what_comes_into_a_column_costs_at_least_its_slack(problem, seed):
    groups = gather(problem)
    relaxed = bound.relax(groups, some_prices(groups, seed))
    choices = [
        [*one.bins.tolist(), *([NOWHERE] if one.current == NOWHERE else [])]
        for one in problem.items
    ]
    for assignment in itertools.islice(itertools.product(*choices), 500):
        if not instances.within(problem, assignment):
            continue
        coming = groups.count(assignment) > groups.now
        coming &= groups.most > groups.now
        limits = relaxed.bound - relaxed.slack[coming]
        assert (limits >= instances.worth(problem, assignment)).all()


def test_steps_lower_the_bound_to_what_fits():
    # Ten want the one place with room for one; alone, each of the kinds would get it.
    items = [item(f"i{at}", (1, 0), {0: 10 + at}) for at in range(10)]
    problem = Problem(items=items, bins=[Bin(id="a", capacity=ints(1, 0))])
    groups = gather(problem)
    alone = bound.relax(groups, bound.free(groups)).bound
    assert bound.whole(alone) == sum(range(10, 20))
    assert bound.whole(bound.descend(groups, bound.free(groups), 19, 100).bound) < 25


def test_equal_ones_crowd_each_other_out_without_any_price():
    items = [item(f"i{at}", (2, 0), {0: 10, 1: 1}) for at in range(4)]
    bins = [Bin(id="a", capacity=ints(5, 0)), Bin(id="b", capacity=ints(9, 0))]
    groups = gather(Problem(items=items, bins=bins))
    assert bound.whole(bound.relax(groups, bound.free(groups)).bound) == 22


def test_one_that_must_keep_a_place_is_displaced_at_what_it_has():
    # One of two has a bad place and must have one; the other stays nowhere.
    worth = {0: -3, 1: -5}
    items = [item("old", (1, 0), worth, current=0), item("new", (1, 0), worth)]
    bins = [Bin(id=name, capacity=ints(1, 0)) for name in "ab"]
    groups = gather(Problem(items=items, bins=bins))
    relaxed = bound.relax(groups, bound.free(groups))
    assert bound.whole(relaxed.bound) == -3
    assert relaxed.slack[1] == 2
