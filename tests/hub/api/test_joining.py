"""Joining over HTTP: what strangers are told, limits, tokens, what becomes of a revoked node."""

import base64
import http.client
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.hub.api.conftest import served
from tests.hub.joining.test_enrolling import TERMS, Door
from tests.hub.pki.certificates import CA, KEY, request
from tests.hub.records import capability, heartbeat, presence
from tests.hub.rig import count, until

from skerry_hub import metrics
from skerry_hub.access.access import Access
from skerry_hub.joining.enrolling import Enrolling, load
from skerry_hub.joining.rates import Rates
from skerry_hub.joining.sealing_trust import EVENT, trust
from skerry_hub.model import Liveness
from skerry_wire import topics
from skerry_wire.lifecycle import fingerprint_of

MANY = Rates(1000, 1000, 1000, 1000)


class Server:
    """The API of a rig, which lets boxes join."""

    def __init__(self, rig, folder, rates=MANY):
        self.enrolling = Enrolling(rig.store, CA, TERMS, rig.service.admission, folder)
        self.door = self.enrolling.door = Door()
        self.enrolling.trust = lambda one: trust(rig.service, one)
        access = Access(rig.store, tokens=False)
        self._served = served(rig.service, access, self.enrolling, rates)
        self.client = self._served.__enter__()
        self.port = self.client._port

    def stop(self):
        self._served.__exit__(None, None, None)

    def token(self, **fields):
        status, found = self.client.ask("POST", "/api/v1/join-tokens", fields)
        assert status == 200, found
        self.client.fits("post", "/api/v1/join-tokens", found)
        return found["token"]

    def join(self, token, key=KEY, node="box-1", **fields):
        body = {"token": token, "csr": request(key), "node": node, **fields}
        return self.client.ask("POST", "/api/v1/join", body)


@pytest.fixture
def hub(rig, tmp_path):
    hub = Server(rig, tmp_path)
    yield hub
    hub.stop()


def test_a_box_joins_and_renews(hub):
    status, found = hub.join(hub.token())
    assert status == 200
    hub.client.fits("post", "/api/v1/join", found)
    status, again = hub.client.ask("POST", "/api/v1/renew", {"csr": request()})
    assert (status, again["certificate"]) == (200, found["certificate"])
    hub.client.fits("post", "/api/v1/renew", again)


def test_everybody_may_read_the_authority(hub):
    status, headers, data = hub.client.raw("GET", "/ca.pem")
    assert (status, data) == (200, CA.pem)
    assert headers["content-type"] == "application/x-pem-file"


def test_a_hub_without_an_authority_says_so(client):
    status, found = client.ask("GET", "/ca.pem")
    assert (status, found["problems"][0]["reason"]) == (503, "no box can join here")


# --- strangers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("{", 400, None),
        ("[]", 400, None),
        ({}, 400, "token"),
        ({"token": "x" * 20, "csr": "x", "node": "box-1"}, 401, "token"),
        ({"token": "x" * 20, "csr": "x", "node": "skerry:hub"}, 400, "node"),
        ({"token": "x" * 20, "csr": "x" * 20_000, "node": "box-1"}, 400, "csr"),
        ({"token": "x" * 20, "csr": "x", "node": "box-1", "machine": ["no"]}, 400, "machine[0]"),
    ],
)
def test_what_is_no_request_to_join(hub, body, status, field):
    found, answer = hub.client.ask("POST", "/api/v1/join", body)
    assert (found, answer["problems"][0]["field"]) == (status, field)


def test_who_renews_without_having_joined_is_told_what_to_do(hub):
    status, found = hub.client.ask("POST", "/api/v1/renew", {"csr": request()})
    assert status == 403
    assert "skerry token create" in found["problems"][0]["reason"]


def test_a_token_is_never_repeated_in_an_answer(hub):
    token = hub.token()
    for body in ({"token": token + "!"}, {"token": token, "csr": 5}, {"token": [token]}):
        _, _, data = hub.client.raw("POST", "/api/v1/join", body)
        assert token[21:].encode() not in data


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(hub):
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=10)
    connection.putrequest("POST", "/api/v1/join")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_also_one_that_does_not_say_how_large_it_is(hub):
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=10)
    pieces = (b"x" * 10_000 for _ in range(7))
    connection.request("POST", "/api/v1/renew", pieces, encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert connection.getresponse().status == 413
    connection.close()


def test_who_asks_too_often_is_told_when_to_ask_again(rig, tmp_path):
    hub = Server(rig, tmp_path, Rates(0.5, 3, 1000, 1000))
    try:
        token = hub.token()
        wrong = {"token": "x" * 20, "csr": "x", "node": "a"}
        answers = [hub.client.raw("POST", "/api/v1/join", wrong) for _ in range(2)]
        assert [status for status, _, _ in answers] == [401, 429]
        assert int(answers[1][1]["retry-after"]) >= 14, "a refusal counts for ten"
        assert hub.join(token)[0] == 429
        assert hub.client.raw("GET", "/ca.pem")[0] == 200
    finally:
        hub.stop()


# --- tokens -------------------------------------------------------------------------------


def test_tokens_are_made_listed_and_revoked(hub):
    status, made = hub.client.ask(
        "POST", "/api/v1/join-tokens",
        {"ttl_s": 600, "uses": 3, "labels": {"site": "quay-3"}, "node": "box-1"},
    )  # fmt: skip
    assert status == 200
    assert (made["hub"], made["ca_pin"]) == (TERMS.hub, CA.pin)
    found = hub.client.get("/api/v1/join-tokens")["items"]
    assert found == [made["view"]]
    assert made["token"] not in json.dumps(found)
    one = found[0]
    assert (one["uses"], one["used"], one["state"], one["node"]) == (3, 0, "valid", "box-1")
    assert one["expires_at"] - one["created_at"] == 600
    status, gone = hub.client.ask("DELETE", f"/api/v1/join-tokens/{one['id']}")
    assert (status, gone["state"]) == (200, "revoked")
    assert hub.join(made["token"])[0] == 401
    assert hub.client.ask("DELETE", "/api/v1/join-tokens/none")[0] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ttl_s": 0}, "ttl_s"),
        ({"ttl_s": 1e9}, "ttl_s"),
        ({"uses": 0}, "uses"),
        ({"node": "A"}, "node"),
        ({"labels": {"a b": "c"}}, "labels.a b"),
        ({"use": 1}, "use"),
    ],
)
def test_what_is_no_request_for_a_token(hub, body, field):
    status, found = hub.client.ask("POST", "/api/v1/join-tokens", body)
    assert (status, found["problems"][0]["field"]) == (400, field)


# --- what the hub makes of it -------------------------------------------------------------


def test_a_node_has_the_labels_of_its_token_from_its_first_message_on(hub, rig):
    hub.join(hub.token(labels={"site": "quay-3"}))
    rig.join("box-1", "box-2")
    assert rig.node("box-1").labels == {"site": "quay-3"}
    assert rig.node("box-2").labels == {}
    assert hub.client.get("/api/v1/nodes?selector=site%3Dquay-3", "/api/v1/nodes")["items"][0][
        "id"
    ] == ("box-1")


def test_what_operators_changed_later_stays(hub, rig):
    hub.join(hub.token(labels={"site": "quay-3"}))
    rig.join("box-1")
    hub.client.ask("POST", "/api/v1/nodes/box-1/labels", {"unset": ["site"]})
    rig.join("box-1", seq=2)
    assert rig.node("box-1").labels == {}


def test_a_revoked_node_is_unreachable_at_once_and_not_believed_any_more(hub, rig):
    hub.join(hub.token())
    rig.join("box-1")
    rig.beat("box-1", heartbeat(seq=2))
    dropped = count("presence", "revoked")
    status, found = hub.client.ask("POST", "/api/v1/nodes/host-box-1/revoke")
    assert status == 200
    hub.client.fits("post", "/api/v1/nodes/{node}/revoke", found)
    assert found["revoked_at"] is not None
    assert rig.node().liveness is Liveness.UNREACHABLE
    assert hub.door.told[-1] == ("revoked", "box-1")
    events = hub.client.get("/api/v1/events?node=box-1", "/api/v1/events")["items"]
    assert events[-1]["kind"] == "revoked"
    said = rig.say("box-1", presence(seq=9))
    assert said.wait(5), "it is acknowledged, or the broker would bring it again"
    rig.beat("box-1", heartbeat(seq=9))
    time.sleep(2.5)
    rig.idle()
    assert rig.node().liveness is Liveness.UNREACHABLE, "also by its last sign of life"
    assert count("presence", "revoked") == dropped + 1
    assert count("heartbeat", "revoked") >= 1


def test_it_is_believed_again_once_it_has_joined_again(hub, rig):
    hub.join(hub.token())
    rig.join("box-1")
    hub.client.ask("POST", "/api/v1/nodes/box-1/revoke")
    time.sleep(0.01)
    assert hub.join(hub.token(node="box-1"))[0] == 200
    rig.join("box-1", seq=5)
    assert rig.node().liveness is Liveness.ONLINE


# --- the key to which secrets are sealed --------------------------------------------------


OWN, STRANGE = b"\x01" * 32, b"\x02" * 32


def text(key):
    return base64.b64encode(key).decode()


def test_secrets_are_sealed_to_the_key_of_the_join_and_not_to_one_that_came_by_the_broker(hub, rig):
    assert hub.join(hub.token(), sealing_key=text(OWN))[0] == 200
    rig.join("box-1", sealing_key=STRANGE)
    assert rig.node().sealing_key == OWN
    assert rig.node().other_sealing_key == STRANGE, "which is shown, and not taken"


def test_a_join_replaces_what_the_broker_told_before(hub, rig):
    assert hub.join(hub.token())[0] == 200
    rig.join("box-1", sealing_key=STRANGE)
    assert rig.node().sealing_key == STRANGE
    assert hub.join(hub.token(), sealing_key=text(OWN))[0] == 200
    assert rig.node().sealing_key == OWN
    trusted = [one.detail for one in rig.store.events() if one.kind == EVENT]
    assert trusted == [f"{fingerprint_of(OWN)}, told at its join"]


def test_it_is_known_after_a_restart_too(hub, rig):
    assert hub.join(hub.token(), sealing_key=text(OWN))[0] == 200
    assert load(rig.store).sealing_key("box-1") == OWN
    assert load(rig.store).sealing_key("box-2") is None


def test_a_node_that_never_came_is_revoked_by_its_id(hub):
    hub.join(hub.token(), node="box-7")
    assert hub.client.ask("POST", "/api/v1/nodes/box-7/revoke")[0] == 200
    found = hub.client.get("/api/v1/nodes/box-7/enrollment", "/api/v1/nodes/{node}/enrollment")
    assert [one["revoked_at"] for one in found["certificates"]] == [found["revoked_at"]]


def test_a_node_that_was_revoked_says_so_to_people_and_to_other_systems(hub, rig):
    """Until it joins again: the view on the broker follows at once, like any other change."""

    def on_broker():
        sent = rig.broker.payloads(str(topics.NodeView("box-1")))
        return json.loads(sent[-1])["revoked_at"] if sent else None

    hub.join(hub.token(node="box-1"))
    rig.join("box-1")
    shown = hub.client.get("/api/v1/nodes", "/api/v1/nodes")["items"]
    assert [(one["revoked_at"], one["revoked_by"]) for one in shown] == [(None, None)]
    assert hub.client.ask("POST", "/api/v1/nodes/box-1/revoke")[0] == 200
    (shown,) = hub.client.get("/api/v1/nodes", "/api/v1/nodes")["items"]
    assert (shown["liveness"], shown["revoked_by"]) == ("unreachable", "anonymous")
    found = hub.client.get("/api/v1/nodes/box-1/enrollment", "/api/v1/nodes/{node}/enrollment")
    assert (found["revoked_at"], found["revoked_by"]) == (shown["revoked_at"], "anonymous")
    assert load(rig.store).revocations["box-1"].by == "anonymous", "after a restart, too"
    until("the view to be published", lambda: on_broker() == shown["revoked_at"])
    assert hub.join(hub.token(node="box-1"))[0] == 200
    (shown,) = hub.client.get("/api/v1/nodes", "/api/v1/nodes")["items"]
    assert (shown["revoked_at"], shown["revoked_by"]) == (None, None)


def test_the_audit_log_leads_from_a_join_to_who_made_the_token(hub):
    text = hub.token(uses=3, labels={"site": "quay-3", "floor": "2"})
    id_ = text.split("_")[1]
    assert hub.client.ask("DELETE", f"/api/v1/join-tokens/{id_}")[0] == 200
    rows = hub.client.get("/api/v1/audit?after=0", "/api/v1/audit")["items"]
    asked, made, _, revoked = (one["content"] for one in rows)
    assert made.pop("expires_at").isdecimal()
    assert made == {
        "phase": "outcome", "of": "1", "status": "200",
        "subject": id_, "uses": "3", "labels": "floor=2,site=quay-3",
    }  # fmt: skip
    assert (revoked["subject"], revoked["status"]) == (id_, "200")
    assert asked["phase"] == "intent"
    assert text.split("_", 2)[2] not in json.dumps(rows)


def test_a_refused_token_has_an_outcome_without_facts(hub):
    assert hub.client.ask("POST", "/api/v1/join-tokens", {"labels": {"a b": "c"}})[0] == 400
    rows = hub.client.get("/api/v1/audit?after=0", "/api/v1/audit")["items"]
    assert rows[-1]["content"] == {"phase": "outcome", "of": "1", "status": "400"}


@pytest.mark.parametrize("how", ["revoke", "enrollment"])
def test_a_node_that_has_not_joined(hub, rig, how):
    method = "POST" if how == "revoke" else "GET"
    rig.join("box-1")
    for name in ("box-1", "nobody"):
        assert hub.client.ask(method, f"/api/v1/nodes/{name}/{how}")[0] == 404


def test_to_forget_a_node_shuts_it_out(hub, rig):
    hub.join(hub.token())
    rig.join("box-1")
    status, found = hub.client.ask("DELETE", "/api/v1/nodes/box-1")
    assert status == 409
    assert "skerry node revoke" in found["problems"][0]["reason"]
    assert hub.client.ask("POST", "/api/v1/renew", {"csr": request()})[0] == 200
    rig.say("box-1", presence(seq=2, online=False))
    until("it to be away", lambda: rig.node().liveness is Liveness.UNREACHABLE)
    assert hub.client.ask("DELETE", "/api/v1/nodes/box-1")[0] == 200
    assert hub.client.ask("POST", "/api/v1/renew", {"csr": request()})[0] == 403
    said = rig.say("box-1", capability(seq=3))
    assert said.wait(5)
    rig.idle()
    assert rig.node("box-1") is None


def test_who_was_shut_out_is_given_no_orders(hub, rig):
    hub.join(hub.token())
    rig.join("box-1")
    assert hub.client.apply()[0] == 200
    until("an order", lambda: len(rig.orders("box-1")) == 1)
    hub.client.ask("POST", "/api/v1/nodes/box-1/revoke")
    hub.client.ask("DELETE", "/api/v1/workloads/shop-web")
    rig.idle()
    assert len(rig.orders("box-1")) == 1, "one without it would lie on the broker for nobody"
    time.sleep(0.01)
    assert hub.join(hub.token(node="box-1"))[0] == 200
    rig.join("box-1", seq=5, accepted=1, digest=rig.node().digest)
    until("the order that it missed", lambda: len(rig.orders("box-1")) == 2)


def test_all_that_have_joined_are_listed(hub):
    assert hub.client.get("/api/v1/enrollments")["items"] == []
    other = ec.generate_private_key(ec.SECP256R1())
    hub.join(hub.token(), node="box-2")
    hub.join(hub.token(), other, "box-1")
    hub.client.ask("POST", "/api/v1/nodes/box-2/revoke")
    first, second = hub.client.get("/api/v1/enrollments")["items"]
    assert (first["node"], first["revoked_at"]) == ("box-1", None)
    assert first["expires_at"] == pytest.approx(time.time() + TERMS.life_s, abs=60)
    assert (second["node"], second["expires_at"]) == ("box-2", None)
    assert second["revoked_at"] is not None


def test_what_is_asked_is_counted(hub):
    before = metrics.JOINING.labels("/api/v1/join", "401")._value.get()
    hub.join("x" * 20)
    assert metrics.JOINING.labels("/api/v1/join", "401")._value.get() == before + 1
