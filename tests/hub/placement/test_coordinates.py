import copy
import functools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from skerry_hub.placement.coordinates import Coordinates

NODES = 150
PEERS = 16
NAMES = [f"n{index}" for index in range(NODES)]


def true_times(nodes: int = NODES) -> np.ndarray:
    """Sites on a plane, nodes with heights, and a detour of its own between any two sites."""
    chance = np.random.default_rng(11)
    sites = 15
    at, detour = chance.uniform(0, 150, (sites, 2)), chance.uniform(1.0, 1.4, (sites, sites))
    site, height = np.arange(nodes) % sites, chance.uniform(0.5, 6, nodes)
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) * (detour + detour.T) / 2
    true: np.ndarray = apart[site[:, None], site[None]] + height[:, None] + height[None]
    return true


def picks(nodes: int = NODES, seed: int = 1) -> np.ndarray:
    chance = np.random.default_rng(seed)
    found = np.zeros((nodes, nodes), bool)
    for node in range(nodes):
        others = np.delete(np.arange(nodes), node)
        found[node, chance.choice(others, PEERS, replace=False)] = True
    return found


def observed(true: np.ndarray, picked: np.ndarray, *, noise: float = 0.0) -> Coordinates:
    coordinates = Coordinates(seed=4, peers=PEERS)
    chance = np.random.default_rng(8)
    for node in range(len(true)):
        coordinates.observe(
            NAMES[node],
            {
                NAMES[peer]: float(true[node, peer] * (1 + noise * chance.random()))
                for peer in np.flatnonzero(picked[node])
            },
        )
    return coordinates


@functools.cache
def _refined() -> Coordinates:
    coordinates = observed(true_times(), picks())
    coordinates.refine()
    return coordinates


def refined_coordinates() -> Coordinates:
    """The usual world, refined: a copy."""
    return copy.deepcopy(_refined())


def wrong(coordinates: Coordinates, true: np.ndarray, picked: np.ndarray) -> np.ndarray:
    hidden = np.triu(~(picked | picked.T), 1)
    ms, _ = coordinates.matrix(NAMES, NAMES)
    return np.abs(ms - true)[hidden] / true[hidden]


def test_unmeasured_pairs_are_estimated() -> None:
    true, picked = true_times(), picks()
    coordinates = observed(true, picked)
    unrefined = wrong(coordinates, true, picked)
    coordinates.refine()
    refined = wrong(coordinates, true, picked)
    assert np.median(refined) < 0.025
    assert np.percentile(refined, 90) < 0.1
    assert np.median(refined) < np.median(unrefined) < 0.4


def test_noise_costs_no_more_than_it_measures() -> None:
    true, picked = true_times(), picks()
    coordinates = observed(true, picked, noise=0.1)
    coordinates.refine()
    refined = wrong(coordinates, true, picked)
    assert np.median(refined) < 0.06
    assert np.percentile(refined, 90) < 0.15


def test_about_three_of_four_estimates_are_within_their_error() -> None:
    true, picked = true_times(), picks()
    coordinates = refined_coordinates()
    ms, error = coordinates.matrix(NAMES, NAMES)
    hidden = np.triu(~(picked | picked.T), 1)
    assert 0.6 < (np.abs(ms - true) <= error)[hidden].mean() < 0.97
    assert np.median(error[hidden] / ms[hidden]) < 0.3


def test_a_measured_pair_is_answered_with_its_measured_time() -> None:
    true, picked = true_times(), picks()
    coordinates = refined_coordinates()
    node, peer = np.argwhere(picked)[0]
    for first, second in ((node, peer), (peer, node)):
        found = coordinates.estimate(NAMES[first], NAMES[second])
        assert found is not None
        assert found[0] == pytest.approx(true[node, peer], rel=1e-6)
        assert found[1] <= 0.1001 * true[node, peer]


def test_a_matrix_says_what_each_estimate_says_from_either_end() -> None:
    coordinates = refined_coordinates()
    ms, error = coordinates.matrix(NAMES[:7], NAMES[3:20])
    assert ms.shape == error.shape == (7, 17)
    for row, first in enumerate(NAMES[:7]):
        for column, second in enumerate(NAMES[3:20]):
            there, back = (
                coordinates.estimate(*pair) for pair in ((first, second), (second, first))
            )
            assert there == (float(ms[row, column]), float(error[row, column]))
            assert back == pytest.approx(there, rel=1e-5)
    assert coordinates.estimate("n5", "n5") == (0.0, 0.0)


def test_the_same_calls_give_the_same_answers() -> None:
    first, second = (observed(true_times(), picks()) for _ in range(2))
    first.refine()
    second.refine()
    assert first.matrix(NAMES, NAMES)[0].tobytes() == second.matrix(NAMES, NAMES)[0].tobytes()


def test_a_node_that_comes_later_is_placed_without_refining_and_better_with_it() -> None:
    true, picked = true_times(), picks()
    late = NODES - 1
    early = picked.copy()
    early[late] = early[:, late] = False
    coordinates = observed(true, early)
    coordinates.refine()
    coordinates.observe(
        NAMES[late], {NAMES[p]: float(true[late, p]) for p in np.flatnonzero(picked[late])}
    )
    hidden = ~(picked[late] | (np.arange(NODES) == late))
    for _ in range(2):
        ms, _ = coordinates.matrix([NAMES[late]], NAMES)
        assert np.median(np.abs(ms[0] - true[late])[hidden] / true[late][hidden]) < 0.2
        coordinates.refine()


def test_a_way_that_becomes_longer_is_followed() -> None:
    true, picked = true_times(), picks()
    coordinates = refined_coordinates()
    farther = true.copy()
    farther[0] = farther[:, 0] = true[0] + 300
    for _ in range(15):
        coordinates.observe(
            NAMES[0], {NAMES[p]: float(farther[0, p]) for p in np.flatnonzero(picked[0])}
        )
        for node in np.flatnonzero(picked[:, 0]):
            coordinates.observe(NAMES[node], {NAMES[0]: float(farther[node, 0])})
    coordinates.refine()
    hidden = ~(picked[0] | picked[:, 0] | (np.arange(NODES) == 0))
    ms, _ = coordinates.matrix([NAMES[0]], NAMES)
    assert np.median(np.abs(ms[0] - farther[0])[hidden] / farther[0][hidden]) < 0.15


def test_an_endpoint_that_measures_nothing_is_placed_by_those_that_measure_it() -> None:
    true, picked = true_times(), picks()
    picked[0] = picked[:, 0] = False
    for node in range(1, 60):
        picked[node, np.flatnonzero(picked[node])[-1]] = False
    picked[1:60, 0] = True
    coordinates = observed(true, picked)
    coordinates.refine()
    ms, error = coordinates.matrix([NAMES[0]], NAMES[60:])
    assert np.median(np.abs(ms[0] - true[0, 60:]) / true[0, 60:]) < 0.12
    assert (error > 0).all()


def test_one_measured_pair_tells_nothing_sure_of_others() -> None:
    coordinates = Coordinates()
    coordinates.observe("a", {"b": 10.0})
    coordinates.observe("c", {"b": 10.0})
    for _ in range(2):
        found = coordinates.estimate("a", "c")
        assert found is not None
        assert found[1] >= 0.9 * found[0] > 0
        coordinates.refine()


def test_between_networks_without_a_measured_way_nothing_is_known() -> None:
    coordinates = Coordinates()
    coordinates.observe("a", {"b": 10.0})
    coordinates.observe("c", {"d": 10.0})
    for _ in range(2):
        assert coordinates.estimate("a", "c") is None
        assert coordinates.estimate("a", "b") is not None
        coordinates.refine()
    coordinates.observe("b", {"d": 30.0})
    assert coordinates.estimate("a", "c") is not None
    coordinates.remove("b")
    coordinates.refine()
    assert coordinates.estimate("a", "c") is None
    assert np.isnan(coordinates.matrix(["a"], ["c", "d"])[0]).all()


def test_a_removed_node_is_unknown_and_its_row_tells_nothing_of_the_next() -> None:
    coordinates = refined_coordinates()
    coordinates.remove("n3")
    coordinates.remove("never known")
    assert "n3" not in coordinates
    assert len(coordinates) == NODES - 1
    with pytest.raises(KeyError):
        coordinates.estimate("n3", "n4")
    coordinates.observe("next", {"n4": 500.0})
    found = coordinates.estimate("next", "n5")
    assert found is not None
    assert found[0] > 300


def test_nothing_observed_is_nothing_known() -> None:
    coordinates = Coordinates()
    coordinates.refine()
    coordinates.observe("a", {})
    assert len(coordinates) == 0
    assert coordinates.matrix([], [])[0].shape == (0, 0)
    with pytest.raises(KeyError):
        coordinates.estimate("a", "b")


@pytest.mark.parametrize("ms", [0.0, -3.0, math.nan, math.inf, 60_001.0])
def test_a_time_that_cannot_be_changes_nothing(ms: float) -> None:
    coordinates = observed(true_times(), picks())
    before = coordinates.matrix(NAMES, NAMES)[0].tobytes()
    with pytest.raises(ValueError, match="round-trip time"):
        coordinates.observe("n0", {"n1": 5.0, "n2": ms})
    assert coordinates.matrix(NAMES, NAMES)[0].tobytes() == before


def test_absurd_but_possible_times_do_not_break_the_rest() -> None:
    true, picked = true_times(), picks()
    coordinates = observed(true, picked)
    coordinates.observe("liar", {NAMES[p]: 60_000.0 if p % 2 else 1e-4 for p in range(PEERS)})
    coordinates.refine()
    assert np.median(wrong(coordinates, true, picked)) < 0.08
    ms, error = coordinates.matrix(["liar", *NAMES], ["liar", *NAMES])
    assert np.isfinite(ms).all()
    assert np.isfinite(error).all()


def test_memory_is_bounded_per_node() -> None:
    coordinates = refined_coordinates()
    assert coordinates.nbytes < 700 * NODES * 1.5


def test_estimates_by_rows_are_those_of_the_matrix_and_of_unknown_ones_nothing() -> None:
    coordinates = refined_coordinates()
    rows = coordinates.rows(["n1", "nobody", "n7"])
    assert rows[1] == -1
    ms, error = coordinates.estimates("n5", rows)
    wanted = coordinates.matrix(["n5"], ["n1", "n7"])
    assert ms[[0, 2]] == pytest.approx(wanted[0][0], rel=1e-6)
    assert error[[0, 2]] == pytest.approx(wanted[1][0], rel=1e-6)
    assert np.isnan([ms[1], error[1]]).all()
    assert np.isnan(coordinates.estimates("nobody", rows)[0]).all()
    everywhere, _ = coordinates.estimates("n5", np.arange(coordinates.capacity))
    assert np.isfinite(everywhere).sum() == NODES  # rows that nobody uses are no nodes


def test_a_copy_answers_as_before_and_may_go_its_own_way() -> None:
    coordinates = refined_coordinates()
    copied = coordinates.copy()
    before = copied.matrix(NAMES, NAMES)[0].tobytes()
    coordinates.observe("n3", {"n4": 500.0})
    coordinates.remove("n7")
    coordinates.refine()
    assert copied.matrix(NAMES, NAMES)[0].tobytes() == before
    copied.observe("n3", {"n4": 400.0})
    copied.remove("n8")
    assert "n8" in coordinates


def told(true: np.ndarray, picked: np.ndarray) -> list[tuple[str, dict[str, float]]]:
    return [
        (NAMES[node], {NAMES[peer]: true[node, peer] for peer in np.flatnonzero(picked[node])})
        for node in range(len(true))
    ]


def test_many_tellings_at_once_lead_where_one_by_one_does() -> None:
    true, picked = true_times(), picks()
    coordinates = Coordinates(seed=4, peers=PEERS)
    for first in range(0, NODES, 40):
        coordinates.observe_all(told(true, picked)[first : first + 40])
    assert len(coordinates) == NODES
    assert np.isfinite(coordinates.matrix(NAMES, NAMES)[0]).all()
    assert np.median(wrong(coordinates, true, picked)) < 0.5
    coordinates.refine()
    assert np.median(wrong(coordinates, true, picked)) < 0.08
    # Where all stand already they move a little.
    before = coordinates.matrix(NAMES, NAMES)[0]
    coordinates.observe_all(told(true, picked))
    after = coordinates.matrix(NAMES, NAMES)[0]
    assert np.median(np.abs(after - before)) < 1.0
    assert np.median(wrong(coordinates, true, picked)) < 0.1


def test_what_measures_nothing_is_put_down_and_all_are_of_one_network() -> None:
    coordinates = Coordinates()
    coordinates.observe_all(
        [
            ("a", {"erp": 10.0}),
            ("b", {"erp": 20.0, "crm": 5.0}),
            ("c", {"crm": 7.0, "a": 12.0}),
            ("d", {}),
        ]
    )
    names = ["a", "b", "c", "erp", "crm"]
    ms, error = coordinates.matrix(names, names)
    assert np.isfinite(ms).all()
    assert np.isfinite(error).all()
    assert ms[1, 4] == 5.0
    assert "d" not in coordinates
    coordinates.observe_all([])


def test_of_many_tellings_one_that_cannot_be_takes_all_with_it() -> None:
    coordinates = Coordinates()
    with pytest.raises(ValueError, match="measured itself"):
        coordinates.observe_all([("a", {"b": 5.0}), ("c", {"c": 5.0})])
    with pytest.raises(ValueError, match="round-trip time"):
        coordinates.observe_all([("a", {"b": 5.0}), ("c", {"d": -5.0})])
    assert len(coordinates) == 0


def steps_of(coordinates: Coordinates, number: int) -> Iterator[None]:
    """Return the rest of a fit of which so many steps were taken."""
    steps = coordinates.refining()
    for _ in range(number):
        next(steps)
    return steps


def test_a_fit_in_steps_is_taken_over_at_its_end() -> None:
    whole, stepwise = (observed(true_times(), picks()) for _ in range(2))
    before = stepwise.matrix(NAMES, NAMES)[0].tobytes()
    whole.refine()
    steps = steps_of(stepwise, 5)
    assert stepwise.matrix(NAMES, NAMES)[0].tobytes() == before
    for _ in steps:
        pass
    assert stepwise.matrix(NAMES, NAMES)[0].tobytes() == whole.matrix(NAMES, NAMES)[0].tobytes()


def test_who_comes_goes_and_measures_between_the_steps_of_a_fit() -> None:
    true, picked = true_times(), picks()
    late, gone = NODES - 1, 0
    early = picked.copy()
    early[late] = early[:, late] = False
    coordinates = observed(true, early)
    row = coordinates.rows([NAMES[gone]])[0]
    steps = steps_of(coordinates, 3)
    coordinates.remove(NAMES[gone])
    measured = {NAMES[p]: float(true[late, p]) for p in np.flatnonzero(picked[late]) if p != gone}
    coordinates.observe(NAMES[late], measured)
    assert coordinates.rows([NAMES[late]])[0] == row
    coordinates.observe(NAMES[5], {"silent": 10.0})
    for _ in steps:
        pass
    assert NAMES[gone] not in coordinates
    # It stands among those that were fitted, and not where the node was whose row it has.
    hidden = ~(picked[late] | np.isin(np.arange(NODES), (late, gone)))
    others = [NAMES[at] for at in np.flatnonzero(hidden)]
    ms, _ = coordinates.matrix([NAMES[late]], others)
    assert np.median(np.abs(ms[0] - true[late][hidden]) / true[late][hidden]) < 0.2
    left = [*NAMES[1:], "silent"]
    for _ in range(2):
        ms, error = coordinates.matrix(left, left)
        assert np.isfinite(ms).all()
        assert np.isfinite(error).all()
        coordinates.refine()
