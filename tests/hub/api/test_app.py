"""The API over HTTP, served as the hub serves it; answers are what its own document says."""

import json
import sqlite3
import threading

import jsonschema
import prometheus_client.parser
import pytest
from tests.hub.api.conftest import SHOP
from tests.hub.records import FIRST, NOW, capability, event, kept, presence, report, status
from tests.hub.rig import until

from skerry_hub import desired
from skerry_hub.api import app as api
from skerry_hub.api.bodies import MAX_BODY_BYTES
from skerry_wire import codec
from skerry_wire.hardware import Camera, Disk
from skerry_wire.messages import Reply, Request

SITED = """
name: shop
services:
  web:
    image: localhost/web:1
    x-placement:
      constraints: [node.labels.site == quay-3]
"""
ROOM = """
kind: Reservation
name: room
selector: tier=batch
cpu: 0.5
"""


def reasons(answer):
    return [problem["reason"] for problem in answer["problems"]]


# --- reading ------------------------------------------------------------------------------


def test_what_holds_now_is_null_where_nobody_can_look_and_the_rest_is_told(client, rig):
    rig.join("box-1")
    rig.service.stop()
    told = client.get("/api/v1/nodes/box-1", "/api/v1/nodes/{node}")
    assert (told["reservations"], told["maintenance"]) == (None, None)
    assert told["node"]["id"] == "box-1"


def test_an_empty_hub_lists_nothing(client):
    for kind in ("nodes", "workloads", "instances", "events"):
        assert client.get(f"/api/v1/{kind}") == {"items": []}


def test_nodes_are_listed_shown_and_selected(client, rig):
    rig.join("box-2", "box-1")
    rig.say("box-1", event("e-1", detail="exit code 1"))
    client.ask("POST", "/api/v1/nodes/box-1/labels", {"set": {"site": "quay-3"}})
    assert [one["id"] for one in client.get("/api/v1/nodes")["items"]] == ["box-1", "box-2"]
    assert [one["id"] for one in client.get("/api/v1/nodes?selector=site%3Dquay-3")["items"]] == [
        "box-1"
    ]
    template = "/api/v1/nodes/{node}"
    by_id, by_name = (client.get(f"/api/v1/nodes/{n}", template) for n in ("box-1", "host-box-1"))
    assert by_id == by_name
    assert by_id["hardware"]["cpu"]["logical_count"] == 4
    assert [one["kind"] for one in by_id["events"]] == ["registered", "online", "exited"]
    assert by_id["node"]["resources"]["temperature_c"] is None


def test_what_holds_now_is_told_of_a_node_and_a_workload(client, rig):
    rig.join("box-1", "box-2")
    client.ask("POST", "/api/v1/nodes/box-1/labels", {"set": {"site": "quay-3"}})
    wanted = {
        "files": [
            {"name": "shop.yaml", "text": SITED},
            {"name": "room.yaml", "text": ROOM},
        ]
    }
    assert client.ask("POST", "/api/v1/apply", wanted)[0] == 200
    node, workload = "/api/v1/nodes/{node}", "/api/v1/workloads/{workload}"
    (kept,) = client.get("/api/v1/nodes/box-1", node)["reservations"]
    assert (kept["name"], kept["cpu_milli"], kept["cpu_unused_milli"]) == ("room", 500, 500)
    assert client.get("/api/v1/nodes/box-2", node)["maintenance"] == []
    assert client.get("/api/v1/workloads/shop-web", workload)["unmet"] == []
    client.ask("POST", "/api/v1/nodes/box-1/labels", {"set": {"site": "quay-4"}})
    (gone,) = client.get("/api/v1/workloads/shop-web", workload)["unmet"]
    assert (gone["instance"], gone["hostname"]) == ("shop-web-0", "host-box-1")
    assert "quay-4" in gone["reasons"][0]["text"]


def test_workloads_instances_and_explanations(client, rig):
    rig.join("box-1")
    assert client.apply()[1]["created"] == ["shop-web"]
    rig.say("box-1", report(seq=2, accepted=1, digest=rig.node().digest, instances=(status(),)))
    until("the report", lambda: rig.node().report.accepted == 1)
    (listed,) = client.get("/api/v1/workloads")["items"]
    assert (listed["name"], listed["wanted"], listed["placed"]) == ("shop-web", 2, 2)
    found = client.get("/api/v1/workloads/shop-web", "/api/v1/workloads/{workload}")
    assert found["content"]["containers"][0]["image"] == "localhost/web:1"
    states = {one["id"]: one["state"] for one in client.get("/api/v1/instances")["items"]}
    assert states == {"shop-web-0": "running", "shop-web-1": "pending"}
    for query, count in [
        ("selector=tier%3Dfront", 2), ("selector=tier%3Dback", 0), ("node=host-box-1", 2),
        ("workload=shop-web", 2), ("workload=other", 0),
    ]:  # fmt: skip
        assert len(client.get(f"/api/v1/instances?{query}")["items"]) == count
    template = "/api/v1/workloads/{workload}/explain"
    told = client.get("/api/v1/workloads/shop-web/explain", template)
    assert [one["node"] for one in told["verdicts"]] == ["box-1"]
    assert client.get("/api/v1/workloads/shop-web/explain?node=box-1", template)["wanted"] == 2
    assert [one["instance"] for one in told["standings"]] == ["shop-web-0", "shop-web-1"]
    one = client.get("/api/v1/workloads/shop-web/explain?instance=shop-web-0", template)
    (standing,) = one["standings"]
    assert (one["instance"], standing["node"], standing["better"]) == ("shop-web-0", "box-1", 0)
    assert standing["scores"]["runtime"] == {"value": 1.0, "weight": 160, "points": 160.0}
    assert standing["decision"] == client.get("/api/v1/decisions")["items"][0]["seq"]


def test_an_instance_that_the_workload_has_not_is_not_explained(client, rig):
    rig.join("box-1")
    client.apply()
    found, answer = client.ask("GET", "/api/v1/workloads/shop-web/explain?instance=shop-web-9")
    assert (found, reasons(answer)) == (404, ["shop-web has no instance shop-web-9"])


def test_events_are_the_newest_oldest_first(client, rig):
    rig.join("box-1")
    for number in range(5):
        assert rig.say("box-1", event(f"e-{number}", subject=f"a-{number}")).wait(20)
    found = client.get("/api/v1/events?node=host-box-1&limit=2")["items"]
    assert [one["id"] for one in found] == ["e-3", "e-4"]
    assert rig.say("box-1", event("e-5", subject="a-3", count=4, first_at=NOW - 60)).wait(20)
    found = client.get("/api/v1/events?node=host-box-1&limit=2")["items"]
    assert [(one["id"], one["count"]) for one in found] == [("e-4", 1), ("e-5", 5)]
    assert client.get("/api/v1/nodes/box-1", "/api/v1/nodes/{node}")["events"][-1]["count"] == 5
    assert client.get("/api/v1/events?workload=none")["items"] == []


def test_devices_are_listed_narrowed_and_cut(client, rig):
    rig.join("box-2", "box-1")
    assert client.get("/api/v1/devices") == {"items": [], "more": False}
    for name in ("box-1", "box-2"):
        disks = (Disk(name="sda", transport="sata", model="X"), Disk(name="sdb"))
        cameras = (Camera(name="cam", path="/dev/video0"),)
        said = capability(seq=2, hostname=f"host-{name}", storage=disks, cameras=cameras)
        assert rig.say(name, said).wait(20)
    client.ask("POST", "/api/v1/nodes/box-2/labels", {"set": {"site": "quay-3"}})
    for query, ids in [
        ("", ["box-1/camera/video0", "box-1/disk/sda", "box-1/disk/sdb", "box-2/camera/video0",
              "box-2/disk/sda", "box-2/disk/sdb"]),
        ("node=host-box-1&kind=disk", ["box-1/disk/sda", "box-1/disk/sdb"]),
        ("selector=site%3Dquay-3&usable=true", ["box-2/camera/video0"]),
        ("usable=false", []),
        ("kind=camera,gpu", ["box-1/camera/video0", "box-2/camera/video0"]),
        ("vendor=x", []),
    ]:  # fmt: skip
        found = client.get(f"/api/v1/devices?{query}")
        assert ([one["id"] for one in found["items"]], found["more"]) == (ids, False)
    cut = client.get("/api/v1/devices?limit=5")
    assert (len(cut["items"]), cut["more"]) == (5, True)
    assert client.get("/api/v1/devices?limit=6")["more"] is False


def test_what_a_forgotten_node_told_is_found_by_its_id(client, rig):
    rig.join("box-1")
    client.ask("DELETE", "/api/v1/nodes/box-1")
    assert client.get("/api/v1/events?node=box-1")["items"]


def test_metrics_are_what_prometheus_reads(client, rig):
    rig.join("box-1")
    data = client.raw("GET", "/metrics")[2].decode()
    families = {
        family.name: family
        for family in prometheus_client.parser.text_string_to_metric_families(data)
    }
    online = [s.value for s in families["skerry_nodes"].samples if s.labels["liveness"] == "online"]
    assert online == [1.0]
    assert families["skerry_broker_connected"].samples[0].value == 1.0
    assert "skerry_messages" in families


# --- changing -----------------------------------------------------------------------------


def test_a_plan_changes_nothing_and_apply_does_what_it_said(client, rig):
    rig.join("box-1")
    plan = client.apply(how="plan")
    assert client.get("/api/v1/workloads") == {"items": []}
    steps = [{**one, "score": None, "scores": {}} for one in plan[1]["changes"]]
    assert client.apply() == (200, {**plan[1], "changes": steps})
    until("the order", rig.orders)
    assert client.apply()[1]["unchanged"] == ["shop-web"]


def test_the_name_in_the_file_wins_over_the_folder_and_a_given_one_over_both(client):
    text = "name: inside\n" + SHOP
    assert client.apply(text)[1]["created"] == ["inside-web"]
    files = [{"name": "a.yaml", "project": "given", "project_given": True, "text": text}]
    found = client.ask("POST", "/api/v1/apply", {"files": files})[1]
    assert found["created"] == ["given-web"]


POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: p{}}}
spec:
  containers:
  - {{name: web, image: x, livenessProbe: {{exec: {{command: [a]}}}}}}
"""


def test_a_warning_is_in_the_answer_of_a_plan_and_of_an_apply(client):
    for how in ("plan", "apply"):
        status, told = client.apply(POD.format(1), how=how)
        assert (status, told["created"]) == (200, ["shop-p1"])
        assert told["warnings"] == [
            {
                "file": "shop.yaml",
                "line": 6,
                "field": "spec.containers[0].livenessProbe",
                "reason": "gates updates and is told as health; nothing is restarted",
            }
        ]
    assert client.apply()[1]["warnings"] == []


def test_there_is_an_end_to_warnings(client):
    text = "---\n".join(POD.format(number) for number in range(102))
    told = client.apply(text, how="plan")[1]["warnings"]
    assert len(told) == 101
    assert told[-1]["reason"] == "there are more than 100 warnings; the rest is not told"


def test_what_finds_no_node_is_in_the_answer(client):
    (told,) = client.apply()[1]["unplaced"]
    assert (told["workload"], told["wanted"], told["placed"]) == ("shop-web", 2, 0)


def test_deleting_clears_what_other_systems_see(client, rig):
    rig.join("box-1")
    client.apply()
    status_, found = client.ask("DELETE", "/api/v1/workloads/shop-web")
    assert (status_, found["removed"]) == (200, ["shop-web"])
    until("the view to go", lambda: b"" in rig.broker.payloads("skerry/v1/workloads/shop-web"))
    assert client.get("/api/v1/instances") == {"items": []}


def test_labels_are_set_and_unset(client, rig):
    rig.join("box-1")
    path, template = "/api/v1/nodes/box-1/labels", "/api/v1/nodes/{node}/labels"
    status_, found = client.ask("POST", path, {"set": {"site": "quay-3", "a/b.c-d_e": ""}})
    client.fits("post", template, found)
    assert (status_, found["labels"]) == (200, {"site": "quay-3", "a/b.c-d_e": ""})
    assert client.ask("POST", path, {"unset": ["site", "none"]})[1]["labels"] == {"a/b.c-d_e": ""}


def test_what_the_box_says_itself_is_refused_with_its_reason_and_all_of_it(client, rig):
    rig.join("box-1")
    wanted = {"set": {"kubernetes.io/arch": "x", "topology.kubernetes.io/zone": "z", "a b": "c"}}
    status_, answer = client.ask("POST", "/api/v1/nodes/box-1/labels", wanted)
    assert status_ == 400
    assert [one["field"] for one in answer["problems"]] == ["set.kubernetes.io/arch", "set.a b"]
    assert "kubernetes.io/ is worked out from the box itself" in reasons(answer)[0]


def test_labels_that_kubernetes_has_people_set_are_taken(client, rig):
    rig.join("box-1")
    wanted = {"topology.kubernetes.io/zone": "hall-3", "node-role.kubernetes.io/edge": ""}
    found = client.ask("POST", "/api/v1/nodes/box-1/labels", {"set": wanted})[1]
    assert found["labels"] == wanted


def test_a_label_that_could_not_be_given_any_more_can_be_taken_away(client, rig):
    rig.join("box-1")
    old = {"kubernetes.io/arch": "toaster", "a/b/c": "north pole"}
    rig.service.call(lambda work: desired.label(work, work.draft.nodes.get("box-1"), old, ()))
    assert rig.node().labels == old
    status_, found = client.ask("POST", "/api/v1/nodes/box-1/labels", {"unset": list(old)})
    assert (status_, found["labels"]) == (200, {})


# --- taints, cordon, drain ------------------------------------------------------------------

KEEP_OFF = {"key": "maintenance", "value": "true", "effect": "NoSchedule"}
CORDON = {"key": "node.kubernetes.io/unschedulable", "value": "", "effect": "NoSchedule"}
BOX = "/api/v1/nodes/box-1"
ONE = SHOP.replace("replicas: 2", "replicas: 1")


def kinds(client):
    """Return the kinds of the hub's events about what operators asked for."""
    found = [one["kind"] for one in client.get("/api/v1/events")["items"]]
    return [kind for kind in found if kind.endswith(("tainted", "cordoned", "drained"))]


def test_taints_are_set_shown_and_unset(client, rig):
    rig.join("box-1")
    path, template = f"{BOX}/taints", "/api/v1/nodes/{node}/taints"
    status_, found = client.ask("POST", path, {"set": [KEEP_OFF, {**KEEP_OFF, "value": "no"}]})
    client.fits("post", template, found)
    assert (status_, found["taints"]) == (200, [{**KEEP_OFF, "value": "no"}])
    assert client.get("/api/v1/nodes")["items"][0]["taints"] == found["taints"]
    assert client.ask("POST", path, {"unset": [{"key": "other"}]})[1]["taints"] == found["taints"]
    assert client.ask("POST", path, {"unset": [{"key": "maintenance"}]})[1]["taints"] == []
    assert kinds(client).count("tainted") == 2, "what changes nothing is no event"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"set": [{**KEEP_OFF, "effect": "Never"}]}, "set[0].effect"),
        ({"set": [{**KEEP_OFF, "key": "a b"}]}, "set[0]"),
        ({"set": [{**KEEP_OFF, "value": "b c"}]}, "set[0]"),
        ({"set": [{"key": "a"}]}, "set[0].effect"),
        ({"set": [{"key": "a" * 254, "effect": "NoSchedule"}]}, "set[0].key"),
        ({"unset": [{"effect": "NoSchedule"}]}, "unset[0].key"),
        ({"add": []}, "add"),
    ],
)
def test_taints_that_are_none_are_refused_by_field(client, rig, body, field):
    rig.join("box-1")
    status_, answer = client.ask("POST", f"{BOX}/taints", body)
    assert (status_, [one["field"] for one in answer["problems"]]) == (400, [field])
    assert rig.node().taints == ()


def test_a_cordoned_node_takes_nothing_until_it_is_uncordoned_and_says_why(client, rig):
    rig.join("box-1")
    for _ in range(2):
        status_, found = client.ask("POST", f"{BOX}/cordon")
        assert (status_, found["taints"]) == (200, [CORDON])
    client.fits("post", "/api/v1/nodes/{node}/cordon", found)
    plan = client.apply(ONE)[1]
    (reason,) = plan["unplaced"][0]["verdicts"][0]["reasons"]
    assert reason["constraint"] == "taints"
    assert "has the taint node.kubernetes.io/unschedulable:NoSchedule" in reason["text"]
    status_, found = client.ask("POST", f"{BOX}/uncordon")
    client.fits("post", "/api/v1/nodes/{node}/uncordon", found)
    assert (status_, found["taints"]) == (200, [])
    until("it to be placed", lambda: rig.service.known.on_node("box-1"))
    assert kinds(client) == ["cordoned", "uncordoned"]


def test_a_workload_that_tolerates_the_taint_comes_all_the_same(client, rig):
    rig.join("box-1")
    client.ask("POST", f"{BOX}/taints", {"set": [KEEP_OFF]})
    bearing = "    x-placement: {tolerations: [{key: maintenance, operator: Exists}]}\n"
    assert client.apply(ONE)[1]["unplaced"]
    placed = client.apply(ONE + bearing)[1]
    assert [one["action"] for one in placed["changes"]] == ["create"]


def test_a_node_is_drained_in_one_transaction_after_a_plan_that_changes_nothing(client, rig):
    rig.join("box-1", "box-2")
    client.apply(ONE)
    (held,) = rig.service.known.assignments.values()
    path = f"/api/v1/nodes/{held.node}/drain"
    other = {"box-1": "box-2", "box-2": "box-1"}[held.node]
    planned = client.ask("POST", path, {"dry_run": True})[1]
    assert rig.service.known.assignments[held.id] == held
    assert not rig.node(held.node).cordoned
    status_, found = client.ask("POST", path, {})
    client.fits("post", "/api/v1/nodes/{node}/drain", found)
    assert (status_, found) == (200, planned)
    (step,) = found["changes"]
    assert (step["action"], step["node"]) == ("move", other)
    assert [len(rig.orders(one)[-1].instances) for one in (held.node, other)] == [0, 1]
    assert kinds(client) == ["cordoned", "drained"]
    (last,) = (one for one in client.get("/api/v1/events")["items"] if one["kind"] == "drained")
    assert (last["node"], last["detail"]) == (held.node, "1 moved, 0 removed, 0 stay")


def test_what_fits_nowhere_stays_until_it_is_forced(client, rig):
    rig.join("box-1")
    client.apply(ONE)
    found = client.ask("POST", f"{BOX}/drain", {})[1]
    assert [one["action"] for one in found["changes"]] == ["keep"]
    assert [one["workload"] for one in found["unplaced"]] == ["shop-web"]
    assert rig.service.known.on_node("box-1")
    found = client.ask("POST", f"{BOX}/drain", {"force": True})[1]
    assert [one["action"] for one in found["changes"]] == ["remove"]
    rig.idle()
    assert not rig.service.known.on_node("box-1"), "it does not come back to a cordoned node"


def test_what_is_not_there_cannot_be_cordoned_or_drained(client, rig):
    for verb, body in (("cordon", None), ("uncordon", None), ("drain", {}), ("taints", {})):
        assert client.ask("POST", f"/api/v1/nodes/none/{verb}", body)[0] == 404


def test_a_hub_that_starts_again_knows_the_taints_and_the_tolerations(client, rig):
    rig.join("box-1")
    client.ask("POST", f"{BOX}/taints", {"set": [KEEP_OFF]})
    client.ask("POST", f"{BOX}/cordon")
    client.apply(ONE + "    x-placement: {tolerations: [{key: a, effect: NoExecute}]}\n")
    before = rig.node().taints, rig.service.known.workloads["shop-web"]
    rig.service.stop()
    known = rig.store.load()
    assert (known.nodes["box-1"].taints, known.workloads["shop-web"]) == before
    assert [str(one) for one in before[0]] == [
        "maintenance=true:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule"
    ]  # fmt: skip


# --- hardware looked at again -----------------------------------------------------------------


def test_a_node_looks_at_its_hardware_again(client, rig):
    rig.join("box-1")

    def answer(node, verb, payload):
        request = codec.decode(Request, payload)
        rig.say(node, Reply(incarnation=FIRST, boot=1, seq=1, id=request.id))

    rig.broker.answer = answer
    status_, found = client.ask("POST", "/api/v1/nodes/host-box-1/probe")
    assert status_ == 200, found
    client.fits("post", "/api/v1/nodes/{node}/probe", found)
    assert (found["id"], found["capability"]) == ("box-1", rig.node().capability.revision)
    assert rig.broker.requests == [("box-1", "probe")]


def test_a_node_that_cannot_look_again_says_why(client, rig):
    rig.join("box-1")

    def answer(node, verb, payload):
        request = codec.decode(Request, payload)
        rig.say(node, Reply(incarnation=FIRST, boot=1, seq=1, id=request.id, error="no request"))

    rig.broker.answer = answer
    status_, found = client.ask("POST", "/api/v1/nodes/box-1/probe")
    assert (status_, reasons(found)) == (409, ["host-box-1 (box-1): no request"])
    assert rig.say("box-1", presence(online=False, seq=9)).wait(20)
    status_, found = client.ask("POST", "/api/v1/nodes/box-1/probe")
    assert (status_, reasons(found)) == (
        409,
        ["host-box-1 (box-1) must be online for this: it is asked"],
    )


def test_a_node_is_forgotten(client, rig):
    rig.join("box-1", "box-2")
    client.apply()
    status_, found = client.ask("DELETE", "/api/v1/nodes/host-box-1")
    assert status_ == 409
    assert rig.say("box-1", presence(online=False, seq=9)).wait(20)
    status_, found = client.ask("DELETE", "/api/v1/nodes/host-box-1")
    assert status_ == 200
    client.fits("delete", "/api/v1/nodes/{node}", found)
    assert {one["node"] for one in client.get("/api/v1/instances")["items"]} == {"box-2"}


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/api/v1/nodes/ghost", 404, "no node ghost"),
        ("DELETE", "/api/v1/nodes/ghost", 404, "no node ghost"),
        ("POST", "/api/v1/nodes/ghost/adopt", 404, "no node ghost"),
        ("POST", "/api/v1/nodes/ghost/overwrite", 404, "no node ghost"),
        ("POST", "/api/v1/nodes/ghost/probe", 404, "no node ghost"),
        ("GET", "/api/v1/workloads/none", 404, "no workload none"),
        ("DELETE", "/api/v1/workloads/none", 404, "no workload none"),
        ("GET", "/api/v1/workloads/none/explain", 404, "no workload none"),
        ("GET", "/api/v1/instances?node=ghost", 404, "no node ghost"),
        ("GET", f"/api/v1/workloads/x/explain?instance={'a' * 300}", 400, "at most 253"),
        ("GET", "/api/v1/devices?node=ghost", 404, "no node ghost"),
        ("GET", "/api/v1/devices?kind=gpus", 400, "'gpus' is none of gpu, npu"),
        ("GET", "/api/v1/devices?selector=a%3Db%3Dc", 400, "neither"),
        ("GET", "/api/v1/devices?usable=perhaps", 400, "valid boolean"),
        ("GET", "/api/v1/devices?limit=1000000", 400, "less than or equal to 100000"),
        ("GET", "/api/v1/nothing", 404, "Not Found"),
        ("PUT", "/api/v1/nodes", 405, "Method Not Allowed"),
        ("POST", "/api/v1/nodes/box-1/adopt", 409, "not held"),
        ("POST", "/api/v1/nodes/box-1/overwrite", 409, "not held"),
        ("GET", "/api/v1/nodes?selector=a%3Db%3Dc", 400, "neither"),
        ("GET", "/api/v1/events?limit=0", 400, "greater than or equal to 1"),
        ("GET", "/api/v1/events?limit=x", 400, "valid integer"),
        ("GET", "/api/v1/nodes?selector=" + "a" * 5000, 400, "at most 4096"),
        ("GET", "/api/v1/changes?timeout_s=1000", 400, "less than or equal to 60"),
    ],
)  # fmt: skip
def test_an_error_has_its_status_and_its_reason(client, rig, method, path, status, says):
    rig.join("box-1")
    found, answer = client.ask(method, path)
    assert found == status
    assert says in reasons(answer)[0]


def test_a_problem_names_its_field(client):
    (problem,) = client.ask("GET", "/api/v1/events?limit=0")[1]["problems"]
    assert problem["field"] == "query.limit"
    (problem,) = client.ask("GET", "/api/v1/nodes?selector=%3D")[1]["problems"]
    assert problem["field"] == "selector"


def test_a_hostname_that_two_have_is_refused_with_their_ids(client, rig):
    rig.join("box-1")
    rig.say("box-2", presence())
    assert rig.say("box-2", capability(hostname="host-box-1")).wait(20)
    status_, found = client.ask("GET", "/api/v1/nodes/host-box-1")
    assert status_ == 409
    assert "box-1, box-2" in reasons(found)[0]
    assert client.ask("GET", "/api/v1/events?node=host-box-1")[0] == 409


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        (b"", None, "not JSON"),
        (b"{", None, "not JSON"),
        (b"\xff", None, "not JSON"),
        (b"[" * 100_000, None, ""),
        (b"[]", None, "map"),
        (b"{}", "files", "missing"),
        (b'{"files": {}}', "files", "list"),
        (b'{"files": [{"name": "a", "text": 3}]}', "files[0].text", "text"),
        (b'{"files": [], "force": true}', "force", "not a field"),
        (b'{"files": [], "prune": "yes"}', "prune", ""),
    ],
)
@pytest.mark.parametrize("how", ["plan", "apply"])
def test_a_body_that_is_wrong_is_refused_by_field(client, how, body, field, says):
    status_, answer = client.ask("POST", f"/api/v1/{how}", body)
    assert status_ == 400
    (problem,) = answer["problems"]
    assert problem["field"] == field
    assert says in problem["reason"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"set": {"no spaces": "x"}}, "set.no spaces"),
        ({"set": {"": "x"}}, "set."),
        ({"set": {"a/": "x"}}, "set.a/"),
        ({"set": {"a/b/c": "x"}}, "set.a/b/c"),
        ({"set": {"Example.com/a": "x"}}, "set.Example.com/a"),
        ({"set": {"a": "north pole"}}, "set.a"),
        ({"set": {"fine": "yes", "kubernetes.io/arch": "toaster"}}, "set.kubernetes.io/arch"),
        ({"set": {"k8s.io/x": ""}}, "set.k8s.io/x"),
        (
            {"set": {"feature.node.kubernetes.io/pci-0300_10de.present": "true"}},
            "set.feature.node.kubernetes.io/pci-0300_10de.present",
        ),
        ({"set": {"a": 3}}, "set.a"),
        ({"set": {"a": "x" * 257}}, "set.a"),
        ({"unset": ["-"]}, "unset[0]"),
        ({"remove": ["a"]}, "remove"),
    ],
)
def test_labels_that_are_none_are_refused_by_field(client, rig, body, field):
    rig.join("box-1")
    status_, answer = client.ask("POST", "/api/v1/nodes/box-1/labels", body)
    assert (status_, answer["problems"][0]["field"]) == (400, field)
    assert rig.node().labels == {}


def test_what_is_wrong_with_a_file_is_told_by_line_and_all_of_it(client):
    text = SHOP + "    cgroup_parent: /x\n    no_such_key: 1\n"
    status_, answer = client.apply(text)
    assert status_ == 400
    found = [(one["file"], one["line"]) for one in answer["problems"]]
    assert found == [("shop.yaml", 6), ("shop.yaml", 7)]


def test_another_projects_name_is_a_conflict(client, rig):
    rig.service.call(lambda work: work.draft.workloads.put("shop-web", kept(project="other")))
    status_, answer = client.apply()
    assert status_ == 409
    assert "project other" in reasons(answer)[0]


def test_more_than_a_request_may_be_is_refused(client):
    status_, answer = client.ask("POST", "/api/v1/apply", b" " * (MAX_BODY_BYTES + 1))
    assert status_ == 413
    assert str(MAX_BODY_BYTES) in reasons(answer)[0]


@pytest.mark.sqlite_file
def test_a_store_that_fails_is_said_and_the_rest_goes_on(client, rig, tmp_path):
    rig.join("box-1")
    database = sqlite3.connect(tmp_path / "hub.db", timeout=30)
    for table in ("events", "outbox", "workloads"):
        database.execute(f"ALTER TABLE {table} RENAME TO away_{table}")
    database.commit()
    for ask in (
        lambda: client.ask("GET", "/api/v1/events"),
        lambda: client.ask("GET", "/api/v1/nodes/box-1"),
        client.apply,
    ):
        status_, answer = ask()
        assert status_ == 503
        assert "no such table" in reasons(answer)[0]
    assert client.raw("GET", "/healthz")[0] == 200
    assert b"skerry_outbox_messages NaN" in client.raw("GET", "/metrics")[2]
    assert len(client.get("/api/v1/nodes")["items"]) == 1
    for table in ("events", "outbox", "workloads"):
        database.execute(f"ALTER TABLE away_{table} RENAME TO {table}")
    database.commit()
    database.close()
    assert client.apply()[0] == 200


def test_what_nobody_thought_of_is_an_error_in_json_too(client, rig):
    rig.join("box-1")
    rig.service.known.nodes["box-1"] = None
    status_, answer = client.ask("GET", "/api/v1/nodes")
    assert status_ == 500
    assert "log" in reasons(answer)[0]
    rig.service.known.nodes.clear()


@pytest.mark.parametrize(
    ("origin", "status"), [("https://evil.example", 403), ("null", 403), ("same", 200)]
)
def test_a_page_of_another_site_cannot_use_an_operators_browser(client, rig, origin, status):
    rig.join("box-1")
    origin = f"http://127.0.0.1:{client._port}" if origin == "same" else origin
    found, _ = client.ask("GET", "/api/v1/nodes", Origin=origin)
    assert found == status
    body = {"set": {"a": "b"}}
    found, _ = client.ask("POST", "/api/v1/nodes/box-1/labels", body, Origin=origin)
    assert (found, rig.node().labels == {"a": "b"}) == (status, status == 200)


# --- waiting ------------------------------------------------------------------------------


def test_who_waits_for_a_change_is_answered_when_it_comes(client, rig):
    now = client.ask("GET", "/api/v1/changes")[1]["change"]
    assert client.ask("GET", f"/api/v1/changes?after={now}&timeout_s=0.01")[1]["change"] == now
    found = []
    path = f"/api/v1/changes?after={now}&timeout_s=30"
    threads = [
        threading.Thread(target=lambda: found.append(client.ask("GET", path)[1]["change"]))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    until("them to wait", lambda: len(rig.service.changes._waiting) == 10)
    rig.say("box-1", presence())
    for thread in threads:
        thread.join(20)
    assert len(found) == 10
    assert all(count > now for count in found)


# --- the document -------------------------------------------------------------------------


def references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_every_reference_of_the_document_leads_somewhere(client):
    _, served = client.ask("GET", "/openapi.json")
    assert served == json.loads(json.dumps(api.openapi_document()))
    schemas = served["components"]["schemas"]
    found = set(references(served))
    assert found
    assert {one.removeprefix("#/components/schemas/") for one in found} <= set(schemas)
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_document_knows_every_path_of_the_api(client):
    paths = set(api.openapi_document()["paths"])
    assert {
        "/ca.pem", "/api/v1/join", "/api/v1/renew",
        "/api/v1/join-tokens", "/api/v1/join-tokens/{token}",
        "/api/v1/nodes/{node}/enrollment", "/api/v1/nodes/{node}/revoke",
        "/api/v1/enrollments", "/api/v1/approvals", "/api/v1/approvals/wanted",
        "/api/v1/approvals/contents", "/api/v1/order-keys", "/api/v1/order-keys/rotate",
        "/api/v1/order-keys/retire", "/api/v1/access", "/api/v1/access/{token}",
        "/api/v1/audit", "/api/v1/whoami",
        "/healthz", "/livez", "/readyz", "/metrics", "/api/v1/health", "/api/v1/version",
        "/api/v1/nodes", "/api/v1/nodes/{node}",
        "/api/v1/nodes/{node}/labels", "/api/v1/nodes/{node}/adopt",
        "/api/v1/nodes/{node}/overwrite", "/api/v1/nodes/{node}/probe",
        "/api/v1/nodes/{node}/taints", "/api/v1/nodes/{node}/cordon",
        "/api/v1/nodes/{node}/uncordon", "/api/v1/nodes/{node}/drain",
        "/api/v1/workloads", "/api/v1/workloads/{workload}",
        "/api/v1/workloads/{workload}/explain", "/api/v1/instances", "/api/v1/devices",
        "/api/v1/events", "/api/v1/plan", "/api/v1/apply", "/api/v1/changes",
        "/api/v1/round-trips", "/api/v1/documents", "/api/v1/documents/{kind}/{name}",
        "/api/v1/documents/{kind}/{name}/history",
        "/api/v1/snapshot", "/api/v1/decisions", "/api/v1/decisions/{seq}",
        "/api/v1/decisions/{seq}/replay", "/api/v1/rebalance/plan", "/api/v1/rebalance/check",
        "/api/v1/rebalance/moves", "/api/v1/secrets", "/api/v1/secrets/{name}",
        "/api/v1/registries", "/api/v1/registries/{registry}", "/api/v1/nodes/{node}/trust-key",
        "/api/v1/instances/{instance}/restart", "/api/v1/instances/{instance}/exec",
        "/api/v1/instances/{instance}/logs", "/api/v1/nodes/{node}/top",
        "/api/v1/sessions/{session}/input/{number}",
        "/api/v1/rollouts",
        "/api/v1/workloads/{workload}/revisions",
        "/api/v1/workloads/{workload}/revisions/{number}",
        "/api/v1/workloads/{workload}/rollout",
        "/api/v1/workloads/{workload}/rollout/pause",
        "/api/v1/workloads/{workload}/rollout/resume",
        "/api/v1/workloads/{workload}/rollout/undo",
    } == paths  # fmt: skip
