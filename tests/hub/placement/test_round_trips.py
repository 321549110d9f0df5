import math

import numpy as np
import pytest

from skerry_hub.placement.round_trips import RoundTrips


def direct(trips: RoundTrips, first: str, second: str) -> tuple[float, float]:
    ms, deviation = trips.direct(trips.row(first), np.array([trips.row(second)]))
    return float(ms[0]), float(deviation[0])


@pytest.mark.parametrize("ms", [0, -1, math.nan, math.inf, 60_000.1])
def test_a_time_that_cannot_be_is_refused_and_nothing_is_taken(ms: float) -> None:
    trips = RoundTrips()
    with pytest.raises(ValueError, match="round-trip time"):
        trips.record("a", {"b": 10.0, "c": ms})
    assert len(trips) == 0


def test_a_node_cannot_measure_itself() -> None:
    with pytest.raises(ValueError, match="a measured itself"):
        RoundTrips().record("a", {"a": 1.0})


@pytest.mark.parametrize("peers", [0, -1, 1025])
def test_the_number_of_peers_is_bounded(peers: int) -> None:
    with pytest.raises(ValueError, match="peers a node"):
        RoundTrips(peers)


def test_a_pair_is_known_from_either_end_and_others_are_not() -> None:
    trips = RoundTrips()
    trips.record("a", {"b": 10.0, "c": 20.0})
    assert direct(trips, "a", "b") == (10.0, 1.0)
    assert direct(trips, "b", "a") == (10.0, 1.0)
    assert math.isnan(direct(trips, "b", "c")[0])


def test_a_pair_that_both_measured_has_the_mean_and_the_larger_deviation() -> None:
    trips = RoundTrips()
    trips.record("a", {"b": 10.0})
    trips.record("b", {"a": 20.0})
    assert direct(trips, "a", "b") == (15.0, 2.0)


def test_one_outlier_moves_a_time_little_and_a_lasting_change_is_followed() -> None:
    trips = RoundTrips()
    for _ in range(20):
        trips.record("a", {"b": 10.0})
    steady, least = direct(trips, "a", "b")
    assert steady == pytest.approx(10.0)
    assert least < 0.1
    trips.record("a", {"b": 1000.0})
    assert direct(trips, "a", "b")[0] < 10.2
    for _ in range(40):
        trips.record("a", {"b": 50.0})
    assert direct(trips, "a", "b")[0] == pytest.approx(50.0, rel=0.02)


def test_the_oldest_peer_gives_way() -> None:
    trips = RoundTrips(peers=2)
    for peer, ms in (("b", 1.0), ("c", 2.0), ("d", 3.0), ("e", 4.0)):
        trips.record("a", {peer: ms})
    assert math.isnan(direct(trips, "a", "b")[0])
    assert math.isnan(direct(trips, "a", "c")[0])
    assert direct(trips, "a", "d")[0] == 3.0
    assert direct(trips, "a", "e")[0] == 4.0


def test_memory_is_bounded_by_the_nodes_not_by_the_samples() -> None:
    trips = RoundTrips(peers=4)
    names = [f"n{index}" for index in range(64)]
    for name in names:
        trips.record(name, {other: 5.0 for other in names if other != name})
    assert trips.capacity == 64
    assert trips.nbytes <= 64 * (4 * 12 + 4)


def test_a_removed_node_is_forgotten_by_all_and_its_row_starts_empty() -> None:
    trips = RoundTrips()
    trips.record("a", {"b": 10.0})
    trips.record("b", {"a": 11.0, "c": 12.0})
    row = trips.row("b")
    trips.remove("b")
    trips.remove("unknown")
    assert "b" not in trips
    assert len(trips.links().peers) == 0
    trips.record("new", {"a": 7.0})
    assert trips.row("new") == row
    assert direct(trips, "a", "new")[0] == 7.0
    assert math.isnan(direct(trips, "c", "new")[0])


def test_links_hold_each_pair_once_from_either_end() -> None:
    trips = RoundTrips()
    trips.record("a", {"b": 10.0, "c": 30.0})
    trips.record("b", {"a": 20.0})
    links = trips.links()
    found = {
        (int(owner), int(peer)): float(ms)
        for owner, peer, ms in zip(links.owners, links.peers, links.ms, strict=True)
    }
    a, b, c = (trips.row(name) for name in "abc")
    assert found == {(a, b): 15.0, (b, a): 15.0, (a, c): 30.0, (c, a): 30.0}
    assert trips.silent(np.array([a, b, c])).tolist() == [False, False, True]


def test_what_a_node_measured_itself_is_told_by_name() -> None:
    trips = RoundTrips()
    trips.record("a", {"b": 10.0, "c": 30.0})
    trips.record("b", {"a": 20.0})
    assert trips.told(["b", "nobody", "c", "a"]) == [
        {"a": (20.0, 2.0)},
        {},
        {},
        {"b": (10.0, 1.0), "c": (30.0, 3.0)},
    ]
    trips.remove("b")
    assert trips.told(["a"]) == [{"c": (30.0, 3.0)}]
    assert trips.rows(["c", "b", "a"]).tolist() == [trips.row("c"), -1, trips.row("a")]


def test_a_copy_is_not_reached_by_what_comes_later() -> None:
    trips = RoundTrips()
    trips.record("a", {"b": 10.0, "c": 30.0})
    copy = trips.copy()
    trips.record("a", {"b": 20.0, "d": 5.0})
    trips.remove("c")
    assert copy.told(["a"]) == [{"b": (10.0, 1.0), "c": (30.0, 3.0)}]
    copy.record("e", {"a": 1.0})
    assert "e" not in trips
    assert len(copy) == 4


def test_of_few_and_of_all_the_same_is_known() -> None:
    trips = RoundTrips(4)
    rng = np.random.default_rng(3)
    for number in range(200):
        peers = {f"n{peer}" for peer in rng.integers(0, 200, 4).tolist() if peer != number}
        trips.record(f"n{number}", {peer: float(rng.integers(1, 90)) for peer in sorted(peers)})
    everything = np.arange(trips.capacity)
    for row in (0, 7, 63):
        all_ms, all_deviations = trips.direct(row, everything)
        assert np.isfinite(all_ms).any()
        for few in (everything[5:9], everything[[9, 3, 3, 150]]):
            ms, deviations = trips.direct(row, few)
            assert np.array_equal(ms, all_ms[few], equal_nan=True)
            assert np.array_equal(deviations, all_deviations[few], equal_nan=True)


def test_a_name_that_has_another_row_is_another_naming() -> None:
    trips = RoundTrips()
    trips.record("a", {"b": 1.0})
    first = trips.naming
    trips.record("a", {"b": 2.0})
    assert trips.naming is trips.copy().naming is first
    trips.record("a", {"c": 2.0})
    second = trips.naming
    trips.remove("b")
    assert len({id(one) for one in (first, second, trips.naming)}) == 3
