import dataclasses

import numpy as np
import pytest
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem, ProblemError, value

BINS = [
    Bin(id="a", capacity=ints(4, 4), open_cost=7),
    Bin(id="b", capacity=ints(4, 4)),
    Bin(id="a/0", capacity=ints(4, 4), open_cost=2, parent=0, takes=ints(1, 0)),
]
ITEM = item("i", (1, 1), {0: 10, 2: 20}, current=0, move_cost=3)


def test_the_value_counts_scores_moves_and_each_bin_in_use_once():
    new = item("j", (1, 1), {1: 5, 2: -4})
    problem = Problem(items=[ITEM, new], bins=BINS)
    assert value(problem, problem.present) == 10 - 7
    # A part in use makes its node one in use, too; the second in it pays neither again.
    assert value(problem, (2, 2)) == 20 - 3 - 4 - 2 - 7
    assert value(problem, (0, 1)) == 10 - 7 + 5


def test_the_value_of_what_may_not_be_is_refused():
    problem = Problem(items=[ITEM], bins=BINS)
    with pytest.raises(ProblemError, match="item i: may not be in bin 1"):
        value(problem, (1,))
    with pytest.raises(ProblemError, match="item i: has lost its place"):
        value(problem, (NOWHERE,))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"demand": ints(1)}, "item i: demand is not int64 of shape"),
        ({"demand": np.array([1.0, 2.0])}, "item i: demand is not int64"),
        ({"demand": ints(-1, 0)}, "item i: demand has an amount"),
        ({"bins": ints(2, 0)}, "item i: bins are not ascending"),
        ({"bins": ints(0, 9)}, "item i: bins are not ascending indices below 3"),
        ({"bins": ints(0, 1, 2)}, "item i: scores is not int64 of the length"),
        ({"scores": ints(1, 2**41)}, "item i: a score is beyond"),
        ({"current": 1}, "item i: may not be in bin 1"),
        ({"move_cost": -1}, "item i: move_cost -1"),
    ],
)
def test_an_item_that_makes_no_sense_is_refused(changed, reason):
    with pytest.raises(ProblemError, match=reason):
        Problem(items=[dataclasses.replace(ITEM, **changed)], bins=BINS)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"capacity": ints(1)}, "bin a/0: capacity is not int64 of shape"),
        ({"capacity": ints(-1, 0)}, "bin a/0: capacity has an amount"),
        ({"capacity": ints(2**62 - 1, 0)}, "capacities are too large together"),
        ({"open_cost": -1}, "bin a/0: open_cost -1"),
        ({"parent": 3}, "bin a/0: parent 3"),
        ({"parent": 2}, "bin a/0: parent 2"),
        ({"parent": NOWHERE}, "bin a/0: takes something"),
        ({"takes": ints(1)}, "bin a/0: takes is not"),
    ],
)
def test_a_bin_that_makes_no_sense_is_refused(changed, reason):
    with pytest.raises(ProblemError, match=reason):
        Problem(items=[], bins=[*BINS[:2], dataclasses.replace(BINS[2], **changed)])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"items": ints(1)}, "limit 0: an item is beyond"),
        ({"items": ints(0, 0)}, "limit 0: an item is named twice"),
        ({"domains": ints(0)}, "limit 0: domains are not one of each of 3 bins"),
        ({"domains": ints(0, -2, 0)}, "limit 0: domains"),
        ({"domains": ints(0, 1, 0)}, "limit 0: a domain has no number in most"),
        ({"most": ints(-1)}, "limit 0: a domain has no number in most, or a negative one"),
        ({"most": np.array([1.0])}, "limit 0: most is not int64"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(changed, reason):
    limit = Limit(items=ints(0), domains=ints(0, 0, -1), most=ints(1))
    with pytest.raises(ProblemError, match=reason):
        Problem(items=[ITEM], bins=BINS, limits=[dataclasses.replace(limit, **changed)])


def test_a_problem_needs_a_bin():
    with pytest.raises(ProblemError, match="no bin"):
        Problem(items=[], bins=[])


def test_demands_that_would_wrap_around_are_refused():
    items = [item(f"i{at}", (2**61, 0), {1: 0}) for at in range(2)]
    with pytest.raises(ProblemError, match="demands are too large together"):
        Problem(items=items, bins=BINS)
