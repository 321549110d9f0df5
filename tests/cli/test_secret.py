"""`skerry secret`, `skerry registry` and `skerry node trust-key`."""

import base64
import dataclasses
import json

import pytest
from tests.cli.canned import NOW, problems
from tests.cli.samples import NODE, NODE_DETAIL

from skerry_hub.secret_views import SecretVersionView, SecretView

VERSION = SecretVersionView(id="ab" * 8, at=NOW - 60, size_bytes=9, workloads=("shop-web",))
SECRET = SecretView(
    name="db",
    version="ab" * 8,
    size_bytes=9,
    created_at=NOW - 600,
    updated_at=NOW - 60,
    versions=(VERSION,),
    workloads=("shop-web",),
)
OLD, NEW = "0" * 32, "f" * 32


def test_a_secret_is_made_of_a_file_or_of_standard_input(skerry, hub, tmp_path):
    hub.answers["POST /api/v1/secrets/db"] = SECRET
    (tmp_path / "in").write_bytes(b"pass\x00word\n")
    assert skerry("secret", "create", "db", "--from-file", str(tmp_path / "in")).out == (
        f"secret/db created, version {'ab' * 8}\n"
    )
    skerry("secret", "create", "db", "--from-file", "-", data="typed")
    assert [base64.b64decode(one.body["content"]) for one in hub.asked] == [
        b"pass\x00word\n",
        b"typed",
    ]
    assert not any(one.body["update"] for one in hub.asked)


def test_an_update_says_what_is_to_be_applied_anew(skerry, hub):
    hub.answers["POST /api/v1/secrets/db"] = dataclasses.replace(SECRET, behind=("shop-web",))
    done = skerry("secret", "update", "db", "--from-file", "-", data="new")
    assert hub.asked[0].body["update"] is True
    assert done.err == "apply these anew to give it to them: shop-web\n"


def test_what_is_shown_of_secrets(skerry, hub):
    hub.answers |= {"GET /api/v1/secrets": [SECRET], "GET /api/v1/secrets/db": SECRET}
    heading, row = skerry("secret", "list").out.splitlines()
    assert heading.split() == ["NAME", "VERSION", "SIZE", "WORKLOADS", "BEHIND", "UPDATED"]
    assert row.split() == ["db", "ab" * 8, "9", "B", "1", "0", "60s"]
    assert "shop-web" in skerry("secret", "describe", "db").out
    assert skerry("secret", "list", "-o", "name").out == "secret/db\n"
    assert skerry("secret", "list", "-o", "name").out == "secret/db\n"
    (listed,) = json.loads(skerry("secret", "list", "-o", "json").out)["items"]
    assert listed == json.loads(skerry("secret", "describe", "db", "-o", "json").out)
    hub.answers["GET /api/v1/secrets"] = []
    assert skerry("secret", "list").err == "there are no secrets\n"


@pytest.mark.parametrize(
    ("data", "reason"), [("", "is empty"), ("x" * (32 * 1024 + 1), "is more than 32768 bytes")]
)
def test_what_is_no_secret_is_not_sent(skerry, hub, data, reason):
    done = skerry("secret", "create", "db", "--from-file", "-", data=data, code=2)
    assert reason in done.err
    assert hub.asked == []


def test_a_content_on_the_command_line_is_no_way_to_give_one(skerry, hub):
    skerry("secret", "create", "db", "--from-literal", "x", code=2)
    skerry("secret", "create", "db", "x", code=2)
    skerry("registry", "login", "r", "--username", "u", "--password", "p", code=2)
    skerry("registry", "login", "r", "--username", "u", code=2)
    assert hub.asked == []


def test_a_secret_in_use_stays(skerry, hub):
    reason = "secret db is used by shop-web"
    hub.answers["DELETE /api/v1/secrets/db"] = problems(409, {"reason": reason})
    assert reason in skerry("secret", "rm", "db", "-y", code=1).err


def test_a_registry_gets_credentials_from_standard_input(skerry, hub):
    found = dataclasses.replace(SECRET, registry="r.example:5000")
    hub.answers["POST /api/v1/registries/r.example%3A5000"] = found
    words = ("registry", "login", "r.example:5000", "--username", "ci", "--password-stdin")
    done = skerry(*words, data="pass word\n")
    assert hub.asked[0].body == {"username": "ci", "password": "pass word"}
    assert done.out == f"registry/r.example:5000 has credentials now, version {'ab' * 8}\n"
    assert done.err == "used by shop-web\n"


def test_a_key_is_trusted_by_the_fingerprint_that_was_shown(skerry, hub):
    other = dataclasses.replace(NODE, sealing_key=OLD, other_sealing_key=NEW)
    hub.answers |= {
        "GET /api/v1/nodes/box-1": dataclasses.replace(NODE_DETAIL, node=other),
        "POST /api/v1/nodes/box-1/trust-key": dataclasses.replace(NODE, sealing_key=NEW),
    }
    done = skerry("node", "trust-key", "box-1", code=2)
    assert "give -y" in done.err
    assert [one.method for one in hub.asked] == ["GET"]
    done = skerry("node", "trust-key", "box-1", "-y")
    assert hub.asked[-1].body == {"fingerprint": NEW}
    assert done.out == f"node/box-1: the key {NEW} is trusted\n"
    assert done.err.splitlines() == [f"trusted: {OLD}", f"told:    {NEW}"]
    shown = skerry("describe", "node", "box-1").out
    assert "Tells another sealing key" in shown
    assert NEW in shown


def test_there_may_be_nothing_to_trust(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-1"] = NODE_DETAIL
    assert skerry("node", "trust-key", "box-1").out == "node/box-1: it tells none\n"
    assert len(hub.asked) == 1
