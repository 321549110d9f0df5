import numpy as np
import pytest

from skerry_hub.placement.embedding import (
    DIMENSIONS,
    MOST_LINKS,
    cold,
    padded,
    relocate,
    scattered,
    sweep,
    times,
)
from skerry_hub.placement.round_trips import Links
from skerry_hub.placement.stepwise import finished


def links_of(true: np.ndarray, measured: np.ndarray) -> Links:
    start = np.concatenate(([0], np.cumsum(measured.sum(1))))
    owners, peers = np.nonzero(measured)
    return Links(start, peers.astype(np.int32), true[owners, peers].astype(np.float32))


def world(nodes: int, share: float) -> tuple[np.ndarray, np.ndarray, Links]:
    """Nodes on a plane with heights, whose times a space can hold exactly."""
    chance = np.random.default_rng(5)
    at, height = chance.uniform(0, 200, (nodes, 2)), chance.uniform(1, 20, nodes)
    true = np.linalg.norm(at[:, None] - at[None], axis=2) + height[:, None] + height[None]
    measured = np.triu(chance.random((nodes, nodes)) < share, 1)
    measured |= measured.T
    return true, measured, links_of(true, measured)


def all_times(places: np.ndarray) -> np.ndarray:
    rows = np.arange(len(places))
    return times(places, rows[:, None], rows[None])


def test_times_that_a_space_can_hold_are_found_for_unmeasured_pairs() -> None:
    true, measured, links = world(120, 0.3)
    places = scattered(120, 1.0, (0,))
    finished(cold(places, links, float(np.median(links.ms)), 0))
    hidden = ~measured & ~np.eye(120, dtype=bool)
    wrong = np.abs(all_times(places) - true)[hidden] / true[hidden]
    assert np.median(wrong) < 0.02
    assert np.percentile(wrong, 90) < 0.06


def test_more_sweeps_make_it_no_worse_and_the_same_seed_gives_the_same() -> None:
    true, measured, links = world(80, 0.3)
    scale = float(np.median(links.ms))
    first, second = scattered(80, 1.0, (0,)), scattered(80, 9.0, (7,))
    finished(cold(first, links, scale, 3))
    finished(cold(second, links, scale, 3))
    assert first.tobytes() == second.tobytes()
    before = np.abs(all_times(first) - true)[measured].mean()
    for index in range(20):
        finished(sweep(first, links, scale, (index,)))
    assert np.abs(all_times(first) - true)[measured].mean() <= before


def test_heights_are_never_negative() -> None:
    places = np.zeros((2, DIMENSIONS + 1), np.float32)
    places[:, 0], places[:, -1] = (0, 50), 20
    for _ in range(50):
        relocate(places, np.array([0]), np.array([[1]]), np.array([[2.0]]))
    assert places[0, -1] == 0.0
    assert np.isfinite(places).all()


def test_a_row_without_any_weight_stays_where_it_is() -> None:
    places = scattered(2, 10.0, (1,))
    before = places.copy()
    relocate(places, np.array([0]), np.array([[1]]), np.array([[2.0]]), emphasis=np.zeros((1, 1)))
    assert places.tobytes() == before.tobytes()


def test_two_nodes_at_the_same_place_move_apart_only_by_numbers() -> None:
    places = np.zeros((2, DIMENSIONS + 1), np.float32)
    for _ in range(60):
        relocate(places, np.array([0]), np.array([[1]]), np.array([[30.0]]))
    assert float(times(places, np.array(0), np.array(1))) == pytest.approx(30.0, rel=0.05)


def test_an_endpoint_with_many_links_is_placed_by_some_of_them_evenly() -> None:
    number = 10 * MOST_LINKS
    peers = np.arange(1, number + 1, dtype=np.int32)
    start = np.concatenate(([0, number], np.full(number, number)))
    links = Links(start, peers, peers.astype(np.float32))
    found, ms, known = padded(links, np.array([0, 1]))
    assert found.shape == (2, MOST_LINKS)
    assert known.tolist() == [[True] * MOST_LINKS, [False] * MOST_LINKS]
    assert found[0].tolist() == list(range(1, number + 1, 10))
    assert ms[0].tolist() == found[0].tolist()
