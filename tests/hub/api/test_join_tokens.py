"""Join tokens over HTTP, by role and scope: nobody lets in what he could not change."""

import pytest
from tests.hub.api.guarded import SCOPE, SITE, guarded
from tests.hub.joining.test_enrolling import TERMS, Door
from tests.hub.pki.certificates import CA, KEY, request

from skerry_hub.joining.enrolling import Enrolling

PATH = "/api/v1/join-tokens"
HERE, THERE = {"site": SITE}, {"site": "quay-4"}


@pytest.fixture
def hub(rig, tmp_path):
    enrolling = Enrolling(rig.store, CA, TERMS, rig.service.admission, tmp_path)
    enrolling.door = Door()
    with guarded(rig, enrolling=enrolling) as found:
        yield found


def make(hub, role="operator", scope="", **fields):
    return hub.ask("POST", PATH, fields, role, scope)


def made(hub, role="operator", scope="", **fields):
    status, found = make(hub, role, scope, **fields)
    assert status == 200, found
    return found


def reason_of(answer):
    status, found = answer
    return status, found["problems"][0]["field"], found["problems"][0]["reason"]


def ids(hub, scope):
    return {one["id"] for one in hub.get(PATH, "operator", scope)["items"]}


# --- scopes ---------------------------------------------------------------------------------


def test_boxes_that_join_by_a_token_of_a_scope_get_its_labels(hub):
    for labels in ({}, THERE, {"rack": "b"}):
        status, field, reason = reason_of(make(hub, scope=SCOPE, labels=labels))
        assert (status, field, f"--label {SCOPE}" in reason) == (403, "labels", True), reason
    assert made(hub, scope=SCOPE, labels={**HERE, "rack": "b"})["view"]["labels"]["rack"] == "b"
    assert ids(hub, "") == ids(hub, SCOPE), "nothing was made of what was refused"


@pytest.mark.parametrize("node", ["box-1", "box-2", "box-9"])
def test_a_token_of_a_scope_makes_none_for_a_named_node(hub, node):
    for role in ("operator", "admin"):
        status, field, _ = reason_of(make(hub, role, SCOPE, labels=HERE, node=node))
        assert (status, field) == (403, "node")
    assert ids(hub, "") == set()


def test_the_list_of_a_scope_has_its_own_tokens_alone(hub):
    here, there, any_ = (made(hub, labels=labels)["view"]["id"] for labels in (HERE, THERE, {}))
    assert ids(hub, SCOPE) == {here}
    assert ids(hub, "") == {here, there, any_}


def test_tokens_of_others_are_not_there_to_be_revoked(hub):
    here, there, any_ = (made(hub, labels=labels)["view"]["id"] for labels in (HERE, THERE, {}))
    for id_ in (there, any_, "none"):
        status, found = hub.ask("DELETE", f"{PATH}/{id_}", None, "operator", SCOPE)
        assert (status, found["problems"][0]["reason"]) == (404, f"there is no join token {id_}")
    assert hub.ask("DELETE", f"{PATH}/{here}", None, "operator", SCOPE)[0] == 200
    states = {one["id"]: one["state"] for one in hub.get(PATH, "operator", "")["items"]}
    assert states == {here: "revoked", there: "valid", any_: "valid"}


# --- roles ----------------------------------------------------------------------------------


def joined(hub, token, key=KEY):
    body = {"token": token, "csr": request(key), "node": "any"}
    return hub.client.ask("POST", "/api/v1/join", body)


def test_only_an_admin_has_a_node_that_is_there_join_with_another_key(hub):
    """It says whom the hub trusts, as `trust-key` does."""
    status, field, reason = reason_of(make(hub, node="box-1"))
    assert (status, field, "needs the role admin" in reason) == (403, "node", True)
    token = made(hub, "admin", node="box-1")["token"]
    assert joined(hub, token)[1]["node"] == "box-1"


def test_an_operator_makes_one_for_a_node_that_is_to_come(hub):
    token = made(hub, node="box-9")["token"]
    assert joined(hub, token)[1]["node"] == "box-9"
    assert make(hub, node="box-9")[0] == 403, "now it is there"
