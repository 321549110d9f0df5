"""Decisions over HTTP: listed, shown with what they were made from, and made again."""

import pytest
import sqlalchemy as sa
from tests.hub.rig import until

from skerry_hub import tables

PIN = """\
services:
  web:
    image: localhost/web:1
    deploy: {replicas: 3, placement: {max_replicas_per_node: 1}}
"""
POLICY = {"name": "quay", "required": ["node.hostname exists"]}
SHOWN = "/api/v1/decisions/{seq}"
REPLAYED = "/api/v1/decisions/{seq}/replay"


@pytest.fixture
def fleet(client, rig):
    """Two nodes, a policy, and a shop of which one instance finds no node."""
    rig.join("box-1", "box-2")
    assert client.ask("PUT", "/api/v1/documents/Policy/quay", POLICY)[0] == 200
    assert client.apply(PIN)[0] == 200
    rig.idle()
    return client


def listed(client, query=""):
    return client.get(f"/api/v1/decisions{query}")


def test_what_was_decided_is_listed(fleet):
    found = listed(fleet)
    (one,) = found["items"]
    assert (one["seq"], one["cause"], one["method"]) == (1, "apply", "decide")
    assert (one["workloads"], one["created"], one["unplaced"]) == (["shop-web"], 2, 1)
    assert found["more"] is False
    assert listed(fleet, "?workload=shop-web")["items"] == [one]
    assert listed(fleet, "?workload=shop-db")["items"] == []


def test_one_is_shown_with_what_it_was_made_from(fleet):
    found = fleet.get("/api/v1/decisions/1", SHOWN)
    assert [one["instance"] for one in found["changes"]] == ["shop-web-0", "shop-web-1"]
    assert found["unplaced"] == {"shop-web": 1}
    assert found["refused"]["shop-web"] == {"at most 1 per node": 2}
    assert found["documents"] == [{"kind": "Policy", "name": "quay", "version": 1}]
    assert found["sections"].keys() == {"nodes", "workloads", "assignments", "documents"}


def test_what_goes_on_finding_no_place_is_no_new_decision(fleet, rig):
    fleet.ask("POST", "/api/v1/nodes/box-1/labels", {"set": {"site": "quay-3"}})
    rig.idle()
    assert len(listed(fleet)["items"]) == 1


def test_a_node_that_comes_is_a_decision_of_the_hubs_own(fleet, rig):
    rig.join("box-3")
    until("the third instance", lambda: len(listed(fleet)["items"]) == 2)
    newest, first = listed(fleet)["items"]
    assert (newest["cause"], newest["created"], newest["unplaced"]) == ("fill", 1, 0)
    assert listed(fleet, "?limit=1") == {"items": [newest], "more": True}
    assert listed(fleet, f"?before={newest['seq']}")["items"] == [first]


def test_it_comes_to_the_same_again_whatever_happened_since(fleet, rig):
    rig.join("box-3")
    until("the third instance", lambda: len(listed(fleet)["items"]) == 2)
    rig.join("box-4")
    rig.idle()
    assert fleet.ask("POST", "/api/v1/nodes/box-1/drain", {})[0] == 200
    assert fleet.ask("DELETE", "/api/v1/documents/Policy/quay")[0] == 200
    assert fleet.ask("DELETE", "/api/v1/workloads/shop-web")[0] == 200
    causes = {}
    for one in listed(fleet)["items"]:
        found = fleet.get(f"/api/v1/decisions/{one['seq']}/replay", REPLAYED)
        assert (found["result"], found["outcome"]) == ("same", found["outcome_now"]), found
        causes[one["seq"]] = one["cause"]
    assert set(causes.values()) == {"apply", "fill", "drain", "delete"}


def test_a_replay_says_why_each_node_was_chosen(fleet):
    found = fleet.get("/api/v1/decisions/1/replay?scores=true", REPLAYED)
    assert all(one["score"] > 0 and one["scores"] for one in found["changes"])
    found = fleet.get("/api/v1/decisions/1/replay", REPLAYED)
    assert [one["score"] for one in found["changes"]] == [None, None]


def test_a_plan_is_no_decision(fleet):
    assert fleet.apply(PIN.replace("replicas: 3", "replicas: 1"), how="plan")[0] == 200
    assert len(listed(fleet)["items"]) == 1


def test_a_replay_changes_nothing(fleet, rig):
    before = rig.service.known.inputs.digest
    fleet.get("/api/v1/decisions/1/replay", REPLAYED)
    rig.idle()
    assert rig.service.known.inputs.digest == before
    assert len(listed(fleet)["items"]) == 1


def test_what_is_damaged_is_told(fleet, rig):
    with rig.store._engine.begin() as connection:
        connection.execute(sa.update(tables.fleet_log).values(content=b"x"))
    found = fleet.get("/api/v1/decisions/1/replay", REPLAYED)
    assert found["result"] == "other_inputs"
    assert "is damaged" in found["difference"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/decisions/99", 404),
        ("/api/v1/decisions/99/replay", 404),
        ("/api/v1/decisions/0", 400),
        ("/api/v1/decisions/x", 400),
        (f"/api/v1/decisions/{2**63}", 400),
        ("/api/v1/decisions?limit=0", 400),
        ("/api/v1/decisions?limit=1001", 400),
        ("/api/v1/decisions?before=0", 400),
    ],
)
def test_what_cannot_be_asked(client, path, status):
    assert client.ask("GET", path)[0] == status
