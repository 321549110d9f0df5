"""Steps of used shares: their sums, the items that stand for them, and the bound."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry_hub.balance.problem import NOWHERE, Bin, Item, Problem
from skerry_hub.balance.solve import Effort, solve
from skerry_hub.rebalance.evenness import UNIT, Evenness, steps_for, with_fillers


def ints(*numbers):
    return np.array(numbers, np.int64)


def even(capacity, steps=10):
    """Return the evenness of nodes whose whole is what they have."""
    capacity = np.array(capacity, np.int64)
    return Evenness(steps, capacity // steps, capacity)


def test_a_node_counts_the_square_of_its_fullest_share_rounded_up():
    found = even([[100, 1000], [200, 1000]])
    for used, steps in (([0, 0], 0), ([1, 0], 1), ([50, 0], 5), ([50, 701], 8), ([100, 0], 10)):
        assert found.used(np.array([used, [0, 0]], np.int64)).tolist() == [steps, 0]
        assert found.loss(np.array([used, [0, 0]], np.int64)) == steps**2 * UNIT // 100
    assert found.used(np.array([[40, 0]], np.int64), ints(1)).tolist() == [2]
    assert found.used(np.array([[900, 0], [0, 0]], np.int64)).tolist() == [10, 0]


def test_what_a_node_has_not_does_not_count():
    found = even([[0, 100]])
    assert found.used(np.array([[7, 20]], np.int64)).tolist() == [2]


def test_the_steps_that_may_be_free_are_worth_what_the_node_counts_less():
    found = even([[100, 100]], steps=4)
    fillers = found.fillers([0])
    worth = [int(one.scores[0]) for one in fillers]
    assert sum(worth) == UNIT
    assert worth == sorted(worth)
    assert [one.demand.tolist() for one in fillers] == [[25, 25]] * 4
    # One that is half taken by what stays has half as many.
    half = Evenness(4, ints(25, 25).reshape(1, 2), ints(50, 90).reshape(1, 2))
    assert [int(one.scores[0]) for one in half.fillers([0])] == worth[2:]


def test_fewer_steps_of_many_nodes():
    assert [steps_for(number) for number in (1, 200, 201, 5000)] == [16, 16, 8, 8]
    assert all(UNIT % steps**2 == 0 for steps in (8, 10, 16))


@st.composite
def fleets(draw):
    nodes = draw(st.lists(st.sampled_from([40, 80, 120]), min_size=1, max_size=3))
    items = draw(st.lists(st.integers(0, 30), max_size=4))
    return nodes, items


@settings(max_examples=60, deadline=None)
@given(fleets())
def test_the_solver_finds_the_most_even_and_the_bound_is_below_it(given_):
    nodes, items = given_
    found = even([[size] for size in nodes], steps=4)
    sums = {}
    for homes in itertools.product(range(len(nodes)), repeat=len(items)):
        used = np.zeros((len(nodes), 1), np.int64)
        for home, amount in zip(homes, items, strict=True):
            used[home] += amount
        if (used[:, 0] <= nodes).all():
            sums[homes] = found.loss(used)
    start = next(iter(sums), None)
    if start is None:
        return
    bins = np.arange(len(nodes))
    problem = Problem(
        items=[
            Item(
                id=f"i{at}",
                demand=ints(amount),
                bins=bins,
                scores=np.zeros_like(bins),
                current=home,
            )
            for at, (amount, home) in enumerate(zip(items, start, strict=True))
        ],
        bins=[Bin(id=f"b{at}", capacity=ints(size)) for at, size in enumerate(nodes)],
    )
    fillers = found.fillers(range(len(nodes)))
    result = solve(with_fillers(problem, fillers), Effort(time_s=5))
    homes = result.assignment[: len(items)]
    assert len(nodes) * UNIT - result.value == sums[homes] == min(sums.values())
    assert NOWHERE not in homes
    used = np.zeros((len(nodes), 1), np.int64)
    for home, amount in zip(start, items, strict=True):
        used[home] += amount
    assert found.least(used) <= min(sums.values())
