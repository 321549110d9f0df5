import json

import numpy as np
import pytest
from benchmarks import optimum, placers
from benchmarks.row import BenchError

from skerry_hub.balance.load import holds
from skerry_hub.balance.problem import NOWHERE, ProblemError, value
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Workload
from skerry_hub.placement.cost import Costs
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World

FAMILIES = ("placed", "preferred", "cheapest")


@pytest.mark.parametrize("family", FAMILIES)
def test_instances_are_the_same_for_a_seed_and_of_the_sizes_that_are_told(family):
    for seed in range(1, 30):
        problem = optimum.instance(family, seed).problem
        again = optimum.instance(family, seed).problem
        assert [one.demand.tolist() for one in problem.items] == [
            one.demand.tolist() for one in again.items
        ]
        assert 5 <= len(problem.bins) <= 30
        assert 10 <= len(problem.items) <= 80
        asked = np.sum([one.demand for one in problem.items], axis=0)
        there = np.sum([one.capacity for one in problem.bins], axis=0)
        assert (2 * asked <= there).all() == (family == "cheapest")


@pytest.mark.parametrize(
    "place_all",
    [
        optimum.greedy,
        optimum.improved,
        placers.engine,
        placers.engine_applied,
        placers.engine_by_size,
        placers.engine_two_orders,
        placers.engine_spreading,
    ],
)
def test_the_placers_overcommit_nothing(place_all):
    for family in FAMILIES:
        given = optimum.instance(family, 3)
        problem, placed = given.problem, place_all(given)
        assert holds(problem, placed)
        assert any(place != NOWHERE for place in placed)


def test_a_gap_is_from_the_origin():
    assert optimum.gap_percent(200, 150, 0) == 25
    # All would be worth 1000 for nothing: costs of 100 and of 150.
    assert optimum.gap_percent(900, 850, 1000) == 50


def test_the_engine_costs_what_the_instance_says():
    """Prices as documents are the prices of the problem, to the rounding of one item."""
    given = optimum.instance("cheapest", 5)
    columns = Columns()
    for at, bin_ in enumerate(given.problem.bins):
        columns.put(placers.node_of(at, bin_.capacity))
    world = World(columns, rules=rules_of(placers.prices_of(given), 1))
    ceiling = given.origin // sum(bool(len(one.bins)) for one in given.problem.items)
    for item in given.problem.items:
        one = Workload(
            name="one",
            project="bench",
            containers=placers.CONTAINERS,
            resources=placers.resources_of(item),
        )
        costs = Costs(world, one).of(columns, columns.rows())
        for place, score in zip(item.bins.tolist(), item.scores.tolist(), strict=True):
            wanted = ceiling - score + given.problem.bins[place].open_cost
            assert abs(int(costs[place]) - wanted) <= 1


def test_the_largest_come_first():
    given = optimum.instance("placed", 7)
    order = placers.largest_first(given)
    total = np.sum([one.capacity for one in given.problem.bins], axis=0)
    shares = [float((given.problem.items[at].demand / np.maximum(total, 1)).max()) for at in order]
    assert sorted(order) == list(placers.as_they_come(given))
    assert shares == sorted(shares, reverse=True)


def test_those_with_the_fewest_places_come_first_and_the_better_order_stays():
    given = optimum.instance("placed", 7)
    places = [len(given.problem.items[at].bins) for at in placers.fewest_first(given)]
    assert places == sorted(places)
    for seed in range(1, 6):
        given = optimum.instance("placed", seed)
        both = value(given.problem, placers.engine_two_orders(given))
        assert both >= value(given.problem, placers.engine_by_size(given))


def test_each_family_has_its_distribution_and_the_better_placer_a_smaller_gap():
    both = {"greedy": optimum.greedy, "improved": optimum.improved}
    rows = list(optimum.measure(both, 2, 1, 1))
    assert [(row.family, row.placer) for row in rows] == [
        (family, name) for family in FAMILIES for name in both
    ]
    for row, smaller in zip(rows[::2], rows[1::2], strict=True):
        assert 0 <= row.median_percent <= row.p90_percent <= row.max_percent
        assert 0 <= row.mean_percent <= row.max_percent
        assert smaller.max_percent <= row.max_percent
    assert "| preferred | greedy | 2 |" in optimum.table(rows)


def everywhere(given):
    return [int(one.bins[0]) if len(one.bins) else NOWHERE for one in given.problem.items]


@pytest.mark.parametrize(
    ("place_all", "error", "said"),
    [
        (everywhere, BenchError, "placed 1: the placer overcommits"),
        (lambda given: [], BenchError, "0 places for"),
        (lambda given: [99] * len(given.problem.items), ProblemError, "may not be in bin 99"),
    ],
)
def test_a_placer_that_breaks_a_rule_is_an_error(place_all, error, said):
    with pytest.raises(error, match=said):
        list(optimum.measure({"wrong": place_all}, 1, 1, 1, ["placed"]))


def test_no_instances_are_an_error():
    with pytest.raises(BenchError, match="0 instances"):
        list(optimum.measure({"greedy": optimum.greedy}, 0, 1, 1))


def test_a_placer_that_is_not_there_is_told(capsys):
    assert optimum.main(["--placer", "benchmarks.optimum:missing"]) == 1
    assert "placer benchmarks.optimum:missing" in capsys.readouterr().err


def test_only_the_families_and_placers_asked_for_are_measured(capsys):
    asked = ["--instances", "1", "--time-s", "1", "--family", "placed", "-o", "json"]
    names = ["benchmarks.placers:engine", "benchmarks.placers:engine_by_size"]
    assert optimum.main([*asked, "--placer", names[0], "--placer", names[1]]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["family"], row["placer"]) for row in rows] == [
        ("placed", "placers:engine"),
        ("placed", "placers:engine_by_size"),
    ]
