from hypothesis import given, settings
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.groups import gather
from skerry_hub.balance.improve import improve
from skerry_hub.balance.problem import NOWHERE, Bin, Problem, value


@settings(max_examples=100, deadline=None)
@given(instances.problems(over=True))
def test_it_is_never_worse_and_never_over(problem):
    found = improve(gather(problem), problem.present)
    assert instances.within(problem, found)
    assert value(problem, found) >= value(problem, problem.present)


def test_two_in_each_others_best_place_change_places_by_way_of_a_third_bin():
    bins = [Bin(id=name, capacity=ints(1, 0)) for name in "abc"]
    items = [
        item("x", (1, 0), {0: 0, 1: 9, 2: 0}, current=0),
        item("y", (1, 0), {0: 9, 1: 0, 2: 5}, current=1),
    ]
    groups = gather(Problem(items=items, bins=bins))
    assert improve(groups, (0, 1)) == (1, 0)
    # Without a trial nobody is pushed: only what is free can be taken.
    assert improve(groups, (0, 1), trials=0) == (1, 0)
    assert improve(gather(Problem(items=items, bins=bins[:2] + bins[2:])), (0, 1), 1) == (1, 0)


def test_one_is_pushed_aside_where_both_together_gain():
    bins = [Bin(id=name, capacity=ints(1, 0)) for name in "ab"]
    items = [item("x", (1, 0), {0: 9}), item("y", (1, 0), {0: 5, 1: 4}, current=0)]
    groups = gather(Problem(items=items, bins=bins))
    assert improve(groups, (NOWHERE, 0)) == (0, 1)
    assert improve(groups, (NOWHERE, 0), trials=0) == (NOWHERE, 0)


def test_a_new_one_that_costs_more_than_it_brings_stays_nowhere():
    problem = Problem(
        items=[item("x", (1, 0), {0: 3})], bins=[Bin(id="a", capacity=ints(1, 0), open_cost=4)]
    )
    assert improve(gather(problem), (0,)) == (NOWHERE,)
    assert improve(gather(problem), (NOWHERE,)) == (NOWHERE,)
