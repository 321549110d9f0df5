"""A fleet made uneven by cordoned boxes becomes even, wave by wave, while all of it runs."""

import collections
import json

import pytest
from tests.e2e.simulated import x

pytestmark = pytest.mark.e2e


@pytest.fixture
def fleet(simulated):
    yield simulated
    simulated.clear()


def on_each(fleet):
    """Return how many instances each box has."""
    items = fleet.hub.get("/api/v1/instances")["items"]
    return collections.Counter(one["node"] for one in items)


def planned(fleet, *words):
    return json.loads(fleet.hub.cli("rebalance", *words, "-o", "json").stdout)


def test_a_fleet_that_was_half_cordoned_becomes_even(fleet):
    nodes = sorted(one["id"] for one in fleet.hub.get("/api/v1/nodes")["items"])
    later = nodes[::2]
    fleet.hub.cli("cordon", *later)
    services = {f"web-{index}": x(resources={"cpus": "0.2"}) for index in range(30)}
    services["data"] = {**x(), "volumes": ["/srv/data:/data"]}
    fleet.apply("shop", services)
    fleet.until_running("shop-web-0", "shop-web-29", "shop-data")
    fleet.hub.cli("uncordon", *later)
    assert not set(on_each(fleet)) & set(later)

    plan = planned(fleet, "--plan", "--objective", "balance", "--wave", "5")
    assert plan["bound"] <= plan["after"] + plan["moves_cost"] < plan["before"]
    assert plan["pinned"] == {"data on its node: a named volume, or a folder that it writes": 1}
    assert not set(on_each(fleet)) & set(later), "a plan moves nothing"
    moves = [move for wave in plan["waves"] for move in wave["moves"]]
    assert {move["target"] for move in moves} <= set(nodes)
    assert len(plan["waves"]) > 1

    words = ("--objective", "balance", "--wave", "5", "--timeout", "60s")
    done = fleet.hub.cli("rebalance", "--apply", *words)
    assert f"rebalanced: {len(moves)} of {len(moves)} moves made" in done.stderr
    found = on_each(fleet)
    assert set(found) & set(later)
    assert {move["instance"]: move["target"] for move in moves}.items() <= {
        one["id"]: one["node"] for one in fleet.hub.get("/api/v1/instances")["items"]
    }.items()
    fleet.until_running(*(f"shop-web-{index}" for index in range(30)))
    assert planned(fleet, "--objective", "balance")["waves"] == []
    events = fleet.hub.get("/api/v1/events?limit=1000")["items"]
    assert sum(one["kind"] == "rebalanced" for one in events) == len(moves)


def test_a_fleet_is_packed_onto_fewer_boxes(fleet):
    services = {f"web-{index}": x(resources={"cpus": "0.2"}) for index in range(6)}
    fleet.apply("shop", services)
    fleet.until_running("shop-web-0", "shop-web-5")
    assert len(on_each(fleet)) == 6
    fleet.hub.cli("rebalance", "--apply", "--objective", "pack", "--timeout", "60s")
    assert len(on_each(fleet)) < 6
    assert planned(fleet, "--objective", "pack")["waves"] == []
