"""Rollouts and histories over HTTP, on boxes that do what they are ordered."""

import pytest
from tests.hub.obeying import Boxes

SHOP = """\
services:
  web:
    image: localhost/web:{}
    deploy: {{replicas: 2, update_config: {{parallelism: 1}}}}
"""
PATH = "/api/v1/workloads/shop-web"
ROLLOUT = "/api/v1/workloads/{workload}/rollout"


@pytest.fixture
def boxes(rig, client):
    boxes = Boxes(rig, "box-1", "box-2")
    client.apply(SHOP.format(1))
    boxes.obey()
    return boxes


def test_a_workload_that_was_never_changed_has_its_first_rollout(client, boxes):
    found = client.get(PATH + "/rollout", ROLLOUT)
    assert found["rollout"]["state"] == "done"
    assert found["rollout"]["done"] == 2
    assert client.get("/api/v1/rollouts")["items"] == [found["rollout"]]


def test_an_update_is_planned_followed_paused_resumed_and_undone(client, boxes):
    _, plan = client.apply(SHOP.format(2), how="plan")
    (planned,) = plan["rollouts"]
    assert (planned["strategy"], planned["instances"], planned["at_once"]) == ("rolling", 2, 1)
    client.apply(SHOP.format(2))
    found = client.get(PATH + "/rollout", ROLLOUT)
    view = found["rollout"]
    assert (view["state"], view["updating"], view["waiting"]) == ("progressing", 1, 1)
    assert [one["state"] for one in found["instances"]] == ["updating", "waiting"]
    assert client.get(PATH, "/api/v1/workloads/{workload}")["workload"]["rollout"] == view

    status, found = client.ask("POST", PATH + "/rollout/pause")
    assert (status, found["rollout"]["state"]) == (200, "paused")
    client.fits("post", ROLLOUT + "/pause", found)
    boxes.obey()
    assert [one["done"] for one in client.get("/api/v1/rollouts")["items"]] == [1]
    status, found = client.ask("POST", PATH + "/rollout/resume")
    assert (status, found["rollout"]["state"]) == (200, "progressing")
    boxes.obey()
    assert client.get(PATH + "/rollout", ROLLOUT)["rollout"]["state"] == "done"

    status, plan = client.ask("POST", PATH + "/rollout/undo", {})
    assert (status, plan["updated"]) == (200, ["shop-web"])
    client.fits("post", ROLLOUT + "/undo", plan)
    boxes.obey()
    boxes.obey()
    assert set(boxes.ordered().values()) == {"localhost/web:1"}


def test_a_history_tells_what_changed(client, boxes):
    client.apply(SHOP.format(2))
    newest, first = client.get(PATH + "/revisions", PATH_OF + "/revisions")["items"]
    assert (newest["number"], first["number"]) == (2, 1)
    assert newest["changes"] == ["containers.0.image: localhost/web:1 -> localhost/web:2"]
    assert (newest["instances"], first["instances"]) == (1, 1)
    one = client.get(PATH + "/revisions/1", PATH_OF + "/revisions/{number}")
    assert one["content"]["containers"][0]["image"] == "localhost/web:1"
    assert one["undo_changes"] == ["containers.0.image: localhost/web:2 -> localhost/web:1"]


PATH_OF = "/api/v1/workloads/{workload}"


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "words"),
    [
        ("POST", "/rollout/pause", None, 409, "there is nothing to pause"),
        ("POST", "/rollout/resume", None, 409, "is done, not paused"),
        ("POST", "/rollout/undo", {}, 409, "no revision before"),
        ("POST", "/rollout/undo", {"to": 7}, 404, "has no revision 7"),
        ("POST", "/rollout/undo", {"to": 0}, 400, "to"),
        ("GET", "/revisions/9", None, 404, "kept are 1"),
        ("GET", "/revisions/0", None, 400, "greater"),
    ],
)
def test_what_cannot_be_is_refused_in_words(client, boxes, verb, path, body, status, words):
    got, found = client.ask(verb, PATH + path, body)
    assert got == status
    problem = found["problems"][0]
    assert words in f"{problem['reason']} {problem['field']}"
    got, found = client.ask(verb, "/api/v1/workloads/ghost" + path, body)
    assert got in (status, 404)


def test_prometheus_is_told(client, boxes):
    client.apply(SHOP.format(2))
    text = client.raw("GET", "/metrics")[2].decode()
    assert 'skerry_rollouts{state="progressing"} 1.0' in text
    assert 'skerry_rollout_instances{state="waiting"} 1.0' in text
    boxes.obey()
    text = client.raw("GET", "/metrics")[2].decode()
    assert 'skerry_rollout_events_total{kind="updated"}' in text
    assert "skerry_rollout_step_seconds_bucket" in text
