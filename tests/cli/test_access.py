"""`skerry access`: tokens are made, listed and revoked."""

import json

import pytest
from tests.cli.canned import NOW, problems

from skerry_hub.api.access_routes import TokenMade, TokenView

TOKEN = TokenView(
    id="0011223344556677", name="ci", role="operator", scope="site=quay-3", created_at=NOW - 60,
    expires_at=NOW + 3600, made_by="alice", used_at=NOW - 5,
)  # fmt: skip
TEXT = "ska_0011223344556677_" + "A" * 43


def test_the_text_of_a_new_token_is_all_that_is_printed(hub, skerry):
    hub.answers["POST /api/v1/access"] = TokenMade(token=TOKEN, text=TEXT)
    words = ("access", "create", "ci", "--role", "operator", "--scope", "site=quay-3")
    done = skerry(*words, "--ttl", "30d")
    assert done.out == TEXT + "\n"
    assert "ci is operator, for site=quay-3 alone, until" in done.err
    assert hub.asked[-1].body == {
        "name": "ci", "role": "operator", "scope": "site=quay-3", "ttl_s": 30 * 86_400.0,
    }  # fmt: skip
    assert json.loads(skerry(*words, "-o", "json").out)["text"] == TEXT


@pytest.mark.parametrize(("ttl", "sent"), [("never", None), ("1h", 3600.0), (None, 90 * 86_400.0)])
def test_how_long_a_token_is_valid(hub, skerry, ttl, sent):
    hub.answers["POST /api/v1/access"] = TokenMade(token=TOKEN, text=TEXT)
    skerry("access", "create", "ci", "--role", "viewer", *(("--ttl", ttl) if ttl else ()))
    assert hub.asked[-1].body["ttl_s"] == sent


@pytest.mark.parametrize("words", [("--role", "god"), (), ("--role", "viewer", "--ttl", "soon")])
def test_what_is_no_token_is_wrong_usage(hub, skerry, words):
    skerry("access", "create", "ci", *words, code=2)
    assert hub.asked == []


def test_tokens_are_listed(hub, skerry):
    ended = TokenView(**{**vars_of(TOKEN), "name": "old", "expires_at": NOW - 1, "used_at": None})
    gone = TokenView(**{**vars_of(TOKEN), "name": "gone", "revoked_at": NOW - 1})
    ever = TokenView(**{**vars_of(TOKEN), "name": "ever", "expires_at": None, "scope": ""})
    hub.answers["GET /api/v1/access"] = [TOKEN, ended, gone, ever]
    lines = [line.split() for line in skerry("access", "list").out.splitlines()]
    assert lines[0] == ["NAME", "ID", "ROLE", "SCOPE", "STATE", "USED", "MADE", "BY"]
    assert lines[1][:5] == ["ci", "0011223344556677", "operator", "site=quay-3", "until"]
    assert lines[1][-2:] == ["5s", "alice"]
    assert lines[2][4:6] == ["expired", "-"]
    assert lines[3][4] == "revoked"
    assert lines[4][3:7] == ["-", "valid", "for", "ever"]
    assert skerry("access", "list", "-o", "name").out == "ci\nold\ngone\never\n"


def vars_of(view):
    return {name: getattr(view, name) for name in view.__dataclass_fields__}


def test_tokens_are_revoked(hub, skerry):
    hub.answers["DELETE /api/v1/access/ci"] = TOKEN
    hub.answers["DELETE /api/v1/access/x"] = problems(404, {"reason": "there is no valid token x"})
    out = skerry("access", "revoke", "ci", "-y").out
    assert out == "token ci (0011223344556677) is revoked\n"
    assert "there is no valid token x" in skerry("access", "revoke", "x", "-y", code=1).err


def test_a_role_that_is_too_small_is_said(hub, skerry):
    reason = "ci has the role operator, and this needs admin"
    hub.answers["GET /api/v1/access"] = problems(403, {"reason": reason})
    assert reason in skerry("access", "list", code=1).err
