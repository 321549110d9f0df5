"""Documents over HTTP: put, shown, listed, deleted, applied from files; what is told and placed."""

import json
import pathlib

import pytest
from tests.hub.api.conftest import SHOP
from tests.hub.documents import DATASET, ENDPOINT, EVERY, POLICY, PRICES
from tests.hub.rig import until

from skerry_hub import documenting
from skerry_hub.documents import KINDS, kind_of
from skerry_hub.store_opening import open_store
from skerry_wire import codec

GOLDEN = (pathlib.Path(__file__).parents[1] / "documents.yaml").read_text()
PATH = "/api/v1/documents/{kind}/{name}"


def where(document):
    return f"/api/v1/documents/{kind_of(document)}/{document.name}"


def put(client, document, **fields):
    status, found = client.ask(
        "PUT", where(document), json.dumps({**codec.to_plain(document), **fields})
    )
    if status == 200:
        client.fits("put", PATH, found)
    return status, found


def apply(client, *texts, how="apply"):
    files = [{"name": f"{number}.yaml", "text": text} for number, text in enumerate(texts)]
    for file in files:
        file["project"] = "shop"
    status, found = client.ask("POST", f"/api/v1/{how}", {"files": files})
    if status == 200:
        client.fits("post", f"/api/v1/{how}", found)
    return status, found


def planned(answer):
    return [(one["kind"], one["name"], one["action"], one["version"]) for one in answer]


@pytest.mark.parametrize("document", EVERY, ids=kind_of)
def test_a_document_of_each_kind_is_put_shown_and_put_as_it_was_shown(client, document):
    status, said = put(client, document)
    assert (status, said["version"], said["kind"]) == (200, 1, kind_of(document))
    shown = client.get(where(document), PATH)
    assert shown == said
    record = codec.from_plain(KINDS[kind_of(document)], shown["content"], strict=True)
    assert record == document
    status, again = client.ask("PUT", where(document), json.dumps(shown["content"]))
    assert (status, again) == (200, shown), "what says the same is no new version"


def test_documents_are_listed_by_kind_and_name(client):
    assert client.get("/api/v1/documents") == {"items": []}
    for document in EVERY:
        put(client, document)
    put(client, codec.from_plain(type(ENDPOINT), {"name": "a", "host": "h", "port": 1}))
    listed = client.get("/api/v1/documents")["items"]
    assert [(one["kind"], one["name"]) for one in listed] == [
        ("Dataset", "maps"), ("Endpoint", "a"), ("Endpoint", "erp"),
        ("MaintenanceWindow", "quay-3-night"), ("Policy", "eu-only"), ("Prices", "cloud"),
        ("Reservation", "night-batch"),
    ]  # fmt: skip
    endpoints = client.get("/api/v1/documents?kind=Endpoint")["items"]
    assert [one["content"]["port"] for one in endpoints] == [1, 443]


def test_each_version_is_in_the_history_even_of_what_was_deleted(client):
    template = f"{PATH}/history"
    put(client, PRICES)
    put(client, PRICES, cpu_hour=0.05)
    (newest,) = client.get(f"{where(PRICES)}/history?limit=1", template)["items"]
    assert (newest["version"], newest["changes"]) == (2, ["cpu_hour: 0.031 -> 0.05"])
    _, done = client.ask("DELETE", where(PRICES))
    client.fits("delete", PATH, done)
    assert planned([done]) == [("Prices", "cloud", "deleted", 3)]
    assert client.ask("GET", where(PRICES))[0] == 404
    versions = client.get(f"{where(PRICES)}/history", template)["items"]
    assert [(one["version"], one["action"], one["changes"]) for one in versions] == [
        (3, "delete", []), (2, "put", ["cpu_hour: 0.031 -> 0.05"]), (1, "put", []),
    ]  # fmt: skip
    assert [one["content"]["cpu_hour"] for one in versions] == [0.05, 0.05, 0.031]
    put(client, PRICES)
    (newest,) = client.get(f"{where(PRICES)}/history?limit=1", template)["items"]
    assert (newest["version"], newest["changes"]) == (4, [])


def test_the_hub_tells_of_each_change_and_of_no_other(client, rig):
    put(client, PRICES)
    before = rig.service.changes.count
    put(client, PRICES)
    assert rig.service.changes.count == before
    put(client, PRICES, cpu_hour=0.05)
    assert rig.service.changes.count > before
    client.ask("DELETE", where(PRICES))
    events = client.get("/api/v1/events")["items"]
    assert [(one["kind"], one["node"], one["subject"], one["detail"]) for one in events] == [
        ("document_put", "", "Prices/cloud", "version 1"),
        ("document_put", "", "Prices/cloud", "version 2; cpu_hour: 0.031 -> 0.05"),
        ("document_deleted", "", "Prices/cloud", "version 3"),
    ]


@pytest.mark.parametrize(
    ("document", "fields", "told"),
    [
        (POLICY, {"name": "other"}, ("name", "must be eu-only, as the address says")),
        (POLICY, {"name": "No Name"}, ("name", "does not match")),
        (POLICY, {"selector": "a=b,,"}, ("selector", "is neither key=value")),
        (POLICY, {"required": ["node.bogus == 1"]}, ("required[0]", "is not a field")),
        (POLICY, {"residency": {"region": []}}, ("residency.region", "is empty")),
        (POLICY, {"maxPriority": 1}, ("maxPriority", "is not a field that this version knows")),
        (POLICY, {"quota": {"cpu": 1}}, ("quota.cpu", "is not a field")),
        (PRICES, {"kwh": "much"}, ("kwh", "must be a number, not text")),
        (PRICES, {"egress": [{"to": "a"}]}, ("egress[0].per_gb", "is missing")),
        (DATASET, {"places": {}}, ("places", "is empty")),
        (ENDPOINT, {"host": "a b"}, ("host", "is neither a host's name")),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(client, document, fields, told):
    status, found = put(client, document, **fields)
    assert status == 400
    (problem,) = found["problems"]
    assert problem["field"] == told[0]
    assert told[1] in problem["reason"]
    assert client.get("/api/v1/documents") == {"items": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/documents?kind=policies", None, 400),
        ("GET", "/api/v1/documents/Policy/none", None, 404),
        ("GET", "/api/v1/documents/Nothing/none", None, 404),
        ("GET", "/api/v1/documents/Policy/none/history", None, 404),
        ("GET", "/api/v1/documents/Policy/none/history?limit=0", None, 400),
        ("DELETE", "/api/v1/documents/Policy/none", None, 404),
        ("DELETE", "/api/v1/documents/Nothing/none", None, 404),
        ("PUT", "/api/v1/documents/Nothing/x", '{"name": "x"}', 404),
        ("PUT", "/api/v1/documents/Policy/x", "[]", 400),
        ("PUT", "/api/v1/documents/Policy/x", "{", 400),
        ("PUT", "/api/v1/documents/Policy/x", " " * (4 * 1024 * 1024 + 1), 413),
    ],
)
def test_what_is_not_there_or_no_document_is_refused(client, method, path, body, status):
    assert client.ask(method, path, body)[0] == status


# --- files --------------------------------------------------------------------------------


def test_documents_and_workloads_are_applied_together(client, rig):
    rig.join("box-1")
    status, plan = apply(client, GOLDEN, SHOP, how="plan")
    assert status == 200
    assert {one["action"] for one in plan["documents"]} == {"created"}
    assert client.get("/api/v1/documents") == {"items": []}, "a plan does nothing"
    status, done = apply(client, SHOP, GOLDEN)
    steps = [{**one, "score": None, "scores": {}} for one in plan["changes"]]
    assert (status, done) == (200, {**plan, "changes": steps})
    assert done["created"] == ["shop-web"]
    assert planned(done["documents"]) == [(kind_of(one), one.name, "created", 1) for one in EVERY]
    kept = [one.document for one in rig.service.known.documents.values()]
    assert kept == list(EVERY)


def test_a_plan_says_what_an_update_would_change(client):
    apply(client, GOLDEN)
    _, plan = apply(client, GOLDEN.replace("cpuHour: 0.031", "cpuHour: 0.05"), how="plan")
    actions = {one["name"]: (one["action"], one["version"]) for one in plan["documents"]}
    assert actions.pop("cloud") == ("updated", 2)
    assert set(actions.values()) == {("unchanged", 1)}
    (changed,) = (one for one in plan["documents"] if one["name"] == "cloud")
    assert changed["changes"] == ["cpu_hour: 0.031 -> 0.05"]


def test_what_is_wrong_anywhere_keeps_everything_from_being_done(client):
    status, found = apply(client, "kind: Policy\nname: X\n", SHOP.replace("image:", "imag:"))
    assert status == 400
    places = [(one["file"], one["line"], one["field"]) for one in found["problems"]]
    assert ("0.yaml", 2, "name") in places
    assert ("1.yaml", 3, "services.web.imag") in places
    assert apply(client, GOLDEN, SHOP.replace("image:", "imag:"))[0] == 400
    assert apply(client, "kind: Policy\nname: X\n", SHOP)[0] == 400
    assert client.get("/api/v1/documents") == {"items": []}
    assert client.get("/api/v1/workloads") == {"items": []}


def test_a_policy_that_no_node_could_fulfil_is_refused(client):
    status, found = put(client, POLICY, forbidden=["node.id exists"])
    assert status == 400
    (problem,) = found["problems"]
    assert problem["field"] == "forbidden[0]"
    assert problem["reason"] == "contradicts: no node can fulfil not(node.id exists)"
    assert client.get("/api/v1/documents") == {"items": []}


def test_a_workload_that_no_node_could_take_beside_its_policies_is_refused(client, rig):
    policy = "kind: Policy\nname: eu\nresidency: {region: [eu]}\n"
    shop = "services:\n  web:\n    image: x\n    x-placement:\n      constraints:\n{}"
    test = "        - node.labels.region == us\n"
    # Of one request the documents come first.
    status, found = apply(client, policy, shop.format(test))
    assert status == 409
    (problem,) = found["problems"]
    assert (problem["file"], problem["line"]) == ("1.yaml", 6)
    assert problem["field"] == "services.web.x-placement.constraints[0]"
    assert "contradicts policy eu: no node can fulfil" in problem["reason"]
    assert client.get("/api/v1/documents") == {"items": []}
    assert client.get("/api/v1/workloads") == {"items": []}
    # One that is there when the policy comes stays, and is refused when it is applied again.
    assert apply(client, shop.format(test))[0] == 200
    assert apply(client, policy)[0] == 200
    assert apply(client, shop.format(test))[0] == 409
    (kept,) = client.get("/api/v1/workloads")["items"]
    plain = {
        "name": "shop-web",
        "project": "shop",
        "containers": [{"name": "web", "image": "x"}],
        "expressions": ["node.labels.a exists", "node.labels.region == us"],
    }
    status, found = client.ask("POST", "/api/v1/apply", {"workloads": [plain]})
    (problem,) = found["problems"]
    assert (status, problem["field"]) == (409, "workloads[0].expressions[1]")
    assert (problem["file"], problem["line"]) == (None, None)
    assert client.get("/api/v1/workloads")["items"] == [kept]


def test_prune_concerns_no_documents(client):
    apply(client, GOLDEN)
    files = [{"name": "shop.yaml", "project": "shop", "text": SHOP}]
    status, done = client.ask("POST", "/api/v1/apply", {"files": files, "prune": True})
    assert (status, done["documents"]) == (200, [])
    assert len(client.get("/api/v1/documents")["items"]) == len(EVERY)


# --- the writer ---------------------------------------------------------------------------


def test_what_waits_is_looked_at_again_after_a_change_of_documents(client, rig):
    client.apply()
    until("what was due", lambda: not rig.service._filling.due)
    before = rig.service._filling.filled_at
    put(client, PRICES)
    until("another look", lambda: rig.service._filling.filled_at > before)


@pytest.mark.sqlite_file
def test_documents_are_there_for_the_next_hub(client, rig, tmp_path):
    put(client, POLICY)
    put(client, PRICES)
    client.ask("DELETE", where(POLICY))
    known = rig.service.known
    rig.stop()
    store = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
    again = store.load()
    assert again.documents == known.documents
    assert again.document_versions == {("Policy", "eu-only"): 2, ("Prices", "cloud"): 1}
    store.close()


def test_a_hub_that_doubts_a_commit_reads_the_documents_again(client, rig):
    put(client, PRICES)
    rig.service._transactions.in_doubt = True
    rig.service.call(lambda work: documenting.put(work, POLICY))
    assert set(rig.service.known.documents) == {("Prices", "cloud"), ("Policy", "eu-only")}


def test_too_many_of_a_kind_are_refused(client, rig):
    text = "".join(f"---\nkind: Endpoint\nname: e-{n}\nhost: h\nport: 1\n" for n in range(1000))
    status, done = apply(client, text)
    assert (status, len(done["documents"])) == (200, 1000)
    status, found = put(client, ENDPOINT)
    assert status == 409
    assert "1000 documents of the kind Endpoint" in found["problems"][0]["reason"]
