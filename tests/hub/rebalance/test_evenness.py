"""Steps of used shares: their sums, the items that stand for them, and the bound."""

import itertools

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from skerry_hub.balance.load import holds
from skerry_hub.balance.problem import Bin, Item, Problem
from skerry_hub.balance.solve import Effort, solve
from skerry_hub.rebalance.evenness import UNIT, Evenness, steps_for, with_fillers
from skerry_hub.rebalance.levelling import level
from skerry_hub.rebalance.search import rates_of


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
@given(fleets(), st.integers(0, UNIT // 2))
def test_the_solver_finds_the_most_even_and_the_bound_is_below_it(given_, move_cost):
    nodes, items = given_
    found = even([[size] for size in nodes], steps=4)
    start = None
    sums = {}
    for homes in itertools.product(range(len(nodes)), repeat=len(items)):
        used = taken(nodes, items, homes)
        if (used[:, 0] > nodes).any():
            continue
        start = start or homes
        moves = sum(a != b for a, b in zip(homes, start, strict=True))
        sums[homes] = found.loss(used) + moves * move_cost
    if start is None:
        return
    problem = problem_of(nodes, items, start, move_cost)
    result = solve(with_fillers(problem, found.fillers(range(len(nodes)))), Effort(time_s=5))
    homes = result.assignment[: len(items)]
    best = min(sums.values())
    assert len(nodes) * UNIT - result.value == sums[homes] == best
    assert found.least(taken(nodes, items, start), rates_of(problem)) <= best
    # Levelled by single moves it is never worse than it was, and never better than the best.
    levelled = level(found, problem, len(items))
    assert holds(problem, levelled)
    event("levelled: best" if sums[levelled] == best else "levelled: not the best")


def taken(nodes, items, homes):
    used = np.zeros((len(nodes), 1), np.int64)
    for home, amount in zip(homes, items, strict=True):
        used[home] += amount
    return used


def problem_of(nodes, items, start, move_cost):
    bins = np.arange(len(nodes))
    return Problem(
        items=[
            Item(
                id=f"i{at}",
                demand=ints(amount),
                bins=bins,
                scores=np.zeros_like(bins),
                current=home,
                move_cost=move_cost,
            )
            for at, (amount, home) in enumerate(zip(items, start, strict=True))
        ],
        bins=[Bin(id=f"b{at}", capacity=ints(size)) for at, size in enumerate(nodes)],
    )


def test_the_bound_of_a_large_fleet_is_close_where_amounts_are_fine():
    # 200 nodes, half of them empty, the rest two thirds full of small items: all at a third.
    found = even([[320]] * 200, steps=16)
    used = np.array([[214]] * 100 + [[0]] * 100, np.int64)
    free = found.least(used, np.zeros((200, 1)))
    assert 1 <= free / (200 * UNIT * (107 / 320) ** 2) < 1.02
    dear = found.least(used, np.full((200, 1), 1e9))
    assert dear >= found.loss(used) * 0.98
    some = found.least(used, np.full((200, 1), UNIT * 0.2 / 320))
    assert free < some < dear
