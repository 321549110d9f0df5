"""The snapshot over HTTP, and that a simulation of it says what the hub says."""

import json

import pytest
from tests.hub.records import node, presence, report
from tests.hub.test_snapshot import again, box

from skerry_hub import simulate
from skerry_hub.api.snapshots import AT_ONCE, SnapshotAnswers
from skerry_hub.snapshot import PIECE
from skerry_hub.state import Draft
from skerry_hub.writer.calling import BusyError

SHOP = """\
name: shop
services:
  web:
    image: localhost/web:1
    deploy: {replicas: 3, resources: {reservations: {memory: 1G}}}
    x-placement: {maxPer: {node: 2}}
  big:
    image: localhost/web:1
    deploy: {resources: {reservations: {memory: 64G}}}
"""


def join(rig, *names):
    for name in names:
        one = box(name)
        rig.say(name, presence())
        rig.say(name, one.capability)
        assert rig.say(name, report()).wait(20)
    rig.idle()


def test_a_snapshot_is_what_its_document_says(client, rig):
    join(rig, "box-1", "box-2")
    client.apply(SHOP.replace("  big:", "  x-big:").partition("  x-big")[0])
    rig.idle()
    found = client.get("/api/v1/snapshot")
    assert [one["id"] for one in found["nodes"]] == ["box-1", "box-2"]
    assert [one["workload"]["name"] for one in found["workloads"]] == ["shop-web"]
    assert len(found["assignments"]) == 3
    assert found["inputs"] == rig.service.known.inputs.digest
    assert found["strategy"] == "spread"


def test_a_simulation_of_it_says_what_the_hub_says(client, rig, tmp_path):
    join(rig, "box-1", "box-2")
    client.apply("name: depot\nservices:\n  job: {image: localhost/job:1}\n")
    client.ask("POST", "/api/v1/nodes/box-2/labels", {"set": {"site": "quay-3"}})
    body = {"name": "cloud", "cpu_hour": 0.5}
    assert client.ask("PUT", "/api/v1/documents/Prices/cloud", body)[0] == 200
    rig.idle()
    path = tmp_path / "fleet.json"
    path.write_bytes(client.raw("GET", "/api/v1/snapshot")[2])
    request = {"files": [{"name": "shop.yaml", "text": SHOP}]}
    plan = client.ask("POST", "/api/v1/plan", request)[1]
    status_, found = simulate.run(str(path), request, workload="shop-web")
    assert status_ == 200
    assert found["plan"] == plan
    assert found["fleet"]["inputs"] == found["fleet"]["told"] == plan["basis"]["inputs"]
    assert client.ask("POST", "/api/v1/apply", request)[0] == 200
    explained = client.ask("GET", "/api/v1/workloads/shop-web/explain")[1]
    # A simulation decides and keeps no record of it.
    for standing in explained["standings"]:
        assert (standing.pop("decision"), standing.pop("decided_at")) > (0, 0), standing
    for standing in found["explanation"]["standings"]:
        assert (standing.pop("decision"), standing.pop("decided_at")) == (None, None)
    assert found["explanation"] == explained


def test_only_so_many_are_sent_at_once(rig):
    answers = SnapshotAnswers(rig.service)
    sending = [answers.snapshot() for _ in range(AT_ONCE)]
    for one in sending:
        assert next(one)
    with pytest.raises(BusyError, match="are being sent already"):
        answers.snapshot()
    sending.pop().close()
    assert json.loads(b"".join(answers.snapshot()))["nodes"] == []


def test_one_that_nobody_reads_gives_back_its_place(rig):
    answers = SnapshotAnswers(rig.service)
    for _ in range(AT_ONCE + 1):
        assert answers.snapshot()


def test_a_large_one_comes_in_parts_that_are_not_large(rig):
    draft = Draft(rig.service.known)
    for number in range(30 * PIECE):
        name = f"n-{number:05d}"
        draft.nodes.put(name, node(name, capability=None))
    rig.service.known.settle(draft)
    parts = list(SnapshotAnswers(rig.service).snapshot())
    assert len(parts) > 30
    whole = b"".join(parts)
    assert max(map(len, parts)) < len(whole) / 20
    assert len(again(whole.decode(), 100_000).snapshot.nodes) == 30 * PIECE


class Failing:
    """A service that answers nothing."""

    def call(self, change, *, dry=False):
        raise BusyError("the store fails")


def test_a_call_that_fails_lets_others_be_sent():
    answers = SnapshotAnswers(Failing())
    for _ in range(AT_ONCE + 1):
        with pytest.raises(BusyError, match="the store fails"):
            answers.snapshot()
