from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.groups import canonical, gather
from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem, value
from skerry_hub.balance.solve import Effort, solve

BINS = [Bin(id="a", capacity=ints(5, 9)), Bin(id="b", capacity=ints(9, 9))]


def test_equal_items_are_one_group_wherever_they_are():
    items = [
        item("a", (2, 0), {0: 1, 1: 2}, current=0, move_cost=3),
        item("b", (2, 0), {0: 1, 1: 2}, move_cost=3),
        item("dearer", (2, 0), {0: 1, 1: 2}, move_cost=4),
        item("limited", (2, 0), {0: 1, 1: 2}, move_cost=3),
    ]
    limit = Limit(items=ints(3), domains=ints(0, -1), most=ints(1))
    groups = gather(Problem(items=items, bins=BINS, limits=[limit]))
    assert [one.tolist() for one in groups.members] == [[0, 1], [2], [3]]
    assert groups.placed.tolist() == [1, 0, 0]
    assert groups.now.tolist() == [1, 0, 0, 0, 0, 0]
    assert groups.most.tolist() == [2, 2, 1, 1, 1, 1]
    assert groups.limit_columns[0].tolist() == [4]


def test_most_is_what_fits_alone_and_at_least_what_is_there():
    bins = [*BINS, Bin(id="b/0", capacity=ints(9, 9), parent=1, takes=ints(6, 0))]
    items = [item(f"i{at}", (2, 0), {0: 1, 1: 1, 2: 1}, current=0) for at in range(9)]
    groups = gather(Problem(items=items, bins=bins))
    assert groups.most.tolist() == [9, 4, 1]
    assert groups.capacity[0].tolist() == [18, 9]


@settings(max_examples=60, deadline=None)
@given(instances.problems(over=True))
def test_the_present_is_counted_and_assigned_back_without_a_move(problem):
    groups = gather(problem)
    assert groups.assign(groups.now) == problem.present
    assert int(groups.size.sum()) == len(problem.items)


def test_who_has_a_place_keeps_one_before_a_new_one_comes():
    items = [
        item("new", (2, 0), {0: 1, 1: 5}, move_cost=1),
        item("old", (2, 0), {0: 1, 1: 5}, current=0, move_cost=1),
    ]
    problem = Problem(items=items, bins=BINS)
    found = gather(problem).assign(ints(0, 1))
    assert found == (NOWHERE, 1)
    assert value(problem, found) == 4


def crossing():
    """Give two equal items in two full sites of two bins each, and a limit of one a bin."""
    items = [
        item(name, (1, 0), dict.fromkeys(range(4), 1), at) for name, at in (("x", 0), ("y", 2))
    ]
    limits = [
        Limit(items=ints(0, 1), domains=ints(0, 1, 2, 3), most=ints(1, 1, 1, 1)),
        Limit(items=ints(0, 1), domains=ints(0, 0, 1, 1), most=ints(1, 1)),
    ]
    bins = [Bin(id=name, capacity=ints(1, 0)) for name in "abcd"]
    return Problem(items=items, bins=bins, limits=limits)


def test_equal_items_do_not_change_sites_with_each_other():
    # Crosswise each would wait for the other one's site.
    problem = crossing()
    for assignment in ((3, 1), (1, 3)):
        assert canonical(problem, assignment) == (1, 3)
    assert canonical(problem, (2, 0)) == problem.present


@settings(max_examples=60, deadline=None)
@given(instances.problems(), st.randoms(use_true_random=False))
def test_a_canonical_assignment_is_worth_as_much_and_moves_no_more(problem, chance):
    given = solve(problem, Effort()).assignment
    shuffled = list(given)
    groups = gather(problem)
    for members in groups.members:
        placed = [at for at in members.tolist() if problem.items[at].current != NOWHERE]
        places = [given[at] for at in placed]
        chance.shuffle(places)
        for at, place in zip(placed, places, strict=True):
            shuffled[at] = place
    found = canonical(problem, shuffled)
    assert instances.within(problem, found)
    assert value(problem, found) >= value(problem, given) >= value(problem, shuffled)
