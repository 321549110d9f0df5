"""`skerry token`, `skerry node revoke` and `skerry node certificates`."""

import dataclasses
import json
import shlex

import pytest
import yaml
from tests.cli.canned import NOW, unknown

from skerry_cli.words import moment
from skerry_hub.joining.views import (
    CertificateView,
    EnrolledView,
    EnrollmentView,
    JoinTokenMade,
    JoinTokenView,
)

TEXT = "skj_4f1c0e6a2b9d8375_" + "x" * 43
PIN = "sha256:" + "a1" * 32
VIEW = JoinTokenView(
    id="4f1c0e6a2b9d8375",
    created_at=NOW,
    expires_at=NOW + 3600,
    uses=1,
    used=0,
    state="valid",
    labels={"site": "quay-3"},
    made_by="alice",
)
MADE = JoinTokenMade(token=TEXT, view=VIEW, hub="https://hub.example:8443", ca_pin=PIN)
LINE = f"sudo skerry-agent join https://hub.example:8443 --token {TEXT} --ca-pin {PIN}\n"
ENROLLED = EnrollmentView(
    node="box-1",
    joined_at=NOW - 600,
    key_digest="ab" * 32,
    let_in_by="alice",
    labels={"site": "quay-3"},
    certificates=(
        CertificateView(serial="1f", issued_at=NOW - 60, expires_at=NOW + 600),
        CertificateView(
            serial="1e", issued_at=NOW - 600, expires_at=NOW - 1, join_token="4f1c0e6a2b9d8375"
        ),
        CertificateView(serial="1d", issued_at=NOW - 600, expires_at=NOW + 1, revoked_at=NOW - 5),
    ),
)


def test_one_command_line_is_printed_and_nothing_else(skerry, hub):
    hub.answers["POST /api/v1/join-tokens"] = MADE
    done = skerry("token", "create", "--ttl", "1h", "--uses", "1", "--label", "site=quay-3")
    assert done.out == LINE
    assert "for one box, until 20" in done.err
    assert TEXT not in done.err
    assert hub.asked[-1].body == {
        "ttl_s": 3600.0, "uses": 1, "labels": {"site": "quay-3"}, "node": None,
    }  # fmt: skip


def test_for_several_boxes_or_for_one_node(skerry, hub):
    many = dataclasses.replace(MADE, view=dataclasses.replace(VIEW, uses=40))
    hub.answers["POST /api/v1/join-tokens"] = many
    done = skerry("token", "create", "--ttl", "1d", "--uses", "40", "-l", "a=b", "-l", "c=d")
    assert "for 40 boxes" in done.err
    assert hub.asked[-1].body["labels"] == {"a": "b", "c": "d"}
    one = dataclasses.replace(MADE, view=dataclasses.replace(VIEW, node="box-7"))
    hub.answers["POST /api/v1/join-tokens"] = one
    assert "for node box-7" in skerry("token", "create", "--node", "box-7").err


@pytest.mark.parametrize(("form", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_for_programs_it_has_all_parts_and_the_command(skerry, hub, form, load):
    hub.answers["POST /api/v1/join-tokens"] = MADE
    found = load(skerry("token", "create", "-o", form).out)
    assert found["command"] == LINE.strip()
    assert (found["token"], found["hub"], found["ca_pin"]) == (TEXT, MADE.hub, PIN)
    assert found["view"]["id"] == VIEW.id


def test_what_the_hub_says_cannot_add_words_to_the_command(skerry, hub):
    hub.answers["POST /api/v1/join-tokens"] = dataclasses.replace(MADE, hub="https://x; rm -rf /")
    words = shlex.split(skerry("token", "create").out)
    assert words[3] == "https://x; rm -rf /"


def test_a_hub_without_tls_is_said(skerry, hub):
    plain = dataclasses.replace(MADE, hub="http://127.0.0.1:8440")
    hub.answers["POST /api/v1/join-tokens"] = plain
    assert "they join by https alone" in skerry("token", "create").err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--ttl", "1s"), "60 s to"),
        (("--uses", "0"), "1<=x<=100000"),
        (("--label", "site"), "neither KEY=VALUE nor KEY-"),
        (("--label", "site-"), "no label to be taken away"),
    ],
)
def test_wrong_usage(skerry, words, says):
    assert says in skerry("token", "create", *words, code=2).err


def test_tokens_are_listed(skerry, hub):
    used = dataclasses.replace(VIEW, id="0" * 16, uses=3, used=3, state="used up", labels={},
                               made_by="")  # fmt: skip
    hub.answers["GET /api/v1/join-tokens"] = [VIEW, used]
    heading, first, second = skerry("token", "list").out.splitlines()
    assert heading.split()[:4] == ["ID", "STATE", "USED", "NODE"]
    assert first.split()[:6] == [VIEW.id, "valid", "0/1", "-", "site=quay-3", "alice"]
    assert "used up" in second
    assert "3/3" in second
    assert skerry("token", "list", "-o", "name").out == f"token/{VIEW.id}\ntoken/{'0' * 16}\n"
    hub.answers["GET /api/v1/join-tokens"] = []
    assert skerry("token", "list").err == "there are no tokens\n"


def test_all_that_are_named_are_revoked_whatever_is_said_of_some(skerry, hub):
    hub.answers |= {
        "DELETE /api/v1/join-tokens/none": unknown("join token none"),
        f"DELETE /api/v1/join-tokens/{VIEW.id}": dataclasses.replace(VIEW, state="revoked"),
    }
    done = skerry("token", "revoke", "none", VIEW.id, code=1)
    assert done.out == f"token/{VIEW.id} revoked\n"
    assert "there is no join token none" in done.err


def test_nodes_are_shut_out(skerry, hub):
    hub.answers |= {
        "POST /api/v1/nodes/box-1/revoke": ENROLLED,
        "POST /api/v1/nodes/box-2/revoke": unknown("node box-2"),
    }
    done = skerry("node", "revoke", "box-2", "box-1", "--yes", code=1)
    assert done.out == "node/box-1 revoked\n"
    assert "there is no node box-2" in done.err


def test_what_is_shown_of_a_nodes_certificates(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-1/enrollment"] = ENROLLED
    told = skerry("node", "certificates", "box-1").out
    assert f"sha256:{'ab' * 32}" in told
    assert "site=quay-3" in told
    rows = [line.split() for line in told.splitlines()[-3:]]
    assert [row[:2] for row in rows] == [["1f", "valid"], ["1e", "expired"], ["1d", "revoked"]]
    assert "Revoked" not in told
    assert "token 4f1c0e6a2b9d8375" in told
    found = json.loads(skerry("node", "certificates", "box-1", "-o", "json").out)
    assert found["certificates"][0]["serial"] == "1f"
    gone = dataclasses.replace(
        ENROLLED, revoked_at=NOW, revoked_by="bob"
    )  # as the hub says it afterwards
    hub.answers["GET /api/v1/nodes/box-1/enrollment"] = gone
    assert f"{moment(NOW)} by bob" in skerry("node", "certificates", "box-1").out


LISTED = (
    EnrolledView(node="box-1", joined_at=NOW - 600, let_in_by="alice", expires_at=NOW + 600),
    EnrolledView(node="box-2", joined_at=NOW - 600, revoked_at=NOW - 60),
    EnrolledView(node="box-3", joined_at=NOW - 600),
)


def test_without_a_name_all_that_have_joined_are_listed(skerry, hub):
    hub.answers["GET /api/v1/enrollments"] = list(LISTED)
    rows = [line.split() for line in skerry("node", "certificates").out.splitlines()]
    assert rows[0] == ["NODE", "STATE", "EXPIRES", "JOINED", "LET", "IN", "BY"]
    assert [row[:2] for row in rows[1:]] == [
        ["box-1", "valid"], ["box-2", "revoked"], ["box-3", "expired"],
    ]  # fmt: skip
    assert len(json.loads(skerry("node", "certificates", "-o", "json").out)["items"]) == 3
    hub.answers["GET /api/v1/enrollments"] = []
    assert skerry("node", "certificates").err == "no node has joined with a token\n"
