"""Tokens and the audit log over HTTP."""

import hashlib
import json
import sqlite3

import pytest
from tests.hub.api.conftest import served
from tests.hub.api.guarded import SCOPE, SITE, compose, files, guarded

from skerry_hub.access.access import Access
from skerry_hub.access.limits import Buckets, Rate
from skerry_hub.access.tokens import digest_of
from skerry_hub.store_error import StoreError
from skerry_wire.audit_chain import FIRST, Chain, Row
from skerry_wire.codec import from_plain


@pytest.fixture
def hub(rig):
    with guarded(rig) as found:
        yield found


def made(hub, **body):
    status, found = hub.ask("POST", "/api/v1/access", {"role": "viewer", **body}, "admin")
    assert status == 200, found
    hub.client.fits("post", "/api/v1/access", found)
    return found


def chained(rows):
    chain = Chain()
    assert [chain.take(from_plain(Row, row)) for row in rows] == [None] * len(rows)
    return chain


def test_who_asks_is_told_who_that_is(hub, rig):
    found = hub.client.ask(
        "GET", "/api/v1/whoami", Authorization=f"Bearer {hub.token('viewer', SCOPE)}"
    )[1]
    hub.client.fits("get", "/api/v1/whoami", found)
    assert (found["name"], found["role"], found["scope"], found["auth"]) == (
        "viewer-of-site-quay-3", "viewer", SCOPE, True,
    )  # fmt: skip
    with served(rig.service, Access(rig.store, tokens=False)) as client:
        found = client.get("/api/v1/whoami")
        assert (found["name"], found["role"], found["auth"]) == ("anonymous", "admin", False)


@pytest.mark.sqlite_file
def test_a_token_is_made_shown_once_and_revoked_at_once(hub, tmp_path):
    found = made(hub, name="bob", scope=SCOPE, ttl_s=3600)
    text, token = found["text"], found["token"]
    assert (token["name"], token["scope"], token["made_by"]) == ("bob", SCOPE, "admin-of-all")
    assert token["expires_at"] == pytest.approx(token["created_at"] + 3600)
    assert hub.ask("GET", "/api/v1/nodes", token=text)[0] == 200
    listed = hub.get("/api/v1/access", "admin", "")
    assert text not in str(listed)
    (bob,) = [one for one in listed["items"] if one["name"] == "bob"]
    assert bob["used_at"] >= bob["created_at"]
    rows = sqlite3.connect(tmp_path / "hub.db").execute("select * from api_tokens").fetchall()
    assert text not in str(rows)
    assert digest_of(text) in str(rows)
    status, gone = hub.ask("DELETE", "/api/v1/access/bob", role="admin")
    assert (status, gone["revoked_at"] is None) == (200, False)
    assert hub.ask("GET", "/api/v1/nodes", token=text)[0] == 401
    assert hub.ask("DELETE", "/api/v1/access/bob", role="admin")[0] == 404
    assert made(hub, name="bob")["text"] != text, "the name is free again"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "a b"}, 400, "must be 1 to 63"),
        ({"name": "hub"}, 400, "the audit log calls others"),
        ({"name": "x", "role": "root"}, 400, "must be one of viewer, operator, admin"),
        ({"name": "x", "scope": "site"}, 400, "KEY=VALUE"),
        ({"name": "x", "role": "admin", "scope": SCOPE}, 400, "an admin has no scope"),
        ({"name": "x", "ttl_s": 1}, 400, "must be 60 to"),
        ({"name": "x", "ttl_s": 1e12}, 400, ""),
        ({"name": "admin-of-all"}, 409, "there is a valid token of the name"),
        ({}, 400, "is missing"),
    ],
)
def test_what_is_no_token_to_make_is_said(hub, body, status, words):
    found = hub.ask("POST", "/api/v1/access", {"role": "viewer", **body}, "admin")
    assert found[0] == status
    assert words in found[1]["problems"][0]["reason"]


def test_what_is_changed_is_in_the_log_before_and_after(hub):
    first = hub.rows()[-1]["seq"]
    body = {"set": {"rack": "b"}}
    assert hub.ask("POST", "/api/v1/nodes/box-1/labels", body, "operator", SCOPE)[0] == 200
    assert hub.ask("POST", "/api/v1/nodes/box-9/cordon", role="operator")[0] == 404
    assert hub.ask("POST", "/api/v1/nodes/box-1/cordon", role="viewer")[0] == 403
    rows = [one for one in hub.rows() if one["seq"] > first and one["action"] != "access create"]
    chained(hub.rows())
    labelled, done, missed, found, denied = rows
    assert labelled["action"] == done["action"] == "POST /api/v1/nodes/{node}/labels"
    assert labelled["who"] == "operator-of-site-quay-3"
    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    told = labelled["content"]
    assert (told["phase"], told["role"], told["scope"], told["body"]) == (
        "intent", "operator", SCOPE, digest,
    )  # fmt: skip
    assert (told["subject"], told["address"]) == ("/api/v1/nodes/box-1/labels", "127.0.0.1")
    assert done["content"] == {"phase": "outcome", "of": str(labelled["seq"]), "status": "200"}
    assert (missed["content"]["phase"], found["content"]["status"]) == ("intent", "404")
    assert (denied["content"]["phase"], denied["who"]) == ("denied", "viewer-of-all")


def test_a_documents_versions_tell_whose_token_it_was(hub):
    text = "kind: Reservation\nname: home\nselector: tier=batch\ncpu: 0.25\n"
    assert hub.ask("POST", "/api/v1/apply", files(text), "operator")[0] == 200
    path = "/api/v1/documents/Reservation/home"
    content = hub.get(path, "viewer", "")["content"]
    assert hub.ask("PUT", path, {**content, "cpu_milli": 1}, "admin")[0] == 200
    assert hub.ask("DELETE", path, role="operator")[0] == 200
    told = [one["who"] for one in hub.get(f"{path}/history", "viewer", "")["items"]]
    assert told == ["operator-of-all", "admin-of-all", "operator-of-all", "admin-of-all"]


def test_what_only_looks_is_not_in_the_log(hub):
    before = len(hub.rows())
    hub.get("/api/v1/nodes", "viewer", "")
    assert hub.ask("POST", "/api/v1/plan", files(compose("x", SITE)), "viewer")[0] == 200
    hub.token("viewer")
    assert len([one for one in hub.rows() if one["action"] != "access create"]) <= before


def test_no_secret_is_in_the_log_nor_a_digest_of_one(hub):
    text = made(hub, name="bob")["text"]
    hub.ask("DELETE", f"/api/v1/access/{text}", role="admin")
    hub.ask("POST", f"/api/v1/nodes/{text}/cordon", role="admin")
    rows = hub.rows()
    assert text not in str(rows)
    assert "hunter2" not in str(rows)
    private = [
        one for one in rows if "/secrets/" in one["action"] or "/registries/" in one["action"]
    ]
    assert {one["content"].get("body") for one in private} == {"withheld", None}
    assert sum(one["content"].get("body") == "withheld" for one in private) == 2


def test_the_log_is_narrowed_and_paged(hub):
    rows = hub.rows()
    admin = "admin", ""
    assert hub.get("/api/v1/audit?limit=2", *admin)["items"] == rows[-2:]
    assert hub.get("/api/v1/audit?limit=2", *admin)["more"]
    page = hub.get("/api/v1/audit?after=3&limit=2", *admin)
    assert (page["items"], page["more"]) == (rows[3:5], True)
    assert page["head"] == {"seq": rows[-1]["seq"], "hash": rows[-1]["hash"]}
    assert page["anchor"]["seq"] == 0
    found = hub.get("/api/v1/audit?action=labels&who=admin-of-all", *admin)["items"]
    assert {one["action"] for one in found} == {"POST /api/v1/nodes/{node}/labels"}
    assert hub.get("/api/v1/audit?who=nobody", *admin)["items"] == []
    assert hub.get("/api/v1/audit?since=99999999999", *admin)["items"] == []


@pytest.mark.parametrize("content", ["[1]", "5", '{"a":1}', "nonsense"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.sqlite_file
def test_a_damaged_row_is_shown_as_such_among_the_others(hub, tmp_path, content, last):
    hub.ask("POST", "/api/v1/nodes/box-1/cordon", role="admin")
    before = hub.rows()
    seq = before[-1 if last else 2]["seq"]
    with sqlite3.connect(tmp_path / "hub.db") as database:
        database.execute("update audit set content = ? where seq = ?", (content, seq))
    after = hub.rows()
    assert [one["seq"] for one in after] == [one["seq"] for one in before]
    assert [one["seq"] for one in after if "damaged" in one["content"]] == [seq]
    assert after[seq - 1]["content"]["found"] == content
    with sqlite3.connect(tmp_path / "hub.db") as database:
        database.execute("update audit set hash = 'x' where seq = ?", (seq,))
    found = hub.get("/api/v1/audit", "admin", "")
    assert found["items"][seq - 1]["hash"] == FIRST
    assert (found["head"]["hash"] == FIRST) == last


def test_a_flood_of_denials_does_not_fill_the_log(hub):
    hub.access.of_denials = Buckets(Rate(0.001, 3.0))
    before = len(hub.rows())
    for _ in range(10):
        assert hub.ask("POST", "/api/v1/nodes/box-1/cordon", role="viewer")[0] == 403
    denied = [one for one in hub.rows()[before:] if one["content"]["phase"] == "denied"]
    assert len(denied) == 3


def test_nothing_is_done_that_the_log_cannot_have(hub):
    class Failing:
        def aside(self):
            raise StoreError("the database cannot be used: the disk is full")

    hub.token("operator")
    hub.access.audit._store = Failing()
    status, found = hub.ask("POST", "/api/v1/nodes/box-1/cordon", role="operator")
    assert status == 503
    assert "nothing was done: the audit log cannot be written" in found["problems"][0]["reason"]
    assert not hub.rig.node("box-1").cordoned
    assert hub.ask("GET", "/api/v1/nodes", role="operator")[0] == 200


def test_input_of_a_session_is_taken_from_who_began_it_alone(hub):
    path = f"/api/v1/sessions/{'0' * 32}/input/0"
    assert hub.ask("PUT", path, {}, "operator")[0] == 404
    assert hub.ask("PUT", path, {}, "viewer")[0] == 403
