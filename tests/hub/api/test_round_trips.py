"""Round-trip times over HTTP: what was measured, and what is estimated."""

import pytest
from tests.hub.records import heartbeat, presence
from tests.hub.rig import until

from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope

ERP = {"name": "erp", "host": "erp.example", "port": 443}


@pytest.fixture
def fleet(client, rig):
    """Two nodes of which one has measured an endpoint, and a third that says nothing."""
    rig.join("box-1", "box-2", "box-3")
    assert client.ask("PUT", "/api/v1/documents/Endpoint/erp", ERP)[0] == 200
    until("the targets", lambda: _said(rig, "box-1") and _said(rig, "box-2"))
    rig.beat("box-1", heartbeat(seq=2, round_trip_ms={"broker": 5.0, "endpoint/erp": 20.0}))
    rig.beat("box-2", heartbeat(seq=2, round_trip_ms={"broker": 7.0, "node/box-1": 3.0}))
    until("a picture", lambda: len(rig.service.measuring.network) == 4)
    return rig


def _said(rig, node):
    """Say whether a node was told of the endpoint."""
    payloads = rig.broker.payloads(f"skerry/v1/nodes/{node}/targets")
    return any(
        envelope.open_targets(codec.decode(Envelope, one)).targets for one in payloads if one
    )


def listed(client, query=""):
    items = client.get(f"/api/v1/round-trips{query}")["items"]
    return [(one["hostname"], one["target"], one["measured"]) for one in items]


def test_what_nodes_measured_is_listed(client, fleet):
    assert listed(client) == [
        ("host-box-1", "broker", True),
        ("host-box-1", "endpoint/erp", True),
        ("host-box-2", "broker", True),  # what it was not asked for is not taken
    ]
    items = client.get("/api/v1/round-trips?limit=1")
    assert items["more"] is True
    assert items["items"][0] == {
        "node": "box-1",
        "hostname": "host-box-1",
        "target": "broker",
        "ms": 5.0,
        "error_ms": 0.5,
        "measured": True,
    }


def test_of_one_node_and_to_one_target_estimates_are_told_too(client, fleet):
    assert listed(client, "?node=host-box-2") == [
        ("host-box-2", "broker", True),
        ("host-box-2", "endpoint/erp", False),
    ]
    assert listed(client, "?to=endpoint/erp") == [
        ("host-box-1", "endpoint/erp", True),
        ("host-box-2", "endpoint/erp", False),
    ]
    assert listed(client, "?to=node/host-box-1") == [("host-box-2", "node/box-1", False)]
    assert listed(client, "?to=broker&node=box-3") == []


def test_the_description_of_a_node_has_them(client, fleet):
    found = client.get("/api/v1/nodes/box-2", "/api/v1/nodes/{node}")["round_trips"]
    assert [(one["target"], one["measured"]) for one in found] == [
        ("broker", True),
        ("endpoint/erp", False),
    ]
    assert client.get("/api/v1/nodes/box-3", "/api/v1/nodes/{node}")["round_trips"] == []


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("to=site/quay", 400, "none of broker"),
        ("to=", 400, "none of broker"),
        ("to=box-1", 400, "none of broker"),
        ("to=node/ghost", 404, "no node ghost"),
        ("to=endpoint/ghost", 404, "no Endpoint ghost"),
        ("node=ghost", 404, "no node ghost"),
        ("limit=0", 400, "greater than"),
    ],
)
def test_a_wrong_question_is_told(client, query, status, reason):
    found, answer = client.ask("GET", f"/api/v1/round-trips?{query}")
    assert found == status
    assert reason in answer["problems"][0]["reason"]


def test_what_is_forgotten_of_a_node_is_its_targets_too(client, fleet):
    assert fleet.say("box-2", presence(online=False, seq=2)).wait(20)
    assert client.ask("DELETE", "/api/v1/nodes/box-2")[0] == 200
    payloads = until(
        "an empty message",
        lambda: [
            one for one in fleet.broker.payloads("skerry/v1/nodes/box-2/targets") if one == b""
        ],
    )
    assert payloads
    until("it to be gone", lambda: "box-2" not in fleet.service.measuring.network)
