"""Every route of the API's document, asked by every role, with and without a scope, and by nobody.

The hub is a real one on a real store. What a route does with what it is let through is tested
where the route is; here it is that it is let through, or not, and that nothing else is seen.
"""

import asyncio
import time

import pytest
from tests.hub.api.guarded import SCOPE, SITE, compose, files, guarded
from tests.hub.rig import until

from skerry_hub.access.limits import Buckets, Rate
from skerry_hub.access.roles import RULES, Reach, Role
from skerry_hub.access.tokens import text_of
from skerry_hub.api import app as api
from skerry_hub.api.guarding import Guard

INSIDE = {"node": "box-1", "workload": "here-web", "instance": "here-web-0"}
OUTSIDE = {"node": "box-2", "workload": "there-web", "instance": "there-web-0"}
OTHERS = {
    "session": "0" * 32, "number": "1", "kind": "Reservation", "name": "home", "seq": "1",
    "registry": "r.example", "token": "none",
}  # fmt: skip
QUERIES = {"GET /api/v1/changes": "?timeout_s=0"}
BODIES = {"POST /api/v1/join-tokens": {"labels": {"site": SITE}}}
CALLERS = [(role, scope) for role in ("viewer", "operator", "admin") for scope in ("", SCOPE)]


@pytest.fixture
def hub(rig):
    with guarded(rig) as found:
        yield found


def routes():
    document = api.openapi_document()
    for path, methods in document["paths"].items():
        for method in methods:
            yield method.upper(), path
    yield "GET", "/openapi.json"


def at(path, names):
    return path.format(**OTHERS, **names) if "{" in path else path


def restore(hub):
    """Put back what a route that was let through took away."""
    for node, site in (("box-1", SITE), ("box-2", "quay-4")):
        if hub.rig.node(node) is None:
            hub.rig.join(node, seq=2)
            label = {"set": {"site": site}}
            assert hub.ask("POST", f"/api/v1/nodes/{node}/labels", label, "admin")[0] == 200
    assert hub.ask("POST", "/api/v1/nodes/box-1/uncordon", role="admin")[0] == 200
    for name, site in (("here", SITE), ("there", "quay-4")):
        assert hub.ask("POST", "/api/v1/apply", files(compose(name, site)), "admin")[0] == 200


def test_every_route_asks_who_it_is_and_lets_in_by_role_and_scope(hub):
    hub.rig.broker.go_away()  # what boxes are asked is refused at once
    bad = text_of(b"12345678", b"x" * 32)
    hub.access.of_failures = Buckets(Rate(1e6, 1e6))
    hub.access.of_tokens = Buckets(Rate(1e6, 1e6))
    for method, template in routes():
        key = f"{method} {template}"
        rule = RULES[key]
        query, body = QUERIES.get(key, ""), None if method == "GET" else BODIES.get(key, {})
        path = at(template, INSIDE) + query
        if rule.reach is Reach.OPEN:
            assert hub.client.raw(method, path)[0] not in (401, 403, 404), key
            continue
        for token in (None, bad, "nonsense", "\u00e4"):
            status, found = hub.ask(method, path, body, token=token)
            assert status == 401, (key, token)
            assert "skerry login" in found["problems"][0]["reason"]
        for role, scope in CALLERS:
            who = (key, role, scope)
            headers = {"Authorization": f"bearer {hub.token(role, scope)}"}
            status, _, said = hub.client.raw(method, path, body, **headers)
            if Role[role.upper()] < rule.role:
                assert (status, f"needs {rule.role.word}" in said.decode()) == (403, True), who
            elif scope and rule.reach is Reach.FLEET:
                assert (status, "whole fleet" in said.decode()) == (403, True), who
            else:
                assert status not in (401, 403), (who, said)
                if rule.reach in (Reach.NODE, Reach.WORKLOAD, Reach.INSTANCE):
                    assert status != 404, (who, said)
            if scope and at(template, OUTSIDE) != at(template, INSIDE):
                path_there = at(template, OUTSIDE) + query
                status, _, said = hub.client.raw(method, path_there, body, **headers)
                assert status in (403, 404), (who, said)
                assert b"quay-4" not in said, who
            if method == "DELETE":
                restore(hub)


def test_what_is_no_route_is_not_told_to_nobody(hub):
    for path in ("/", "/api/v1/none", "/api/v1/nodes/", "/docs", "/redoc", "//api/v1/nodes"):
        assert hub.ask("GET", path)[0] == 401, path
        assert hub.client.raw("GET", path, Authorization=f"Bearer {hub.token('viewer')}")[0] in (
            404, 307,
        ), path  # fmt: skip
    for method in ("PATCH", "OPTIONS", "HEAD", "TRACE"):
        assert hub.client.raw(method, "/api/v1/nodes")[0] == 401, method
        headers = {"Authorization": f"Bearer {hub.token('admin')}"}
        assert hub.client.raw(method, "/api/v1/nodes", **headers)[0] == 405, method


@pytest.mark.parametrize(
    "path",
    ["/api/v1/%6eodes", "/api/v1/nodes%0a", "/api/v1/workloads/a%0a", "/api/v1/nodes?x=/healthz",
     "/healthz/../api/v1/nodes", "/api/v1/nodes#/healthz", "/api/v1/nodes/box-1%2ftop"],
)  # fmt: skip
def test_no_spelling_of_a_path_gets_past(hub, path):
    status, _, _ = hub.client.raw("GET", path)
    assert status == 401


def test_why_a_part_fails_is_not_told_to_everybody(hub):
    hub.rig.broker.go_away()
    until("that to be seen", lambda: hub.client.raw("GET", "/readyz")[0] == 503)
    assert b"connection refused" not in hub.client.raw("GET", "/readyz")[2]
    headers = {"Authorization": f"Bearer {hub.token('viewer')}"}
    assert b"connection refused" in hub.client.raw("GET", "/readyz", **headers)[2]


# --- what a scope sees ----------------------------------------------------------------------


def names(found, key="id"):
    return [one[key] for one in found["items"]]


def test_lists_are_narrowed_to_a_scope(hub):
    assert names(hub.get("/api/v1/nodes")) == ["box-1"]
    assert names(hub.get("/api/v1/nodes", scope="")) == ["box-1", "box-2"]
    assert names(hub.get("/api/v1/nodes?selector=site%3Dquay-4")) == []
    assert names(hub.get("/api/v1/workloads"), "name") == ["here-web"]
    assert names(hub.get("/api/v1/instances")) == ["here-web-0"]
    assert names(hub.get("/api/v1/instances", scope="")) == ["here-web-0", "there-web-0"]
    assert names(hub.get("/api/v1/rollouts"), "workload") == ["here-web"]
    assert names(hub.get("/api/v1/rollouts", scope=""), "workload") == ["here-web", "there-web"]
    for kind in ("devices", "round-trips", "instances"):
        status, _ = hub.ask("GET", f"/api/v1/{kind}?node=box-2", role="admin", scope=SCOPE)
        assert status == 404, kind
        assert hub.ask("GET", f"/api/v1/{kind}?node=box-1", role="viewer", scope=SCOPE)[0] == 200
    for query in ("to=node/box-2", "to=node/host-box-2"):
        assert hub.ask("GET", f"/api/v1/round-trips?{query}", role="viewer", scope=SCOPE)[0] == 404


def test_events_are_narrowed_to_a_scope(hub):
    every, seen = (hub.get("/api/v1/events", scope=scope)["items"] for scope in ("", SCOPE))
    assert {one["node"] for one in every} == {"box-1", "box-2", ""}
    assert {(one["node"], one["workload"]) for one in seen} == {("box-1", ""), ("", "here-web")}
    assert hub.get("/api/v1/events?node=box-2")["items"] == []
    assert len(hub.get("/api/v1/events?limit=1")["items"]) == 1


def test_an_explanation_names_no_node_outside(hub):
    path = "/api/v1/workloads/here-web/explain"
    assert [one["node"] for one in hub.get(path, scope="")["verdicts"]] == ["box-1", "box-2"]
    found = hub.get(path)
    assert [one["node"] for one in found["verdicts"]] == ["box-1"]
    assert "box-2" not in str(found)
    assert hub.ask("GET", f"{path}?node=box-2", role="viewer", scope=SCOPE)[0] == 404


# --- what a scope changes -------------------------------------------------------------------


def applied(hub, text, how="apply", **fields):
    body = {**files(text), **fields}
    return hub.ask("POST", f"/api/v1/{how}", body, "operator", SCOPE)


def test_an_operator_of_a_site_applies_there_and_nowhere_else(hub):
    for how in ("plan", "apply"):
        status, found = applied(hub, compose("new", SITE), how)
        assert (status, found["created"]) == (200, ["new-web"]), found
        assert [one["node"] for one in found["changes"]] == ["box-1"]
        for text, words in (
            (compose("new", "quay-4"), "must ask for node.labels.site == quay-3"),
            (compose("new", SITE).replace("==", "!="), "must ask for"),
            (compose("there", SITE), "must ask for"),
            (
                "kind: Reservation\nname: home\nselector: tier=batch\ncpu: 0.4\n",
                "documents are for the whole fleet",
            ),
        ):
            status, found = applied(hub, text, how)
            assert (status, words in found["problems"][0]["reason"]) == (403, True), (text, found)
    assert names(hub.get("/api/v1/workloads"), "name") == ["here-web", "new-web"]


def test_what_is_taken_out_of_a_project_must_be_within(hub):
    text = compose("both", SITE) + FAR
    assert hub.ask("POST", "/api/v1/apply", files(text), "admin")[0] == 200
    status, found = applied(hub, compose("both", SITE), prune=True)
    assert (status, "both-far" in str(found)) == (403, True)
    status, found = applied(hub, compose("both", SITE))
    assert (status, found["orphans"]) == (200, []), "what is not seen is not named"


FAR = """\
  far:
    image: localhost/web:1
    deploy:
      placement:
        constraints: [node.labels.site == quay-4]
"""
SECRET = """\
    secrets: [db]
secrets:
  db: {external: true}
"""


def test_a_secret_is_used_only_where_another_gave_it_before(hub):
    with_secret = compose("here", SITE) + SECRET
    status, found = applied(hub, with_secret)
    assert (status, "has not had the secret db" in str(found)) == (403, True)
    done = hub.ask("POST", "/api/v1/apply", files(with_secret), "operator")
    assert done[0] == 200, done
    assert applied(hub, with_secret.replace("web:1", "web:2"))[0] == 200


def test_what_is_more_important_ends_nothing_of_others(hub):
    big = "    deploy: {resources: {reservations: {cpus: '3'}}}\n"
    other = f"name: far\nservices:\n  web:\n    image: localhost/web:1\n{big}"
    other += "    x-placement: {constraints: [node.hostname == host-box-1]}\n"
    done = hub.ask("POST", "/api/v1/apply", files(other), "admin")
    assert done[0] == 200, done
    vital = "name: vital\nservices:\n  web:\n    image: localhost/web:1\n" + big
    vital += f"    x-placement: {{priority: 9, constraints: [node.labels.site == {SITE}]}}\n"
    status, found = applied(hub, vital)
    assert (status, "it would change far-web" in str(found)) == (403, True), found
    assert hub.ask("POST", "/api/v1/plan", files(vital), "admin")[1]["changes"]


def test_a_node_stays_in_its_site(hub):
    path = "/api/v1/nodes/box-1/labels"
    for body in ({"set": {"site": "quay-4"}}, {"unset": ["site"]}, {"set": {"site": SITE}}):
        status, found = hub.ask("POST", path, body, "operator", SCOPE)
        assert (status, "cannot change the label site" in str(found)) == (403, True), body
    assert hub.ask("POST", path, {"set": {"rack": "b"}}, "operator", SCOPE)[0] == 200


def test_a_drain_ends_nothing_of_others_and_tells_of_no_other_node(hub):
    here = "name: far\nservices:\n  web:\n    image: localhost/web:1\n"
    here += "    x-placement: {constraints: [node.hostname == host-box-1]}\n"
    assert hub.ask("POST", "/api/v1/apply", files(here), "admin")[0] == 200
    path = "/api/v1/nodes/box-1/drain"
    status, found = hub.ask("POST", path, {"force": True}, "operator", SCOPE)
    assert (status, "it would change far-web" in str(found)) == (403, True), found
    status, found = hub.ask("POST", path, {}, "operator", SCOPE)
    assert status == 200
    assert "box-2" not in str(found)


@pytest.mark.parametrize("replicas", [1, 0])
def test_an_undo_leads_nowhere_else(hub, replicas):
    """Without an instance nothing would move at once: it would be placed outside later."""
    here = compose("here", SITE).replace("deploy:\n", f"deploy:\n      replicas: {replicas}\n")
    wide = here.replace(f"node.labels.site == {SITE}", "node.platform.arch == x86_64")
    for text in (wide.replace("web:1", "web:2"), here.replace("web:1", "web:3")):
        done = hub.ask("POST", "/api/v1/apply", files(text), "admin")
        assert done[0] == 200, done
        hub.rig.idle()
    path = "/api/v1/workloads/here-web"
    first, outside, _ = sorted(one["number"] for one in hub.get(f"{path}/revisions")["items"])
    undo = f"{path}/rollout/undo"
    status, found = hub.ask("POST", undo, {"to": outside}, "operator", SCOPE)
    reason = found["problems"][0]["reason"]
    assert (status, f"must ask for node.labels.site == {SITE}" in reason) == (403, True), reason
    assert hub.get(path)["content"]["constraints"][0]["value"] == SITE
    assert hub.ask("POST", undo, {"to": first}, "operator", SCOPE)[0] == 200
    assert hub.ask("POST", undo, {"to": outside}, "operator")[0] == 200, "without a scope"


# --- limits ---------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_ask_again(hub):
    hub.access.of_tokens = Buckets(Rate(per_s=0.5, burst=3.0))
    statuses = [hub.ask("GET", "/api/v1/version", role="viewer")[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    headers = {"Authorization": f"Bearer {hub.token('viewer')}"}
    status, found, _ = hub.client.raw("GET", "/api/v1/version", **headers)
    assert (status, found["retry-after"]) == (429, "2")
    assert hub.ask("GET", "/api/v1/version", role="admin")[0] == 200, "others are not held up"


def test_guesses_are_held_up_and_hold_nobody_else_up(hub):
    hub.access.of_failures = Buckets(Rate(per_s=0.1, burst=2.0))
    statuses = [hub.ask("GET", "/api/v1/version", token="nonsense")[0] for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert hub.ask("GET", "/api/v1/version", role="viewer")[0] == 200


def test_an_open_route_is_asked_as_often_as_one_address_may(hub):
    hub.access.of_addresses = Buckets(Rate(per_s=0.1, burst=2.0))
    assert [hub.client.raw("GET", "/healthz")[0] for _ in range(3)] == [200, 200, 429]
    headers = {"Authorization": f"Bearer {hub.token('viewer')}"}
    assert hub.client.raw("GET", "/healthz", **headers)[0] == 200


def test_a_body_is_no_larger_than_its_route_takes(hub):
    path = "/api/v1/nodes/box-1/cordon"
    assert hub.ask("POST", path, b"x" * (64 * 1024 + 1), "operator")[0] == 413
    assert hub.ask("POST", path, b"x" * 1024, "operator")[0] == 200
    assert hub.ask("POST", "/api/v1/none", b"x" * (64 * 1024 + 1), "viewer")[0] == 413


def test_a_check_costs_a_viewer_little(hub):
    """A bound with room for a busy machine: docs/access.md has the measured time."""

    async def nothing(scope, receive, send):
        pass

    app = api.create(hub.rig.service, hub.access)
    guard = Guard(nothing, hub.access, lambda: hub.rig.service.known, lambda: app.routes)
    hub.access.of_tokens = Buckets(Rate(1e9, 1e9))
    token = hub.token("viewer", SCOPE).encode()
    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/nodes/box-1", "query_string": b"",
        "headers": [(b"host", b"h"), (b"authorization", b"Bearer " + token)],
        "client": ("10.0.0.1", 5),
    }  # fmt: skip

    async def measure():
        best = 1.0
        for _ in range(20):
            begun = time.perf_counter()
            for _ in range(50):
                await guard(dict(scope), None, None)
            best = min(best, (time.perf_counter() - begun) / 50)
        return best

    took_s = asyncio.run(measure())
    print(f"{took_s * 1e6:.1f} us")
    assert took_s < 0.0005
