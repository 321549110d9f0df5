"""A fleet made uneven by cordoned boxes becomes even, wave by wave, while all of it runs."""

import collections
import json
import urllib.request

import pytest
from tests.e2e.simulated import STALE, x

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


def test_a_plan_in_a_file_is_made_stale_or_gone_on_with(fleet, tmp_path):
    nodes = sorted(one["id"] for one in fleet.hub.get("/api/v1/nodes")["items"])
    fleet.hub.cli("cordon", *nodes[::2])
    services = {f"web-{index}": x(resources={"cpus": "0.2"}) for index in range(20)}
    fleet.apply("shop", services)
    fleet.until_running("shop-web-0", "shop-web-19")
    fleet.hub.cli("uncordon", *nodes[::2])
    file = str(tmp_path / "night.plan")
    words = ("--objective", "balance", "--wave", "2", "--max-moves", "6")
    plan = planned(fleet, *words, "--out", file)
    assert len(plan["waves"]) == 3
    # One of its nodes takes nothing new: nothing moves. Once it does again, the plan holds.
    target = plan["waves"][0]["moves"][0]["target"]
    before = on_each(fleet)
    fleet.hub.cli("cordon", target)
    stale = fleet.hub.cli("rebalance", "--apply", file, check=False)
    assert (stale.returncode, stale.stdout) == (STALE, "")
    assert f"the plan is stale: node {target} changed: taints" in stale.stderr
    assert on_each(fleet) == before
    fleet.hub.cli("uncordon", target)
    # One wave is made by somebody who is then interrupted; the plan goes on after it.
    moves = [move for wave in plan["waves"] for move in wave["moves"]]
    path = f"{fleet.hub.url}/api/v1/rebalance/moves"
    body = json.dumps({"moves": plan["waves"][0]["moves"]}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(path, body, headers), timeout=20) as answer:
        assert answer.status == 200
    done = fleet.hub.cli("rebalance", "--apply", file, "--timeout", "60s", "-o", "json")
    made = json.loads(done.stdout)
    assert (made["waves_done"], made["moves_done"]) == (3, 6)
    assert "wave 1 of 3 was made before" in done.stderr
    there = {one["id"]: one["node"] for one in fleet.hub.get("/api/v1/instances")["items"]}
    assert {move["instance"]: move["target"] for move in moves}.items() <= there.items()
    fleet.until_running(*(f"shop-web-{index}" for index in range(20)))


def test_shares_of_devices_move_to_devices_that_are_free(fleet):
    gpus = sorted({one["node"] for one in fleet.hub.get("/api/v1/devices?kind=gpu")["items"]})
    fleet.hub.cli("cordon", *gpus[1:])
    half = x(devices=[{"kind": "gpu", "share": "50%"}], resources={"cpus": "8"})
    services = {"a": half, "b": half, "c": {**x(), "deploy": {"mode": "global"}}}
    fleet.apply("shop", services)
    fleet.hub.cli("uncordon", *gpus[1:])
    fleet.until_running("shop-a", "shop-b")
    assert {*fleet.where("shop-a").values(), *fleet.where("shop-b").values()} == {gpus[0]}
    words = ("--objective", "balance", "--move-cost", "0")
    plan = planned(fleet, *words)
    (move,) = (move for wave in plan["waves"] for move in wave["moves"])
    assert (move["source"], move["target"] in gpus[1:]) == (gpus[0], True)
    assert plan["pinned"] == {"one on each node": len(fleet.boxes)}
    fleet.hub.cli("rebalance", "--apply", *words, "--timeout", "60s")
    told = fleet.hub.cli("get", "devices", "--kind", "gpu").stdout
    assert "shop-a-0 (0.5)" in told
    assert "shop-b-0 (0.5)" in told
    assert len({*fleet.where("shop-a").values(), *fleet.where("shop-b").values()}) == 2


def test_a_fleet_is_packed_onto_fewer_boxes(fleet):
    services = {f"web-{index}": x(resources={"cpus": "0.2"}) for index in range(6)}
    fleet.apply("shop", services)
    fleet.until_running("shop-web-0", "shop-web-5")
    assert len(on_each(fleet)) == 6
    fleet.hub.cli("rebalance", "--apply", "--objective", "pack", "--timeout", "60s")
    assert len(on_each(fleet)) < 6
    assert planned(fleet, "--objective", "pack")["waves"] == []
