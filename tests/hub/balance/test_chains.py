import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item
from tests.hub.balance.test_steps import walk

from skerry_hub.balance.chains import chains_of, packed
from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem
from skerry_hub.balance.steps import Step, Steps, safe_steps

WORTH = dict.fromkeys(range(6), 0)


def problem_of(places, room=1, costs=(0,) * 6, limits=()):
    items = [item(f"i{at}", (1, 0), WORTH, place) for at, place in enumerate(places)]
    bins = [
        Bin(id=str(at), capacity=ints(room, 0), open_cost=cost) for at, cost in enumerate(costs)
    ]
    return Problem(items=items, bins=bins, limits=limits)


def step(at, source, target):
    return Step(item=at, source=source, target=target)


def test_who_waits_for_anothers_room_is_of_its_chain():
    problem = problem_of((0, 1, 4))
    waves = [[step(1, 1, 2), step(2, 4, 5)], [step(0, 0, 1)]]
    assert chains_of(problem, waves) == [[0, 2], [1]]
    assert chains_of(problem_of((0, 1, 4), room=2), waves) == [[0], [1], [2]]


def test_who_waits_for_a_number_in_a_domain_is_of_its_chain():
    def limit(most):
        return Limit(items=ints(0, 1), domains=ints(0, 1, 1, 2, 3, 3), most=ints(9, most, 9, 9))

    waves = [[step(1, 1, 3)], [step(0, 0, 2)]]
    assert chains_of(problem_of((0, 1), limits=[limit(1)]), waves) == [[0, 1]]
    assert chains_of(problem_of((0, 1), limits=[limit(2)]), waves) == [[0], [1]]
    # Who stays in its domain leaves nothing there, and takes nothing more.
    within = [[step(1, 1, 2)], [step(0, 0, 1)]]
    assert chains_of(problem_of((0, 1), room=2, limits=[limit(2)]), within) == [[0], [1]]


def test_those_that_empty_or_open_a_bin_together_are_a_chain():
    waves = [[step(0, 0, 2), step(1, 0, 3)]]
    for costs, chains in (
        ((0,) * 6, [[0], [1]]),
        ((5, 0, 0, 0, 0, 0), [[0, 1]]),
        ((0, 0, 5, 0, 0, 0), [[0], [1]]),
    ):
        assert chains_of(problem_of((0, 0), room=2, costs=costs), waves) == chains
    opening = [[step(0, 0, 2), step(1, 1, 2)]]
    assert chains_of(problem_of((0, 1), room=2, costs=(0, 0, 5, 0, 0, 0)), opening) == [[0, 1]]
    # Somebody stays: the bin is not emptied.
    assert chains_of(problem_of((0, 0, 0), room=3, costs=(5,) * 6), [waves[0][:1]]) == [[0]]


def test_the_steps_of_one_item_are_a_chain():
    waves = [[step(0, 0, 1)], [step(1, 2, 3)], [step(0, 1, 4)]]
    assert chains_of(problem_of((0, 2), room=2), waves) == [[0, 2], [1]]


def test_as_few_waves_as_the_order_allows():
    problem = problem_of((0, 1, 4))
    steps = [step(1, 1, 2), step(0, 0, 1), step(2, 4, 5)]
    assert packed(problem, steps, 9) == ((steps[0],), (steps[1], steps[2]))
    assert packed(problem, steps, 1) == tuple((one,) for one in steps)
    assert packed(problem, [], 9) == ()


@settings(max_examples=100, deadline=None)
@given(instances.problems(), st.data(), st.integers(1, 3))
def test_any_whole_chains_are_safe_without_the_others(problem, data, most):
    target = tuple(
        data.draw(st.sampled_from(one.bins.tolist())) if one.current != NOWHERE else NOWHERE
        for one in problem.items
    )
    if not instances.within(problem, target):
        return
    found = safe_steps(problem, target, most, may_stop=False)
    chains = chains_of(problem, found.waves)
    steps = list(itertools.chain(*found.waves))
    assert sorted(itertools.chain(*chains)) == list(range(len(steps)))
    some = [chain for chain in chains if data.draw(st.booleans())]
    kept = [steps[number] for number in sorted(itertools.chain(*some))]
    places = list(problem.present)
    for one in kept:
        places[one.item] = one.target
    walk(problem, places, Steps(waves=packed(problem, kept, most)), most)
