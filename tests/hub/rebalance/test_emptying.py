"""Nodes emptied one by one: valid and worth it, beside a bound that nothing is below."""

import itertools

import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.hub.rebalance import fleets
from tests.hub.rebalance.fleets import work_of
from tests.hub.rebalance.test_planning import PRICES

from skerry_hub.balance.load import holds
from skerry_hub.balance.problem import Bin, Item, Limit, Problem, value
from skerry_hub.rebalance.emptying import empty, least_open
from skerry_hub.rebalance.picture import picture_of

LOOKS = 1_000_000


def ints(*numbers):
    return np.array(numbers, np.int64)


def problem_of(sizes, homes, *, room=10, opening=100, move_cost=1, limits=()):
    bins = np.arange(len(room) if isinstance(room, list) else 4)
    rooms = room if isinstance(room, list) else [room] * 4
    openings = opening if isinstance(opening, list) else [opening] * len(rooms)
    return Problem(
        items=[
            Item(
                id=f"i{at}",
                demand=ints(size),
                bins=bins,
                scores=np.zeros_like(bins),
                current=home,
                move_cost=move_cost,
            )
            for at, (size, home) in enumerate(zip(sizes, homes, strict=True))
        ],
        bins=[
            Bin(id=f"b{at}", capacity=ints(size), open_cost=cost)
            for at, (size, cost) in enumerate(zip(rooms, openings, strict=True))
        ],
        limits=limits,
    )


def test_nodes_with_least_on_them_are_emptied_into_the_fullest():
    problem = problem_of([5, 3, 2, 4], [0, 1, 2, 3])
    assert len(set(empty(problem, problem.present, LOOKS))) == 2
    assert least_open(problem) == 2 * 100 + 2


def test_a_node_that_cannot_be_emptied_whole_is_left_as_it_is():
    problem = problem_of([6, 6, 5, 5], [0, 1, 2, 2])
    assert empty(problem, problem.present, LOOKS) == (0, 1, 2, 2)
    dear = problem_of([1, 1], [0, 1], move_cost=100)
    assert empty(dear, dear.present, LOOKS) == (0, 1)
    assert empty(problem_of([1, 1], [0, 1]), (0, 1), 0) == (0, 1)


def test_nodes_that_cost_nothing_are_filled_and_not_emptied():
    problem = problem_of([1, 1], [0, 1], opening=[100, 0, 100, 100])
    assert empty(problem, problem.present, LOOKS) == (1, 1)
    assert least_open(problem) == 1


def test_a_limit_of_each_node_asks_for_as_many_nodes():
    one_each = Limit(items=ints(0, 1, 2), domains=ints(0, 1, 2, 3), most=ints(1, 1, 1, 1))
    problem = problem_of([1, 1, 1], [0, 1, 2], limits=[one_each])
    assert least_open(problem) == 300
    by_site = Limit(items=ints(0, 1, 2), domains=ints(0, 0, 1, 1), most=ints(2, 1))
    assert least_open(problem_of([1, 1, 1], [0, 1, 2], limits=[by_site])) == 100 + 2


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.lists(st.integers(6, 12), min_size=2, max_size=3),
    st.data(),
)
def test_no_placement_is_below_the_bound(sizes, rooms, data):
    openings = [data.draw(st.sampled_from([0, 5, 9])) for _ in rooms]
    homes = [data.draw(st.integers(0, len(rooms) - 1)) for _ in sizes]
    problem = problem_of(
        sizes, homes, room=rooms, opening=openings, move_cost=data.draw(st.integers(0, 4))
    )
    every = [
        -value(problem, places)
        for places in itertools.product(range(len(rooms)), repeat=len(sizes))
        if holds(problem, places)
    ]
    assert least_open(problem) <= min(every)
    found = empty(problem, problem.present, LOOKS)
    assert holds(problem, found)
    assert value(problem, found) >= value(problem, problem.present)
    event("the best" if -value(problem, found) == min(every) else "not the best")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32), objective=st.sampled_from(["pack", "cost"]))
def test_what_a_fleet_allows_is_kept_to(seed, objective):
    problem = picture_of(work_of(fleets.drawn(seed), "spread", *PRICES), objective, 10.0).problem
    if problem is None:
        return
    found = empty(problem, problem.present, LOOKS)
    assert holds(problem, found)
    assert value(problem, found) >= value(problem, problem.present)
