import numpy as np
import pytest
from benchmarks import optimum
from benchmarks.row import BenchError

from skerry_hub.balance.load import holds
from skerry_hub.balance.problem import NOWHERE, ProblemError

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


@pytest.mark.parametrize("place_all", [optimum.greedy, optimum.improved])
def test_the_placers_overcommit_nothing(place_all):
    for family in FAMILIES:
        problem = optimum.instance(family, 3).problem
        placed = place_all(problem.items, problem.bins)
        assert holds(problem, placed)
        assert any(place != NOWHERE for place in placed)


def test_a_gap_is_from_the_origin():
    assert optimum.gap_percent(200, 150, 0) == 25
    # All would be worth 1000 for nothing: costs of 100 and of 150.
    assert optimum.gap_percent(900, 850, 1000) == 50


def test_each_family_has_its_distribution_and_the_better_placer_a_smaller_gap():
    plain, better = (
        list(optimum.measure(placer, placer.__name__, 2, 1, 1))
        for placer in (optimum.greedy, optimum.improved)
    )
    assert [row.family for row in plain] == list(FAMILIES)
    for row, smaller in zip(plain, better, strict=True):
        assert 0 <= row.median_percent <= row.p90_percent <= row.max_percent
        assert smaller.max_percent <= row.max_percent
    assert "| preferred | greedy | 2 |" in optimum.table(plain)


def test_a_placer_that_breaks_a_rule_is_an_error():
    with pytest.raises(BenchError, match="placed 1: the placer overcommits"):
        list(
            optimum.measure(
                lambda items, bins: [
                    int(one.bins[0]) if len(one.bins) else NOWHERE for one in items
                ],
                "first",
                1,
                1,
                1,
            )
        )
    with pytest.raises(BenchError, match="0 places for"):
        list(optimum.measure(lambda items, bins: [], "none", 1, 1, 1))
    with pytest.raises(ProblemError, match="may not be in bin 99"):
        list(optimum.measure(lambda items, bins: [99] * len(items), "far", 1, 1, 1))
    with pytest.raises(BenchError, match="0 instances"):
        list(optimum.measure(optimum.greedy, "greedy", 0, 1, 1))


def test_a_placer_that_is_not_there_is_told(capsys):
    assert optimum.main(["--placer", "benchmarks.optimum:missing"]) == 1
    assert "placer benchmarks.optimum:missing" in capsys.readouterr().err
