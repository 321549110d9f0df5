"""The network as placement sees it."""

import math

import numpy as np
import pytest

from skerry_hub.latency import (
    BROKER_PLACE,
    MOST_KEPT,
    MOST_ORIGINS,
    NOWHERE,
    Measured,
    Network,
    endpoint,
    place_of,
    target_of,
)
from skerry_hub.placement.coordinates import Coordinates

NODES = [f"box-{number:02d}" for number in range(40)]


def at(number):
    """Boxes on a line, ten milliseconds apart; endpoints at both ends."""
    return 10.0 * number + 1.0


def measured():
    found = {}
    for number, node in enumerate(NODES):
        peers = [(number + step) % len(NODES) for step in (1, 2, 3, 5, 8, 13)]
        found[node] = {NODES[peer]: abs(at(number) - at(peer)) + 1 for peer in peers}
        found[node][endpoint("left")] = at(number) + 5
        if number % 4:
            found[node][endpoint("right")] = at(len(NODES)) - at(number) + 5
    return found


@pytest.fixture(scope="module", name="network")
def whole_network():
    return Network.of(measured())


def test_a_node_that_measured_an_endpoint_has_that_time_and_others_an_estimate(network):
    ms, error = network.to_endpoint("right", NODES)
    told = measured()
    for number, node in enumerate(NODES):
        true = at(len(NODES)) - at(number) + 5
        if number % 4:
            assert ms[number] == pytest.approx(told[node][endpoint("right")], rel=1e-6)
        else:
            assert ms[number] == pytest.approx(true, rel=0.25)
            assert error[number] > 0
    assert (ms.dtype, error.dtype) == (np.float64, np.float64)


def test_from_a_node_to_nodes_and_to_itself(network):
    ms, error = network.between("box-03", NODES)
    assert (ms[3], error[3]) == (0.0, 0.0)
    assert ms[4] == pytest.approx(11.0, rel=1e-6)
    true = np.array([abs(at(3) - at(number)) + 1 for number in range(40)])
    others = np.arange(40) != 3
    assert np.median(np.abs(ms - true)[others] / true[others]) < 0.15


def test_rows_stand_for_names(network):
    wanted = ["box-07", "nobody", "box-01"]
    rows = network.rows(wanted)
    assert rows[1] == -1
    for ask in (network.between("box-03", rows), network.to_endpoint("left", rows)):
        assert not math.isnan(ask[0][0])
        assert np.isnan(ask[0][1])
        assert np.isnan(ask[1][1])
    by_name = network.between("box-03", wanted)
    assert np.array_equal(by_name[0], network.between("box-03", rows)[0], equal_nan=True)


def test_what_is_not_known_is_nan_and_no_error():
    for ms, error in (
        NOWHERE.to_endpoint("erp", NODES),
        NOWHERE.between("box-01", NODES),
        NOWHERE.nearest(["box-01"], NODES),
    ):
        assert len(ms) == len(error) == 40
        assert np.isnan(ms).all()
        assert np.isnan(error).all()
    assert len(NOWHERE.between("box-01", [])[0]) == 0
    assert "box-01" not in NOWHERE


def test_nothing_is_known_between_networks_that_nobody_measured():
    network = Network.of({"a": {"b": 5.0}, "c": {"d": 6.0}})
    ms, _ = network.between("a", ["a", "b", "c", "d"])
    assert [bool(known) for known in np.isnan(ms)] == [False, False, True, True]


def test_the_nearest_of_several(network):
    ms, error = network.nearest(["box-03", "box-30", "nobody"], NODES)
    first, second = network.between("box-03", NODES)[0], network.between("box-30", NODES)[0]
    assert np.array_equal(ms, np.minimum(first, second))
    assert (ms[3], ms[30]) == (0.0, 0.0)
    assert error[3] == 0.0
    assert error[31] == network.between("box-30", NODES)[1][31]


def test_of_very_many_only_some_are_looked_at_and_always_the_same(network):
    ms, _ = network.nearest(NODES, NODES)
    assert (ms == 0).sum() == MOST_ORIGINS
    assert (ms[20:] == 0).sum() == MOST_ORIGINS // 2
    again, _ = network.nearest(reversed(NODES), NODES)
    assert np.array_equal(ms, again)


def test_the_picture_does_not_change_with_what_it_was_made_of():
    coordinates = Coordinates()
    coordinates.observe("a", {"b": 5.0, endpoint("erp"): 9.0})
    network = Network(coordinates.copy())
    before = network.between("a", ["a", "b"])
    coordinates.observe("a", {"b": 50.0, "c": 7.0})
    coordinates.remove("b")
    coordinates.refine()
    after = network.between("a", ["a", "b"])
    assert np.array_equal(before[0], after[0])
    assert "c" not in network
    assert network.measured(["a", "b", "nobody"]) == [
        {
            "b": Measured(5.0, pytest.approx(0.5)),
            endpoint("erp"): Measured(9.0, pytest.approx(0.9)),
        },
        {},
        {},
    ]


def test_what_was_asked_for_is_at_hand():
    network = Network.of(measured())
    assert network.asked == ()
    network.prepare(["box-03", "nobody"])
    network.to_endpoint("left", NODES)
    assert network.asked == ("box-03", endpoint("left"))
    ms, _ = network.few("box-05", ["box-06", endpoint("left"), "nobody"])
    assert ms[:2].tolist() == pytest.approx([11.0, at(5) + 5], rel=1e-6)
    assert np.isnan(ms[2])
    assert network.asked == ("box-03", endpoint("left"))
    one, two = network.between("box-03", ["box-04"]), network.between("box-03", ["box-04"])
    assert one == two
    one[0][0] = -1.0  # whoever asked may do with it what it likes
    assert network.between("box-03", ["box-04"])[0][0] == pytest.approx(11.0, rel=1e-6)


def test_only_what_was_asked_for_last_is_kept():
    network = Network.of({f"n{number}": {endpoint("erp"): 5.0} for number in range(100)})
    for number in range(100):
        network.between("n0", ["n1"])
        network.between(f"n{number}", ["n1"])
    assert len(network.asked) == MOST_KEPT
    assert network.asked[-2:] == ("n0", "n99")
    assert "n1" not in network.asked


def test_the_same_times_make_the_same_network():
    shuffled = {node: measured()[node] for node in reversed(NODES)}
    one, two = Network.of(measured()), Network.of(shuffled)
    assert np.array_equal(one.between("box-03", NODES)[0], two.between("box-03", NODES)[0])


@pytest.mark.parametrize("ms", [0.0, -1.0, math.nan, math.inf, 60_001.0])
def test_a_time_that_cannot_be_is_refused(ms):
    with pytest.raises(ValueError, match="round-trip time"):
        Network.of({"a": {"b": ms}})


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("broker", BROKER_PLACE),
        ("node/broker", "broker"),
        ("node/box-1", "box-1"),
        ("endpoint/erp", "endpoint/erp"),
    ],
)
def test_places_and_targets_have_each_their_own_name(target, place):
    assert place_of(target) == place
    assert target_of(place) == target


@pytest.mark.parametrize("target", ["", "box-1", "site/quay", "node/endpoint/erp"])
def test_what_is_no_target_has_no_place(target):
    assert place_of(target) is None


def test_the_nearest_origin_is_the_one_whose_time_counts():
    network = Network.of({"a": {"b": 10.0, "c": 30.0}, "b": {"c": 15.0}})
    assert network.nearest_one(("a", "b"), "c") == "b"
    (ms,), _ = network.nearest(("a", "b"), ["c"])
    assert ms == network.between("b", ["c"])[0][0]
    assert network.nearest_one(("a", "b"), "nobody") is None
    assert network.nearest_one((), "c") is None


def test_only_what_one_of_the_two_measured_is_measured():
    network = Network.of({"a": {"b": 10.0}, "b": {"c": 15.0}})
    pairs = ("ab", "ba", "bc", "cb", "ac", "ca", "ax", "xa")
    assert "".join(one for one in pairs if network.is_measured(*one)) == "abbabccb"
