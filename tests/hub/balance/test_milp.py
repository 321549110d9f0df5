import numpy as np
import pytest
from tests.hub.balance import instances

from skerry_hub.balance import bound
from skerry_hub.balance.groups import gather
from skerry_hub.balance.milp import Program
from skerry_hub.balance.problem import value


@pytest.fixture(scope="module")
def groups():
    return gather(instances.crowded(items=24, bins=6, kinds=8, seed=1, open_cost=40))


def test_the_prices_of_the_linear_program_make_a_better_bound_than_none(groups):
    prices, seconds = Program(groups, np.flatnonzero(groups.most)).relax(10)
    assert prices is not None
    assert seconds < 10
    assert (prices.room >= 0).all()
    alone = bound.relax(groups, bound.free(groups)).bound
    assert bound.relax(groups, prices).bound < alone


def test_the_search_says_what_it_found_and_how_far_it_can_be(groups):
    program = Program(groups, np.flatnonzero(groups.most))
    found = program.solve(groups.now, 30, 0, None)
    assert found.count is not None
    assignment = groups.assign(found.count)
    assert instances.within(groups.problem, assignment)
    reached = value(groups.problem, assignment)
    assert reached > value(groups.problem, groups.problem.present)
    assert found.bound >= reached - 1e-6
    assert found.proven == (found.bound - reached < 1)


def test_nothing_comes_into_a_column_that_was_not_chosen(groups):
    found = Program(groups, np.flatnonzero(groups.now)).solve(groups.now, 10, 0, None)
    assert found.proven
    assert found.count is not None
    assert not found.count[groups.now == 0].any()
    assert instances.within(groups.problem, groups.assign(found.count))


def test_out_of_time_it_still_has_what_it_was_given(groups):
    found = Program(groups, np.flatnonzero(groups.most)).solve(groups.now, 0.01, 0, 0)
    assert found.count is not None
    reached = value(groups.problem, groups.assign(found.count))
    assert reached >= value(groups.problem, groups.problem.present)
