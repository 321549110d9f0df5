"""The search of a whole fleet and of parts of one: never worse, and the bound below all."""

import numpy as np
from tests.hub.rebalance.fleets import node, uneven, work_of, workload

from skerry_hub.balance.load import Load, holds
from skerry_hub.balance.neighbourhood import Scope
from skerry_hub.balance.solve import Effort
from skerry_hub.rebalance.evenness import UNIT
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.search import (
    Whole,
    choose_bins,
    levelled,
    loss,
    rates_of,
    search,
    search_part,
)

EFFORT = Effort(time_s=5)
SMALL = Whole(scope=Scope(items=10, nodes=5), steps=5 * 16)


def picture(objective="balance", nodes=8, loads=12):
    given = [node(f"n{index}") for index in range(nodes)]
    wanted = [workload(f"shop-w{index}", cpu=100 * (1 + index % 5)) for index in range(loads)]
    later = [f"n{index}" for index in range(nodes // 2, nodes)]
    return picture_of(work_of(uneven(given, wanted, later)), objective, 10.0)


def test_what_is_found_holds_and_its_bound_is_below_it():
    for objective in ("balance", "pack", "cost"):
        given = picture(objective)
        found = search(given, given.problem, EFFORT)
        assert holds(given.problem, found.assignment)
        moved = sum(
            item.move_cost
            for item, place in zip(given.problem.items, found.assignment, strict=True)
            if place != item.current
        )
        total = loss(given, given.problem, found.assignment) + moved
        assert found.bound <= total <= loss(given, given.problem, given.problem.present)
        assert (found.status, found.bound) == ("optimal", total)


def test_of_many_nodes_the_fullest_and_the_emptiest_are_solved():
    given = picture()
    used = Load(given.problem, given.problem.present).used
    chosen = choose_bins(given.evenness, given.problem, used, Whole(steps=4 * 16))
    assert len(chosen) == 4
    shares = given.evenness.used(used)
    others = np.delete(shares, chosen)
    assert sorted(shares[chosen])[:2] <= sorted(others)[:2]
    assert max(shares[chosen]) == max(shares)
    assert len(choose_bins(given.evenness, given.problem, used, Whole())) == 8


def test_a_part_is_bettered_and_the_bound_is_of_the_whole():
    given = picture(nodes=30, loads=40)
    whole = search(given, given.problem, EFFORT)
    used = Load(given.problem, given.problem.present).used
    bins = np.array([0, 1, 28, 29], np.int64)
    part = search_part(given.evenness, given.problem, bins, EFFORT)
    assert holds(given.problem, part)
    before = loss(given, given.problem, given.problem.present)
    assert loss(given, given.problem, part) < before
    assert {place for place in part if place not in given.problem.present} <= {28, 29}
    least = given.evenness.least(used, rates_of(given.problem))
    assert 0 < least <= whole.bound
    assert loss(given, given.problem, part) % (UNIT // 256) == 0


def test_a_fleet_too_large_to_be_solved_whole():
    for objective in ("balance", "pack"):
        given = picture(objective, nodes=30, loads=40)
        whole = search(given, given.problem, EFFORT)
        found = search(given, given.problem, EFFORT, SMALL)
        assert holds(given.problem, found.assignment)
        before = loss(given, given.problem, given.problem.present)
        assert found.bound <= whole.bound < before
        assert loss(given, given.problem, found.assignment) < before


def test_what_is_found_in_too_little_time_is_levelled_from_there_and_from_now():
    given = picture()
    problem = given.problem

    def total(assignment):
        moves = zip(problem.items, assignment, strict=True)
        cost = sum(item.move_cost for item, place in moves if place != item.current)
        return loss(given, problem, assignment) + cost

    for start in (problem.present, tuple(7 for _ in problem.present)):
        found = levelled(given.evenness, problem, start, 100)
        assert holds(problem, found)
        assert total(found) < min(total(start), total(problem.present))
        assert levelled(given.evenness, problem, start, 0) == min(start, problem.present, key=total)
    best = search(given, problem, EFFORT).assignment
    assert total(levelled(given.evenness, problem, best, 100)) == total(best)
