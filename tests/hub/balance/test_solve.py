import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem, ProblemError, value
from skerry_hub.balance.solve import Effort, solve


@settings(max_examples=66, deadline=None)
@given(instances.problems())
def test_the_best_of_all_assignments_is_found_and_proven(problem):
    result = solve(problem, Effort(time_s=20))
    assert instances.within(problem, result.assignment)
    assert result.value == value(problem, result.assignment) == instances.best_of_all(problem)
    assert (result.bound, result.status, result.gap) == (result.value, "optimal", 0)
    assert result.value >= result.present == value(problem, problem.present)


@settings(max_examples=60, deadline=None)
@given(instances.problems(over=True))
def test_what_is_over_at_present_is_never_made_worse(problem):
    result = solve(problem, Effort(time_s=20))
    assert instances.within(problem, result.assignment)
    assert result.present <= result.value == instances.best_of_all(problem)
    assert (result.bound, result.status) == (result.value, "optimal")


def test_a_start_that_the_solver_betters_on_its_way_is_not_its_answer():
    bins = [
        Bin(id="a", capacity=ints(0, 0)),
        Bin(id="b", capacity=ints(0, 0), open_cost=1),
        Bin(id="a/0", capacity=ints(0, 0), open_cost=3, parent=0),
    ]
    items = [item(f"i{at}", (0, 0), worth) for at, worth in enumerate([{0: 0, 2: 2}] * 2)]
    items += [item(f"j{at}", (0, 0), worth) for at, worth in enumerate([{0: 1, 1: 3}] * 2)]
    result = solve(Problem(items=items, bins=bins), Effort())
    assert (result.value, result.bound, result.status) == (6, 6, "optimal")


def test_what_leaves_a_share_of_an_overfull_node_makes_room_in_it():
    bins = [
        Bin(id="node", capacity=ints(0, 6)),
        Bin(id="share", capacity=ints(0, 0), parent=0, takes=ints(0, 2)),
    ]
    items = [item(f"i{at}", (0, 3), {0: 1, 1: 0}, current) for at, current in enumerate((1, 0))]
    result = solve(Problem(items=items, bins=bins), Effort())
    assert (result.assignment, result.bound, result.status) == ((0, 0), 2, "optimal")


def overfull(small):
    """Give a node of 4 that holds 6, and small ones elsewhere that gain much there."""
    bins = [Bin(id="shrunk", capacity=ints(4, 0)), Bin(id="other", capacity=ints(9, 0))]
    return Problem(
        bins=bins,
        items=[
            item("large", (5, 0), {0: 5, 1: 0}, 0),
            item("stays", (1, 0), {0: 9}, 0),
            *(item(f"small {at}", (1, 0), {0: 4, 1: 0}, 1) for at in range(small)),
        ],
    )


def test_what_is_over_takes_something_new_only_once_enough_has_left():
    assert solve(overfull(1), Effort()).assignment == (0, 0, 1)
    # The large one makes way as soon as those that come for it gain more.
    result = solve(overfull(2), Effort())
    assert (result.assignment, result.value, result.status) == ((1, 0, 0, 0), 17, "optimal")


def test_a_domain_that_is_over_its_limit_takes_nobody_new_but_lets_go_about_in_it():
    bins = [Bin(id=name, capacity=ints(9, 9)) for name in ("a1", "a2", "b")]
    items = [
        *(item(f"i{at}", (1, 0), {0: 1, 1: 3}, 0) for at in range(3)),
        item("new", (2, 0), {1: 50, 2: 0}, 2),
    ]
    site = Limit(items=ints(0, 1, 2, 3), domains=ints(0, 0, -1), most=ints(2))
    result = solve(Problem(items=items, bins=bins, limits=[site]), Effort())
    assert (result.assignment, result.value, result.status) == ((1, 1, 1, 2), 9, "optimal")


@settings(max_examples=100, deadline=None)
@given(instances.problems(), st.integers(0, 3))
def test_the_bound_is_of_all_places_also_when_few_are_searched(problem, columns):
    result = solve(problem, Effort(time_s=20, columns=columns))
    assert result.value <= instances.best_of_all(problem) <= result.bound


def test_a_place_that_was_not_searched_counts_in_the_bound():
    # Neither gets its best place alone: only a swap gains, and no place of it is searched.
    bins = [Bin(id=name, capacity=ints(2, 0)) for name in "ab"]
    items = [
        item("x", (2, 0), {0: 0, 1: 9}, 0),
        item("y", (1, 0), {0: 9, 1: 0}, 1),
        item("z", (1, 0), {0: 9, 1: 0}, 1),
    ]
    problem = Problem(items=items, bins=bins)
    few = solve(problem, Effort(columns=0))
    assert (few.value, few.status) == (0, "limit")
    assert few.bound >= solve(problem, Effort()).value == 27


def test_two_shares_of_one_device_leave_the_other_whole():
    # A node with two devices, each also a part of 1000 thousandths; the third wants one whole.
    bins = [
        Bin(id="node", capacity=ints(2, 2000)),
        *(Bin(id=f"gpu{n}", capacity=ints(0, 1000), parent=0, takes=ints(1, 0)) for n in (0, 1)),
    ]
    items = [
        item("half", (0, 500), {1: 10, 2: 10}),
        item("other half", (0, 500), {1: 9, 2: 11}),
        item("whole", (1, 0), {0: 100}),
    ]
    result = solve(Problem(items=items, bins=bins), Effort())
    assert (result.value, result.status) == (121, "optimal")
    assert result.assignment == (2, 2, 0)


def test_what_nobody_wants_any_more_ends_soon():
    problem = instances.crowded(items=300, bins=60, kinds=60, seed=4)
    asked = []

    def is_given_up():
        asked.append(time.monotonic())
        return True

    began = time.monotonic()
    result = solve(problem, Effort(time_s=300, is_given_up=is_given_up))
    assert asked
    assert time.monotonic() - began < 60
    assert result.present <= result.value <= result.bound


def test_a_problem_too_large_to_be_proven_ends_in_time_and_says_its_gap():
    problem = instances.crowded(items=300, bins=60, kinds=60, seed=4)
    began = time.monotonic()
    result = solve(problem, Effort(time_s=3))
    # Other processes may share the processor.
    assert time.monotonic() - began < 9
    assert result.status == "limit"
    assert instances.within(problem, result.assignment)
    assert result.present < result.value < result.bound
    assert 0 < result.gap_percent < 10


def test_a_gap_that_is_allowed_ends_the_search():
    problem = instances.crowded(items=100, bins=20, kinds=20, seed=4)
    result = solve(problem, Effort(time_s=60, gap_percent=10))
    assert result.status == "within gap"
    assert result.gap_percent <= 10


def test_with_nodes_as_the_limit_the_answer_is_always_the_same():
    problem = instances.crowded(items=30, bins=8, kinds=12, seed=2)
    first, second = (solve(problem, Effort(time_s=60, nodes=3)) for _ in range(2))
    assert (first.assignment, first.bound) == (second.assignment, second.bound)


def test_nothing_is_said_on_standard_output(capfd):
    solve(instances.crowded(items=30, bins=8, kinds=12, seed=2), Effort(time_s=5, nodes=1))
    assert capfd.readouterr() == ("", "")


def test_amounts_in_bytes_and_large_scores_are_exact():
    # One byte too much, and scores that differ in their last digit.
    big = 2**40
    bins = [Bin(id="a", capacity=ints(big, 0)), Bin(id="b", capacity=ints(big - 1, 0))]
    items = [
        item("x", (big // 2, 0), {0: big - 1, 1: 1}),
        item("y", (big // 2, 0), {0: big, 1: 0}),
        item("z", (big // 2 + 1, 0), {0: big, 1: 0}),
    ]
    result = solve(Problem(items=items, bins=bins), Effort())
    assert result.value == 2 * big - 1
    assert result.assignment == (0, 0, NOWHERE)
    # Beyond what float64 can tell apart, the bound is on the safe side.
    assert 0 <= result.gap < big * 1e-8


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"time_s": 0.0}, "time_s"),
        ({"time_s": float("nan")}, "time_s"),
        ({"gap_percent": -1.0}, "gap_percent"),
        ({"nodes": -1}, "nodes"),
        ({"columns": -1}, "columns"),
    ],
)
def test_an_effort_that_makes_no_sense_is_refused(given, named):
    with pytest.raises(ProblemError, match=named):
        Effort(**given)


def test_no_items_are_no_problem():
    result = solve(Problem(items=[], bins=[Bin(id="a", capacity=ints(1, 1))]), Effort())
    assert (result.assignment, result.value, result.status) == ((), 0, "optimal")


def test_an_item_without_a_bin_stays_nowhere():
    bare = item("a", (0, 0), {})
    problem = Problem(items=[bare], bins=[Bin(id="a", capacity=ints(1, 1))])
    assert solve(problem, Effort()).assignment == (NOWHERE,)
    assert np.array(problem.present).tolist() == [NOWHERE]
