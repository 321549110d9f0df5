import numpy as np
import pytest

from skerry_hub.placement import corrections
from skerry_hub.placement.embedding import DIMENSIONS
from skerry_hub.placement.round_trips import Links
from skerry_hub.placement.stepwise import finished

SITE = 12
"""Nodes of each of two sites; the first site's rows come first."""


def places() -> np.ndarray:
    found = np.zeros((2 * SITE, DIMENSIONS + 1), np.float32)
    found[:, 1] = np.arange(2 * SITE) * 0.01
    found[SITE:, 0] = 100.0
    return found


def measured(pairs: dict[tuple[int, int], float]) -> Links:
    both = sorted({**pairs, **{(b, a): ms for (a, b), ms in pairs.items()}}.items())
    owners = np.array([owner for (owner, _), _ in both])
    start = np.zeros(2 * SITE + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=2 * SITE), out=start[1:])
    peers = np.array([peer for (_, peer), _ in both], np.int32)
    return Links(start, peers, np.array([ms for _, ms in both], np.float32))


def inside() -> dict[tuple[int, int], float]:
    """The nodes of each site in a ring, so that each has links."""
    return {
        (first + node, first + (node + 1) % SITE): 0.01
        for first in (0, SITE)
        for node in range(SITE)
        if node + 1 < SITE
    }


def learnt(pairs: dict[tuple[int, int], float]) -> corrections.Corrections:
    return finished(corrections.corrections(places(), measured(pairs), 100.0, 0))


def test_a_detour_that_neighbours_measured_is_expected_of_a_pair() -> None:
    found = learnt(inside() | {(node, SITE + node): 200.0 for node in range(1, SITE)})
    factors = found.factors(0, np.array([SITE, 1]))
    assert factors[0] == pytest.approx(2.0, rel=0.1)
    assert factors[1] == pytest.approx(1.0, rel=0.1)


def test_from_either_end_the_factor_is_the_same() -> None:
    found = learnt(inside() | {(node, SITE + node // 2): 150.0 + node for node in range(1, SITE)})
    there = found.factors(0, np.array([SITE + 7]))[0]
    back = found.factors(SITE + 7, np.array([0]))[0]
    assert there > 1.2
    assert there == pytest.approx(back, rel=1e-6)


def test_without_measured_pairs_nearby_the_estimate_stays() -> None:
    found = learnt(inside())
    assert found.factors(0, np.array([SITE]))[0] == pytest.approx(1.0, rel=1e-3)
    assert found.factors(2 * SITE + 5, np.array([0, SITE])).tolist() == [1.0, 1.0]
    assert found.factors(0, np.array([2 * SITE + 5])).tolist() == [1.0]


def test_a_removed_row_says_nothing_and_nothing_is_said_of_it() -> None:
    alone = learnt(inside() | {(1, SITE + 1): 200.0})
    assert alone.factors(0, np.array([SITE]))[0] > 1.2
    gone = alone.without(np.array([1]))
    assert gone.factors(0, np.array([SITE]))[0] == pytest.approx(1.0, rel=1e-3)
    assert gone.factors(1, np.array([SITE + 1]))[0] == pytest.approx(1.0, rel=1e-3)
    others = learnt(inside() | {(2, SITE + 1): 200.0}).without(np.array([1]))
    assert others.factors(0, np.array([SITE + 1]))[0] > 1.2
    assert others.factors(1, np.array([SITE + 1]))[0] == 1.0
    assert alone.factors(0, np.array([SITE]))[0] > 1.2


def test_one_absurd_measurement_changes_an_estimate_by_a_bounded_factor() -> None:
    found = learnt(inside() | {(0, SITE): 60_000.0})
    assert found.factors(0, np.array([SITE]))[0] <= np.exp(corrections.MOST_OFF)


def test_the_closest_are_found_among_many_cells() -> None:
    chance = np.random.default_rng(2)
    many = np.zeros((3000, DIMENSIONS + 1), np.float32)
    many[:, :2] = chance.uniform(0, 100, (3000, 2))
    ring = np.arange(3000)
    peers = np.stack(((ring - 1) % 3000, (ring + 1) % 3000), 1).ravel().astype(np.int32)
    links = Links(np.arange(3001) * 2, peers, np.full(6000, 10.0, np.float32))
    found = finished(corrections.corrections(many, links, 50.0, 0)).closest
    assert (found[:, 0] == ring).all()
    apart = np.linalg.norm(many[:, None, :2] - many[None, :, :2], axis=2)
    np.fill_diagonal(apart, np.inf)
    true = np.argsort(apart, axis=1)[:, : corrections.CLOSEST]
    share = [np.isin(found[row, 1:], true[row]).mean() for row in ring]
    assert np.mean(share) > 0.97


def test_nodes_all_at_one_place_are_searched_in_bounded_memory() -> None:
    one = np.zeros((6000, DIMENSIONS + 1), np.float32)
    ring = np.arange(6000)
    peers = np.stack(((ring - 1) % 6000, (ring + 1) % 6000), 1).ravel().astype(np.int32)
    links = Links(np.arange(6001) * 2, peers, np.full(12000, 10.0, np.float32))
    found = finished(corrections.corrections(one, links, 50.0, 0))
    assert (found.closest[:, 1:] != ring[:, None]).all()
    assert (found.weights == 1.0).all()
