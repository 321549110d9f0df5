import numpy as np
from hypothesis import given, settings
from tests.hub.balance import instances
from tests.hub.balance.instances import ints, item

from skerry_hub.balance.load import Load, holds
from skerry_hub.balance.problem import NOWHERE, Bin, Limit, Problem


def same(load, other):
    assert (load.used == other.used).all()
    assert (load.number == other.number).all()
    assert (load.inside == other.inside).all()
    assert [one.tolist() for one in load.counts] == [one.tolist() for one in other.counts]


@settings(max_examples=66, deadline=None)
@given(instances.problems(over=True))
def test_filled_at_once_or_one_by_one_or_taken_out_again_is_the_same(problem):
    whole = Load(problem, problem.present)
    held, counts = instances.tallies(problem, problem.present)
    assert whole.used.tolist() == held
    assert [one.tolist() for one in whole.counts] == counts
    single = Load(problem)
    placed = [(at, place) for at, place in enumerate(problem.present) if place != NOWHERE]
    for at, place in placed:
        single.put(at, place)
    same(single, whole)
    for at, place in placed:
        single.take(at, place)
    same(single, Load(problem))


@settings(max_examples=66, deadline=None)
@given(instances.problems())
def test_what_fits_overcommits_nothing_and_what_does_not_fit_would(problem):
    load = Load(problem, problem.present)
    for at, one in enumerate(problem.items):
        if one.current != NOWHERE:
            continue
        for place, fits in zip(one.bins.tolist(), load.fits(at, one.bins), strict=True):
            then = [*problem.present[:at], place, *problem.present[at + 1 :]]
            assert fits == instances.within(problem, then) == holds(problem, then)


def test_one_that_moves_takes_both_places_but_counts_once_in_a_domain():
    bins = [Bin(id="a", capacity=ints(4, 4)), Bin(id="b", capacity=ints(4, 4))]
    items = [item("i", (3, 0), {0: 1, 1: 1}, current=0), item("j", (2, 0), {0: 1, 1: 1})]
    site = Limit(items=ints(0, 1), domains=ints(0, 0), most=ints(1))
    load = Load(Problem(items=items, bins=bins, limits=[site]), (0, NOWHERE))
    assert load.fits(0, ints(1), source=0).tolist() == [True]
    assert load.fits(1, ints(0, 1)).tolist() == [False, False]
    load = Load(Problem(items=items, bins=bins), (0, NOWHERE))
    assert load.fits(1, ints(0, 1)).tolist() == [False, True]


def test_what_holds_more_than_it_has_takes_nothing_of_that():
    bins = [Bin(id="a", capacity=ints(1, 4))]
    items = [
        item("over", (2, 0), {0: 1}, current=0),
        item("more", (1, 0), {0: 1}),
        item("another", (0, 1), {0: 1}),
    ]
    problem = Problem(items=items, bins=bins)
    load = Load(problem, problem.present)
    assert [load.fits_one(at, 0) for at in (1, 2)] == [False, True]
    assert holds(problem, (0, NOWHERE, 0))
    assert not holds(problem, (0, 0, NOWHERE))
    assert load.used.dtype == np.int64
