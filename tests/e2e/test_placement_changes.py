"""What changes after a placement: only what must move moves, and all of it can be told again."""

import json

import pytest
from tests.e2e.simulated import NOT_PLACED, STALE, x

from lab.processes import wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def fleet(simulated):
    yield simulated
    simulated.clear()


def web(**more):
    return {"web": x(replicas=12, spread=[{"topology": "site", "maxSkew": 1}], **more)}


GPU = [{"kind": "gpu", "vendor": "nvidia"}]


def test_a_device_that_is_unplugged_moves_the_instance_that_had_it_and_no_other(fleet):
    services = {"see": x(replicas=4, devices=GPU), "web": x(replicas=6)}
    fleet.apply("sight", services)
    fleet.until_running("sight-see", "sight-web")
    before = {**fleet.where("sight-see"), **fleet.where("sight-web")}
    device, (victim,) = sorted(fleet.used_devices("gpu").items())[0]
    node, _, address = device.split("/", 2)
    box = fleet.boxes[node]
    whole = box.hardware
    (path,) = next(one.device_nodes for one in whole.accelerators if one.address == address)
    box.unplug(path)
    try:
        wait_for("the hub to know", lambda: device not in fleet.used_devices("gpu"), 30)
        # The box says that it is gone, and nothing has moved by itself.
        problems = fleet.hub.get(f"/api/v1/nodes/{node}")["node"]["problems"]
        assert any(path in one and victim in one for one in problems), problems
        assert {**fleet.where("sight-see"), **fleet.where("sight-web")} == before
        (told,) = fleet.explain("sight-see", "--instance", victim)["standings"]
        assert (told["node"], told["score"]) == (node, None)
        assert [one["constraint"] for one in told["unmet"]] == ["devices"]
        decided = fleet.hub.get(f"/api/v1/decisions/{told['decision']}")["decision"]
        assert "sight-see" in decided["workloads"]
        plan = fleet.plan("sight", services)
        assert plan.of("move").keys() == plan.moved == {victim}
        done = fleet.apply("sight", services)
        assert done.moved == {victim}
        after = {**fleet.where("sight-see"), **fleet.where("sight-web")}
        assert {name for name in after if after[name] != before[name]} <= {victim}
        fleet.until_running("sight-see")
        assert [victim] in fleet.used_devices("gpu").values()
        assert fleet.apply("sight", services).moved == set()
    finally:
        box.change(whole)


def test_a_node_that_goes_dark_keeps_what_it_has_and_comes_back_with_it(fleet):
    fleet.apply("shop", web())
    fleet.until_running("shop-web")
    before = fleet.where("shop-web")
    box = fleet.boxes[before["shop-web-3"]]
    box.vanish()
    wait_for(
        "the hub to miss it",
        lambda: fleet.hub.get(f"/api/v1/nodes/{box.node}")["node"]["liveness"] == "unreachable",
        60,
    )
    try:
        assert fleet.where("shop-web") == before
        assert fleet.apply("shop", web()).moved == set()
        # Nothing new goes there.
        done = fleet.apply("other", {"pin": x(constraints=[f"node.id == {box.node}"])})
        assert done.status == NOT_PLACED
        assert fleet.reasons("other-pin", box.node) == {"online": "node is unreachable"}
    finally:
        box.start()
    wait_for("it to be used again", lambda: fleet.where("other-pin"), 60)
    fleet.until_running("shop-web", "other-pin")
    assert fleet.where("shop-web") == before


def test_a_drained_node_loses_only_its_own(fleet):
    fleet.apply("shop", web())
    fleet.until_running("shop-web")
    before = fleet.where("shop-web")
    node = before["shop-web-0"]
    own = {name for name, where in before.items() if where == node}
    fleet.hub.cli("drain", node, "--timeout", "60s")
    after = fleet.where("shop-web")
    assert {name for name in after if after[name] != before[name]} == own
    assert node not in after.values()
    # The spread still holds: it moved within what the skew allows.
    sites = fleet.sites("shop-web")
    assert max(sites.values()) - min(sites.values()) <= 1
    fleet.hub.cli("uncordon", node)
    assert fleet.where("shop-web") == after


def test_an_update_replaces_where_it_is_and_moves_only_what_no_longer_fits(fleet):
    fleet.apply("shop", web())
    before = fleet.where("shop-web")
    new = web()
    new["web"]["image"] = "localhost/skerry-demo-web:2"
    done = fleet.apply("shop", new)
    assert done.of("replace") == before
    # A constraint that three of eight sites fail: only what is there leaves.
    new["web"]["x-placement"]["constraints"] = ["node.labels.zone != harbour"]
    left = {name for name, node in before.items() if fleet.boxes[node].site.zone == "harbour"}
    assert left
    done = fleet.apply("shop", new)
    assert done.moved == left
    fleet.until_running("shop-web")
    # More replicas disturb none of those that are there.
    then = fleet.where("shop-web")
    new["web"]["deploy"]["replicas"] = 15
    done = fleet.apply("shop", new)
    assert done.moved == done.of("create").keys()
    assert {name: fleet.where("shop-web")[name] for name in then} == then


# --- plans that are kept, replayed and simulated -------------------------------------------------


def without_scores(change):
    return {name: value for name, value in change.items() if not name.startswith("score")}


def test_a_plan_is_done_exactly_or_refused_as_stale(fleet, tmp_path):
    path = str(tmp_path / "shop.plan")
    plan = fleet.plan("shop", web(), words=["--out", path])
    assert all(0 < one["score"] <= 1 and one["scores"] for one in plan.answer["changes"])
    done = json.loads(fleet.hub.cli("apply", "--plan", path, "-o", "json").stdout)
    assert [without_scores(one) for one in done["changes"]] == [
        without_scores(one) for one in plan.answer["changes"]
    ]
    assert fleet.where("shop-web") == plan.of("create")

    grown = {"web": x(replicas=14, spread=[{"topology": "site", "maxSkew": 1}])}
    for disturb in (
        lambda: fleet.hub.cli("label", "node", "quay-1-gateway-0", "colour=red"),
        lambda: fleet.hub.cli("taint", "node", "mill-1-gateway-0", "oil:NoSchedule"),
        lambda: fleet.apply("other", {"job": x()}),
    ):
        fleet.plan("shop", grown, words=["--out", path])
        disturb()
        stale = fleet.hub.cli("apply", "--plan", path, check=False)
        assert stale.returncode == STALE, stale.stderr
        assert len(fleet.where("shop-web")) == 12
    fleet.plan("shop", grown, words=["--out", path])
    fleet.hub.cli("apply", "--plan", path)
    assert len(fleet.where("shop-web")) == 14


def test_a_hub_that_was_killed_decides_the_same_and_replays_every_decision(fleet):
    fleet.apply("shop", web())
    fleet.apply("sight", {"see": x(replicas=3, devices=GPU)})
    fleet.hub.cli("drain", fleet.where("shop-web")["shop-web-0"], "--timeout", "60s")
    more = {"web": x(replicas=16, spread=[{"topology": "site", "maxSkew": 1}])}
    before = fleet.plan("shop", more)
    was = {**fleet.where("shop-web"), **fleet.where("sight-see")}
    fleet.hub.kill()
    fleet.hub.start()
    fleet.until_online(len(fleet.boxes))
    assert {**fleet.where("shop-web"), **fleet.where("sight-see")} == was
    after = fleet.plan("shop", more)
    assert after.of("create") == before.of("create")
    found = json.loads(fleet.hub.cli("get", "decisions", "-o", "json").stdout)["items"]
    assert len(found) >= 3
    for one in found:
        told = fleet.hub.cli("replay", str(one["seq"]), check=False)
        assert told.returncode == 0, told.stdout + told.stderr
        assert "the same" in told.stdout


def test_a_snapshot_simulates_to_the_same_plan(fleet, tmp_path):
    fleet.apply("shop", web())
    path = tmp_path / "fleet.json.gz"
    fleet.hub.cli("snapshot", "--out", str(path))
    services = {
        "see": x(replicas=3, devices=GPU),
        "near": x(replicas=2, antiAffinity=[{"workload": "shop-web"}]),
    }
    plan = fleet.plan("sight", services)
    words = fleet.write("sight", services)
    words = ["--workloads" if word == "-f" else word for word in words]
    done = fleet.hub.cli("simulate", "--fleet", str(path), *words, "-o", "json")
    assert json.loads(done.stdout)["plan"]["changes"] == plan.answer["changes"]
