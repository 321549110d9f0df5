import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.load import Load
from skerry_hub.balance.ordering import MOST_ITEMS, linked, order_of
from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem


def is_possible(problem, target, order):
    load = Load(problem, problem.present)
    for one in order:
        if not load.fits_one(one, target[one], problem.items[one].current):
            return False
        load.put(one, target[one])
        load.take(one, problem.items[one].current)
    return True


@settings(max_examples=100, deadline=None)
@given(instances.problems(), st.data())
def test_an_order_is_found_where_there_is_one(problem, data):
    target = tuple(
        data.draw(st.sampled_from(one.bins.tolist())) if one.current != NOWHERE else NOWHERE
        for one in problem.items
    )
    moving = [at for at, place in enumerate(target) if place != problem.items[at].current][:5]
    if not instances.within(problem, target):
        return
    found = order_of(problem, target, moving)
    possible = [
        order for order in itertools.permutations(moving) if is_possible(problem, target, order)
    ]
    assert (found is None) == (not possible)
    assert found is None or tuple(found) in possible


def test_who_shares_a_node_or_a_domain_is_linked_and_nobody_else():
    bins = [Bin(id=str(at), capacity=ints(9, 0)) for at in range(8)]
    moves = [(0, 1), (1, 2), (3, 4), (5, 6)]
    items = [item(f"i{a}", (1, 0), {a: 0, b: 0}, a) for a, b in moves]
    domains = ints(*[NOWHERE] * 4, 0, NOWHERE, 0, NOWHERE)
    limit = Limit(items=ints(2, 3), domains=domains, most=ints(9))
    problem, target = Problem(items=items, bins=bins, limits=[limit]), [b for _, b in moves]
    assert linked(problem, target, range(4), [0]) == [0, 1]
    assert linked(problem, target, range(4), [3]) == [2, 3]
    assert linked(problem, target, [0, 2, 3], [0]) == [0]


def test_the_orders_of_many_are_not_tried():
    many = [item(f"i{at}", (0, 0), {0: 0, 1: 1}, 0) for at in range(MOST_ITEMS + 1)]
    bins = [Bin(id=name, capacity=ints(1, 1)) for name in "ab"]
    problem = Problem(items=many, bins=bins)
    assert order_of(problem, [1] * len(many), range(MOST_ITEMS)) == list(range(MOST_ITEMS))
    assert order_of(problem, [1] * len(many), range(MOST_ITEMS + 1)) is None
