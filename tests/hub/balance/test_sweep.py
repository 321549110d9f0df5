from hypothesis import given, settings
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance import bound
from skerry_hub.balance.groups import gather
from skerry_hub.balance.problem import NOWHERE, Bin, Problem, value
from skerry_hub.balance.sweep import regrets, sweep


def swept(problem):
    groups = gather(problem)
    return sweep(groups, bound.relax(groups, bound.free(groups)))


@settings(max_examples=100, deadline=None)
@given(instances.problems(over=True))
def test_it_is_never_worse_and_never_over(problem):
    found = swept(problem)
    assert instances.within(problem, found)
    assert value(problem, found) >= value(problem, problem.present)


def test_the_worst_off_move_first_and_full_places_are_passed_over():
    items = [
        item("little", (1, 0), {0: 5, 1: 7, 2: 0}, 0, move_cost=1),
        item("much", (1, 0), {0: 0, 1: 9, 2: 8}, 0, move_cost=1),
        item("new", (1, 0), {1: 3, 2: 2}),
    ]
    bins = [Bin(id="a", capacity=ints(2, 0)), *(Bin(id=n, capacity=ints(1, 0)) for n in "bc")]
    problem = Problem(items=items, bins=bins)
    groups = gather(problem)
    relaxed = bound.relax(groups, bound.free(groups))
    assert regrets(groups, relaxed).tolist() == [1, 8, 3]
    assert sweep(groups, relaxed) == (0, 1, 2)


def test_a_bin_that_costs_more_than_it_brings_stays_closed():
    dear = [Bin(id="a", capacity=ints(1, 0), open_cost=4)]
    assert swept(Problem(items=[item("x", (1, 0), {0: 3})], bins=dear)) == (NOWHERE,)
    assert swept(Problem(items=[item("x", (1, 0), {0: 5})], bins=dear)) == (0,)


def test_it_gains_most_of_what_there_is_to_gain():
    problem = instances.crowded(items=600, bins=200, kinds=20, seed=1)
    before, after = value(problem, problem.present), value(problem, swept(problem))
    assert after - before > 0.2 * abs(before)
