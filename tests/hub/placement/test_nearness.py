"""Round-trip times as limits and wishes: to nodes, sites, endpoints and other workloads."""

import dataclasses
import math

import numpy as np
import pytest
from tests.hub.placement.boxes import assignment, explain, fleet, node, place, where, workload

from skerry_hub.documents import Endpoint
from skerry_hub.latency import NOWHERE, Network, endpoint
from skerry_hub.placement.nearness import USUAL_MS, near_of, origins_of, within_of
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Latency, Placement

MEASURED = {
    "a": {"b": 10.0, "c": 40.0, "d": 80.0, endpoint("erp"): 12.0},
    "b": {"c": 30.0, "d": 70.0, endpoint("erp"): 22.0},
    "c": {"d": 40.0, endpoint("erp"): 52.0},
    "d": {endpoint("erp"): 92.0},
}
NETWORK = Network.of(MEASURED)


def boxes(**sites):
    return fleet(
        *(
            node(name, labels={"site": sites[name]} if name in sites else {})
            for name in ("a", "b", "c", "d", "lone")
        )
    )


def near(*terms, **more):
    return dataclasses.replace(workload(**more), placement=Placement(latency=terms))


def term(to="endpoint", name="erp", **more):
    return Latency(to=to, name=name, **more)


def times(columns, load, **more):
    """Return the time to the place of a workload's only term, by the nodes that know one."""
    (within,) = within_of(World(columns, network=NETWORK, **more), load)
    ms, _ = within.distance.of(columns, columns.rows())
    found = zip(columns.ids(), ms.tolist(), strict=True)
    return {name: time for name, time in found if not math.isnan(time)}


def passing(columns, load, **more):
    (within,) = within_of(World(columns, network=NETWORK, **more), load)
    mask = within.mask(columns, columns.rows()).tolist()
    return "".join(name for name, one in zip(columns.ids(), mask, strict=True) if one)


def truth(name):
    ms, _ = NETWORK.between(name, ["a", "b", "c", "d"])
    return dict(zip("abcd", ms.tolist(), strict=True))


@pytest.mark.parametrize(
    ("limit", "expected"), [(0.0, ""), (15.0, "a"), (60.0, "abc"), (1e6, "abcd")]
)
def test_a_limit_to_an_endpoint(limit, expected):
    assert passing(boxes(), near(term(max_ms=limit))) == expected


def test_the_limit_itself_is_within_it():
    columns = boxes()
    exact = times(columns, near(term(max_ms=1.0)))["c"]
    assert "c" in passing(columns, near(term(max_ms=exact)))
    assert "c" not in passing(columns, near(term(max_ms=exact * 0.999)))


@pytest.mark.parametrize("name", ["b", "host-b"])
def test_a_node_is_known_by_its_id_and_its_hostname_and_is_near_itself(name):
    found = times(boxes(), near(term("node", name, max_ms=1.0)))
    assert found == truth("b")
    assert found["b"] == 0.0


def test_an_id_counts_before_a_hostname_that_is_spelt_like_it():
    columns = fleet(node("a"), node("b"), node("host-b"))
    world = World(columns, network=NETWORK)
    assert origins_of(world, near(), term("node", "host-b")) == {"host-b"}


def test_of_a_site_the_nearest_node_counts():
    columns = boxes(b="quay", d="quay", c="pier")
    to_b, to_d = truth("b"), truth("d")
    found = times(columns, near(term("site", "quay", max_ms=1.0)))
    assert found == {name: min(to_b[name], to_d[name]) for name in "abcd"}
    assert found["b"] == found["d"] == 0.0
    assert times(columns, near(term("site", "nowhere", max_ms=1.0))) == {}


def test_of_a_workload_the_nearest_instance_counts_wherever_it_has_gone():
    columns = boxes()
    load = near(term("workload", "shop-db", max_ms=15.0))
    assert passing(columns, load) == ""
    placed = [assignment(f"shop-db-{name}", name, of=workload("shop-db")) for name in "ad"]
    for one in placed:
        columns.reserve(one)
    to_a, to_d = truth("a"), truth("d")
    assert times(columns, load) == {name: min(to_a[name], to_d[name]) for name in "abcd"}
    assert passing(columns, load) == "abd"
    columns.release(placed[0])
    assert passing(columns, load) == "d"
    decision = place(columns, load, [], keep=False, network=NETWORK)
    assert where(decision) == {"shop-web-0": "d"}
    columns.release(placed[1])
    assert place(columns, load, [], keep=False, network=NETWORK).unplaced == 1


def test_a_workload_is_near_no_instance_of_its_own():
    columns = boxes()
    columns.reserve(assignment("shop-web-0", "a"))
    assert times(columns, near(term("workload", "shop-web", max_ms=1.0))) == {}


@pytest.mark.parametrize(
    ("to", "name", "is_there"),
    [
        ("endpoint", "nope", False),
        ("site", "nope", False),
        ("node", "nope", False),
        ("endpoint", "erp", True),
        ("endpoint", "new", True),
        ("node", "a", True),
        ("workload", "nope", True),
    ],
)
def test_a_place_that_is_not_there_is_said_to_be_none(to, name, is_there):
    rules = rules_of([Endpoint(name="new", host="erp.example", port=443)], 1)
    load = near(term(to, name, max_ms=1e-3))
    told = explain(boxes(), load, [], network=NETWORK, rules=rules, node="lone")
    ((reason,),) = [one.reasons for one in told.verdicts]
    unknown = f"the round-trip time to {to}:{name} is not known"
    nowhere = f"there is no {to} {name}, so the time to it is not known"
    assert reason.text == (unknown if is_there else nowhere)


def test_what_is_not_known_is_not_within_any_limit():
    told = explain(boxes(), near(term(max_ms=1e6)), [], network=NETWORK)
    (lone,) = [one for one in told.verdicts if one.node == "lone"]
    (reason,) = lone.reasons
    assert reason.constraint == "latency to endpoint erp"
    assert reason.text == "the round-trip time to endpoint:erp is not known"
    assert reason.missing is None
    nothing = explain(boxes(), near(term(max_ms=1e6)), [], network=NOWHERE)
    assert (nothing.feasible, nothing.blocked) == (0, {"latency to endpoint erp": 5})


def test_a_reason_says_the_time_its_error_and_the_excess():
    columns = boxes()
    load = near(term(max_ms=20.0))
    (within,) = within_of(World(columns, network=NETWORK), load)
    row = columns.row("c")
    ms, errors = (float(one[0]) for one in within.distance.of(columns, np.array([row])))
    (refusal,) = within.refusals(columns, row)
    assert errors > 0
    told = f"round trip to endpoint:erp {ms:.3g} ms (estimated ± {errors:.3g}) > 20 ms"
    assert refusal.text == told.replace("estimated", "measured")
    assert refusal.missing == round(ms - 20.0, 3)
    assert refusal.share == pytest.approx((ms - 20.0) / ms)


def test_what_nobody_measured_is_told_as_estimated():
    columns = boxes(a="quay", b="quay")
    few = {"a": {"b": 10.0, "c": 40.0}, "b": {"c": 30.0, "d": 30.0}, "c": {"d": 40.0}}
    load = near(term("site", "quay", max_ms=1.0))
    told = explain(columns, load, [], network=Network.of(few))
    words = {one.node: one.reasons[0].text for one in told.verdicts if not one.feasible}
    assert words["c"].startswith("round trip to site:quay 30 ms (measured ± ")
    measured = explain(columns, near(term("node", "a", max_ms=1.0)), [], network=Network.of(few))
    words = {one.node: one.reasons[0].text for one in measured.verdicts if not one.feasible}
    assert "ms (estimated ± " in words["d"]


def test_a_time_is_told_in_as_many_digits_as_show_it_to_be_over_the_limit():
    load = near(term(max_ms=11.9999))
    told = explain(boxes(), load, [], network=NETWORK)
    (reason,) = next(one for one in told.verdicts if one.node == "a").reasons
    assert reason.text.startswith("round trip to endpoint:erp 12 ms (measured")
    load = near(term(max_ms=51.96))
    told = explain(boxes(), load, [], network=NETWORK)
    (reason,) = next(one for one in told.verdicts if one.node == "c").reasons
    assert reason.text.startswith("round trip to endpoint:erp 52 ms (measured")
    nearer = Network.of({"a": {endpoint("erp"): 20.0004}})
    told = explain(boxes(), near(term(max_ms=20.0)), [], network=nearer)
    (reason,) = next(one for one in told.verdicts if one.node == "a").reasons
    assert "20.0004 ms" in reason.text


def test_how_far_nodes_are_outside_a_limit():
    columns = boxes()
    (within,) = within_of(World(columns, network=NETWORK), near(term(max_ms=20.0)))
    rows = columns.rows()
    lacks = within.lack(columns, rows)
    assert ((lacks == 0) == within.mask(columns, rows)).all()
    for row, lack in zip(rows.tolist(), lacks.tolist(), strict=True):
        assert [one.share for one in within.refusals(columns, row)] == ([lack] if lack else [])


def test_a_node_is_at_itself_although_nothing_was_measured():
    columns = boxes()
    columns.reserve(assignment("shop-db-0", "lone", of=workload("shop-db")))
    for asked in (term("workload", "shop-db", max_ms=1.0), term("node", "lone", max_ms=1.0)):
        told = explain(columns, near(asked), [], network=NOWHERE)
        assert [one.node for one in told.verdicts if one.feasible] == ["lone"]


def test_the_relaxation_is_the_node_that_misses_least():
    told = explain(boxes(), near(term(max_ms=5.0)), [], network=NETWORK)
    assert told.feasible == 0
    assert told.relaxations[0].node == "a"


def points(columns, load):
    (wish,) = near_of(World(columns, network=NETWORK), load)
    return dict(zip(columns.ids(), wish.of(columns, columns.rows()).tolist(), strict=True))


def test_the_nearer_the_better_and_what_is_unknown_is_worst():
    columns = boxes()
    found = points(columns, near(term(weight=10)))
    assert found["a"] > found["b"] > found["c"] > found["d"] > found["lone"] == 0
    for name, ms in times(columns, near(term(max_ms=1.0))).items():
        assert found[name] == pytest.approx(SCALE * USUAL_MS / (USUAL_MS + ms), rel=1e-4)


def test_a_wish_with_a_limit_is_half_fulfilled_at_the_limit():
    columns = boxes()
    ms = times(columns, near(term(max_ms=1.0)))["b"]
    found = points(columns, near(term(weight=10, max_ms=ms)))
    assert found["b"] == pytest.approx(SCALE / 2, rel=1e-3)


def test_a_node_is_at_no_distance_from_itself():
    assert points(boxes(), near(term("node", "c", weight=1)))["c"] == SCALE


@pytest.mark.parametrize(("to", "expected"), [("a", "a"), ("c", "c"), ("d", "d")])
def test_a_wish_places_where_it_is_near(to, expected):
    decision = place(boxes(), near(term("node", to, weight=100)), [], keep=False, network=NETWORK)
    assert where(decision) == {"shop-web-0": expected}


def test_a_limit_without_a_weight_is_no_wish_and_a_weight_without_a_limit_no_limit():
    world = World(boxes(), network=NETWORK)
    assert near_of(world, near(term(max_ms=5.0))) == []
    assert within_of(world, near(term(weight=5))) == []


def test_a_newer_network_is_seen():
    columns = boxes()
    load = near(term(max_ms=30.0), replicas=4)
    first = place(columns, load, [], keep=False, network=NETWORK)
    turned = Network.of({"c": {endpoint("erp"): 5.0}, "d": {endpoint("erp"): 6.0}})
    second = place(columns, load, [], keep=False, network=turned)
    assert set(where(first).values()) == {"a", "b"}
    assert set(where(second).values()) == {"c", "d"}


def test_nodes_are_found_in_each_network_by_its_own_rows():
    columns = boxes()
    load = near(term(max_ms=30.0))
    assert passing(columns, load) == "ab"
    # The same names, known in another order.
    other = Network.of({name: dict(reversed(MEASURED[name].items())) for name in reversed("abcd")})
    for network, expected in ((other, "ab"), (NOWHERE, ""), (NETWORK, "ab")):
        (within,) = within_of(World(columns, network=network), load)
        mask = within.mask(columns, columns.rows()).tolist()
        assert "".join(np.array(columns.ids())[mask]) == expected
    columns.remove("a")
    columns.put(node("e"))
    assert passing(columns, load) == "b"
