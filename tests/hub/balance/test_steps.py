import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem, ProblemError
from skerry_hub.balance.solve import Effort, solve
from skerry_hub.balance.steps import Step, safe_steps


def walk(problem, target, steps, most_at_once):
    """Do the steps in plain Python, with every check after each wave's start and end."""
    at = list(problem.present)
    for wave in steps.waves:
        assert 1 <= len(wave) <= most_at_once
        assert len({step.item for step in wave}) == len(wave)
        assert all(at[step.item] == step.source != step.target for step in wave)
        # While it moves, it is at both: as if there were a second one of it.
        both = [step for step in wave if NOWHERE not in (step.source, step.target)]
        doubled = [
            *problem.items,
            *(problem.items[step.item] for step in both),
        ]
        for step in wave:
            if step.source == NOWHERE:
                at[step.item] = step.target
        meanwhile = Problem(items=doubled, bins=problem.bins)
        now = [*problem.present, *([NOWHERE] * len(both))]
        held, _ = instances.tallies(meanwhile, [*at, *(step.target for step in both)])
        held_now, _ = instances.tallies(meanwhile, now)
        for place, one in enumerate(problem.bins):
            for have, had, room in zip(held[place], held_now[place], one.capacity, strict=True):
                assert have <= max(int(room), had)
        for step in wave:
            at[step.item] = step.target
        assert instances.within(problem, at)
    assert tuple(at) == tuple(target)


@settings(max_examples=100, deadline=None)
@given(instances.problems(), st.integers(1, 4))
def test_steps_lead_to_the_target_and_overcommit_nothing_on_the_way(problem, most_at_once):
    target = solve(problem, Effort()).assignment
    steps = safe_steps(problem, target, most_at_once)
    walk(problem, target, steps, most_at_once)
    stops = {step.item for wave in steps.waves for step in wave if step.needs_stop}
    assert len(stops) == steps.stops


@settings(max_examples=66, deadline=None)
@given(instances.problems(), st.data())
def test_any_other_assignment_is_reached_as_safely(problem, data):
    # Where nothing gains, there are cycles.
    target = tuple(
        data.draw(st.sampled_from(one.bins.tolist())) if one.current != NOWHERE else NOWHERE
        for one in problem.items
    )
    if instances.within(problem, target):
        walk(problem, target, safe_steps(problem, target, 2), 2)


def full(names, demand=1):
    return [Bin(id=name, capacity=ints(demand, 0)) for name in names]


def test_a_chain_is_done_from_its_free_end():
    items = [item("x", (1, 0), {0: 0, 1: 5}, 0), item("y", (1, 0), {1: 0, 2: 1}, 1)]
    steps = safe_steps(Problem(items=items, bins=full("abc")), (1, 2), 8)
    assert steps.waves == (
        (Step(item=1, source=1, target=2),),
        (Step(item=0, source=0, target=1),),
    )
    assert (steps.detours, steps.stops, steps.extra_cost) == (0, 0, 0)


def test_a_cycle_is_broken_through_a_spare_bin_by_the_one_that_is_cheaper_to_move():
    worth = {0: 1, 1: 1, 2: 0}
    items = [item("x", (1, 0), worth, 0, move_cost=4), item("y", (1, 0), worth, 1, move_cost=3)]
    steps = safe_steps(Problem(items=items, bins=full("abc")), (1, 0), 8)
    assert steps.waves == (
        (Step(item=1, source=1, target=2),),
        (Step(item=0, source=0, target=1),),
        (Step(item=1, source=2, target=0),),
    )
    assert (steps.detours, steps.stops, steps.extra_cost) == (1, 0, 3)


def test_a_cycle_without_a_spare_bin_needs_a_stop_and_says_so():
    items = [item("x", (1, 0), {0: 1, 1: 1}, 0), item("y", (1, 0), {0: 1, 1: 1}, 1)]
    steps = safe_steps(Problem(items=items, bins=full("ab")), (1, 0), 8)
    assert steps.waves == (
        (Step(item=0, source=0, target=NOWHERE, needs_stop=True),),
        (Step(item=1, source=1, target=0),),
        (Step(item=0, source=NOWHERE, target=1, needs_stop=True),),
    )
    assert (steps.detours, steps.stops) == (0, 1)


def test_without_stops_it_ends_before_the_first_and_says_what_is_left():
    problem = Problem(
        items=[
            item("a", (1, 0), {0: 0, 1: 9}, 0),
            item("b", (1, 0), {0: 9, 1: 0}, 1),
            item("c", (1, 0), {2: 0, 3: 1}, 2),
        ],
        bins=[Bin(id=str(at), capacity=ints(1, 0)) for at in range(4)],
    )
    found = safe_steps(problem, (1, 0, 3), 5, may_stop=False)
    assert (found.waves, found.left, found.stops) == (
        ((Step(item=2, source=2, target=3),),),
        (0, 1),
        0,
    )
    assert safe_steps(problem, (1, 0, 3), 5).left == ()


def test_who_gains_most_waits_where_another_order_needs_no_stop():
    # x gains most and fits at once, but then y and z, who change places, are in each other's way.
    items = [
        item("x", (1, 0), {0: 0, 1: 9}, 0),
        item("y", (1, 0), {2: 0, 1: 1}, 2),
        item("z", (1, 0), {1: 0, 2: 1}, 1),
    ]
    bins = [Bin(id=name, capacity=ints(room, 0)) for name, room in (("a", 1), ("b", 2), ("c", 1))]
    problem = Problem(items=items, bins=bins)
    steps = safe_steps(problem, (1, 1, 2), 5, may_stop=False)
    assert [[one.item for one in wave] for wave in steps.waves] == [[1], [2], [0]]
    assert (steps.left, steps.detours) == ((), 0)
    walk(problem, (1, 1, 2), steps, 5)


def test_who_goes_first_may_be_said():
    problem = Problem(
        items=[item(name, (1, 0), {0: 0, 1: 5 + at}, 0) for at, name in enumerate("ab")],
        bins=[Bin(id=str(at), capacity=ints(9, 0)) for at in range(2)],
    )
    for gains, first in (((), 1), ((2.0, 1.0), 0), ((1.0, 2.0), 1)):
        waves = safe_steps(problem, (1, 1), 1, gains=gains).waves
        assert [wave[0].item for wave in waves] == [first, 1 - first]


def test_at_most_so_many_move_at_once_those_that_gain_most_first():
    items = [item(f"i{at}", (1, 0), {0: 0, 1: at}, 0) for at in range(5)]
    bins = [Bin(id="a", capacity=ints(5, 0)), Bin(id="b", capacity=ints(5, 0))]
    steps = safe_steps(Problem(items=items, bins=bins), (1,) * 5, 2)
    assert [[step.item for step in wave] for wave in steps.waves] == [[4, 3], [2, 1], [0]]


def test_one_that_moves_within_a_site_counts_once_there():
    items = [item("x", (1, 0), {0: 0, 1: 1}, 0)]
    limit = Limit(items=ints(0), domains=ints(0, 0), most=ints(1))
    steps = safe_steps(Problem(items=items, bins=full("ab"), limits=[limit]), (1,), 1)
    assert steps.waves == ((Step(item=0, source=0, target=1),),)


def test_a_target_that_cannot_be_is_refused():
    items = [item("x", (1, 0), {0: 0, 1: 1}, 0), item("y", (1, 0), {1: 1}, 1)]
    problem = Problem(items=items, bins=full("ab"))
    with pytest.raises(ProblemError, match="overcommits"):
        safe_steps(problem, (1, 1), 1)
    with pytest.raises(ProblemError, match="lost its place"):
        safe_steps(problem, (NOWHERE, 1), 1)
    with pytest.raises(ProblemError, match="most_at_once 0"):
        safe_steps(problem, (0, 1), 0)
