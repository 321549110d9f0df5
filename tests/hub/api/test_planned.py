"""A plan that is applied as it was, or refused as stale; plans with scores; workloads as JSON."""

import pytest
from tests.hub.api.conftest import SHOP
from tests.hub.records import capability, workload
from tests.hub.rig import until

from skerry_wire import codec

SMALL = SHOP.replace("replicas: 2", "replicas: 1")
JSON = codec.to_plain(workload("depot-job", replicas=2))


def join(rig, *names):
    rig.join(*names)
    rig.idle()


def planned(client, text=SHOP, **fields):
    status_, plan = client.apply(text, how="plan", **fields)
    assert status_ == 200
    return plan


def reasons(answer):
    return [problem["reason"] for problem in answer["problems"]]


def steps(plan):
    return [(one["action"], one["instance"], one["node"]) for one in plan["changes"]]


def test_a_fresh_plan_is_done_exactly(client, rig):
    join(rig, "box-1", "box-2")
    plan = planned(client)
    status_, done = client.apply(basis=plan["basis"])
    assert (status_, steps(done)) == (200, steps(plan))
    held = {one["id"]: one["node"] for one in client.get("/api/v1/instances")["items"]}
    assert held == {one["instance"]: one["node"] for one in plan["changes"]}


def test_a_plan_is_done_once(client, rig):
    join(rig, "box-1")
    plan = planned(client)
    assert client.apply(basis=plan["basis"])[0] == 200
    status_, found = client.apply(basis=plan["basis"])
    assert status_ == 409
    assert "the plan is stale: workload shop-web is new" in reasons(found)


def label(client):
    client.ask("POST", "/api/v1/nodes/box-2/labels", {"set": {"site": "quay"}})


def taint(client):
    body = {"set": [{"key": "wet", "effect": "NoSchedule"}]}
    client.ask("POST", "/api/v1/nodes/box-2/taints", body)


def another_apply(client):
    client.apply("name: depot\n" + SMALL)


def document(client):
    body = {"name": "eu", "selector": "none=such"}
    assert client.ask("PUT", "/api/v1/documents/Policy/eu", body)[0] == 200


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (label, "the plan is stale: node box-2 changed: labels"),
        (taint, "the plan is stale: node box-2 changed: taints"),
        (another_apply, "the plan is stale: workload depot-web is new"),
        (document, "the plan is stale: document Policy/eu is new"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_plan_whose_inputs_changed_is_refused_and_nothing_is_done(client, rig, change, reason):
    join(rig, "box-1", "box-2")
    plan = planned(client)
    change(client)
    status_, found = client.apply(basis=plan["basis"])
    assert status_ == 409
    assert reason in reasons(found)
    assert {one["field"] for one in found["problems"]} == {"basis.inputs"}
    names = {one["name"] for one in client.get("/api/v1/workloads")["items"]}
    assert "shop-web" not in names


def test_with_only_the_outcome_asked_for_what_changed_may_not_matter(client, rig):
    join(rig, "box-1", "box-2")
    plan = planned(client, SMALL)
    (step,) = plan["changes"]
    other = "box-2" if step["node"] == "box-1" else "box-1"
    client.ask("POST", f"/api/v1/nodes/{other}/labels", {"set": {"site": "quay"}})
    status_, done = client.apply(SMALL, basis=plan["basis"], only_outcome=True)
    assert (status_, steps(done)) == (200, steps(plan))


def test_another_outcome_is_refused_even_then(client, rig):
    join(rig, "box-1", "box-2")
    plan = planned(client, SMALL)
    (step,) = plan["changes"]
    client.ask("POST", f"/api/v1/nodes/{step['node']}/cordon")
    status_, found = client.apply(SMALL, basis=plan["basis"], only_outcome=True)
    assert status_ == 409
    assert reasons(found) == ["the plan is stale: another outcome would come of it now"]
    assert client.get("/api/v1/workloads") == {"items": []}


def test_other_files_than_the_plans_are_refused(client, rig):
    join(rig, "box-1", "box-2")
    plan = planned(client, SMALL)
    status_, found = client.apply(SHOP, basis=plan["basis"])
    assert (status_, found["problems"][0]["field"]) == (409, "basis.outcome")


def test_after_a_restart_the_section_is_named(client, rig, tmp_path):
    join(rig, "box-1")
    plan = planned(client)
    sections = {**plan["basis"]["sections"], "nodes": "0" * 16}
    basis = {**plan["basis"], "inputs": "0" * 32, "sections": sections}
    status_, found = client.apply(basis=basis)
    assert status_ == 409
    assert reasons(found) == [
        "the plan is stale: nodes changed since, too long ago, or too much, to be named"
    ]


def test_what_nodes_report_makes_no_plan_stale(client, rig):
    join(rig, "box-1")
    plan = planned(client)
    rig.join("box-1", seq=2)
    assert client.apply(basis=plan["basis"])[0] == 200


def test_new_hardware_makes_it_stale(client, rig):
    join(rig, "box-1")
    plan = planned(client)
    said = capability(seq=2, revision="d" * 16, hostname="host-box-1")
    assert rig.say("box-1", said).wait(20)
    until("it", lambda: rig.node().capability.revision == "d" * 16)
    status_, found = client.apply(basis=plan["basis"])
    assert status_ == 409
    assert "the plan is stale: node box-1 changed: capability" in reasons(found)


# --- scores -------------------------------------------------------------------------------


def test_each_step_of_a_plan_has_its_score_and_what_makes_it_up(client, rig):
    join(rig, "box-1", "box-2")
    plan = planned(client)
    for step in plan["changes"]:
        assert 0 < step["score"] <= 1
        assert {"runtime", "spread"} <= step["scores"].keys()
    one, two = (step["scores"] for step in plan["changes"])
    assert one["spread"] == two["spread"] == {"value": 1.0, "weight": 80, "points": 80.0}


def test_the_score_is_the_one_that_explain_tells(client, rig):
    join(rig, "box-1")
    client.apply("name: far\n" + SHOP.replace("replicas: 2", "replicas: 0"))
    plan = planned(client, "name: far\n" + SMALL)
    assert client.apply("name: far\n" + SHOP.replace("replicas: 2", "replicas: 1"))[0] == 200
    template = "/api/v1/workloads/{workload}/explain"
    told = client.get("/api/v1/workloads/far-web/explain", template)
    (verdict,) = told["verdicts"]
    (step,) = plan["changes"]
    assert step["score"] == pytest.approx(verdict["score"], abs=1e-3)
    assert step["scores"].keys() == verdict["scores"].keys()
    for name, part in verdict["scores"].items():
        assert step["scores"][name] == pytest.approx(part, abs=1e-3)


# --- workloads as JSON --------------------------------------------------------------------


def test_workloads_come_as_json_beside_files(client, rig):
    join(rig, "box-1")
    status_, found = client.apply(workloads=[JSON])
    assert (status_, found["created"]) == (200, ["depot-job", "shop-web"])
    assert client.ask("POST", "/api/v1/apply", {"workloads": [JSON]})[1]["unchanged"] == [
        "depot-job"
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"replicas": -1}, "workloads[0].replicas"),
        ({"expressions": ["node.labels.a =="]}, "workloads[0].expressions[0]"),
        ({"name": "shop-web", "project": "shop"}, "workloads[0].name"),
        ({"wrong": 1}, "workloads[0].wrong"),
    ],
)
def test_a_wrong_workload_is_told_by_field(client, change, field):
    status_, found = client.apply(workloads=[{**JSON, **change}])
    assert status_ == 400
    assert [one["field"] for one in found["problems"]] == [field]
