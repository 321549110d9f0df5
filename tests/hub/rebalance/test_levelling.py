"""Levelling by single moves: valid, gaining by each move, and near to even on a large fleet."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.rebalance import fleets
from tests.hub.rebalance.fleets import work_of
from tests.hub.rebalance.test_evenness import even, problem_of, taken

from skerry_hub.balance.load import Load, holds
from skerry_hub.rebalance.evenness import UNIT
from skerry_hub.rebalance.levelling import level, shares_of
from skerry_hub.rebalance.picture import picture_of


def counted(found, used):
    """Return what nodes count, their shares not in steps."""
    return float((shares_of(found, used) ** 2).sum()) * UNIT


def test_shares_are_not_in_steps():
    found = even([[100, 1000], [200, 0]])
    used = np.array([[1, 10], [50, 7]], np.int64)
    assert shares_of(found, used).tolist() == [0.010000000000000009, 0.25]
    assert shares_of(found, used[1:], np.array([1])).tolist() == [0.25]


def test_many_small_items_become_even():
    nodes, items = [1000] * 200, [10] * 2000
    start = [at % 50 for at in range(2000)]
    found, problem = even([[size] for size in nodes]), problem_of(nodes, items, start, 1000)
    places = level(found, problem, 2000)
    used = taken(nodes, items, places)
    assert holds(problem, places)
    assert used.max() - used.min() <= 60
    before = counted(found, taken(nodes, items, start))
    moved = sum(a != b for a, b in zip(places, start, strict=True))
    assert counted(found, used) + 1000 * moved < before
    assert level(found, problem, 0) == tuple(start)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32))
def test_what_a_fleet_allows_is_kept_to(seed):
    picture = picture_of(work_of(fleets.drawn(seed)), "balance", 10.0)
    problem, found = picture.problem, picture.evenness
    if problem is None:
        return
    places = level(found, problem, 1000)
    assert holds(problem, places)
    likes = sum(
        int(item.scores[np.searchsorted(item.bins, place)])
        - int(item.scores[np.searchsorted(item.bins, item.current)])
        - item.move_cost * (place != item.current)
        for item, place in zip(problem.items, places, strict=True)
    )
    before, after = (counted(found, Load(problem, one).used) for one in (problem.present, places))
    assert after - likes <= before + 1
