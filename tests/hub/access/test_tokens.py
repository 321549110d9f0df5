"""The text of a token, what is kept of it, and what is never written down."""

import pytest

from skerry_hub.access.roles import Role
from skerry_hub.access.scope import EVERYTHING
from skerry_hub.access.tokens import (
    Token,
    digest_of,
    id_of,
    text_of,
    without_secrets,
    wrong_name,
)

TEXT = text_of(bytes(range(8)), bytes(range(32)))


def test_a_token_names_its_id_and_is_kept_as_a_digest():
    assert TEXT == "ska_0001020304050607_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert id_of(TEXT) == "0001020304050607"
    assert len(digest_of(TEXT)) == 64
    assert TEXT not in digest_of(TEXT)


@pytest.mark.parametrize(
    "text",
    ["", "?", "ska_", TEXT[:-1], TEXT + "A", TEXT.upper(), " " + TEXT, TEXT + "\n", TEXT[1:],
     "skj" + TEXT[3:], TEXT.replace("A", "=")],
)  # fmt: skip
def test_what_is_no_token_has_no_id(text):
    assert id_of(text) is None


@pytest.mark.parametrize(
    ("fields", "now", "valid"),
    [
        ({}, 1e12, True),
        ({"expires_at": 100.0}, 99.9, True),
        ({"expires_at": 100.0}, 100.0, False),
        ({"revoked_at": 50.0}, 0.0, False),
    ],
)
def test_a_token_is_valid_until_its_end(fields, now, valid):
    token = Token(id="1", name="a", role=Role.VIEWER, scope=EVERYTHING, created_at=0.0, **fields)
    assert token.valid(now) is valid


def test_a_token_in_a_text_is_cut_to_its_id():
    said = without_secrets(f"DELETE /api/v1/access/{TEXT}?x=skj_0011223344556677_{'A' * 43}")
    assert said == "DELETE /api/v1/access/ska_0001020304050607...?x=skj_0011223344556677..."
    assert without_secrets("POST /api/v1/nodes/skerry-1/labels") == (
        "POST /api/v1/nodes/skerry-1/labels"
    )


@pytest.mark.parametrize("name", ["alice", "ci.deploy_2", "a@example.org", "A" * 63])
def test_names_that_can_be(name):
    assert wrong_name(name) is None


@pytest.mark.parametrize("name", ["", "-a", "a b", "a" * 64, "hub", "anonymous", "a:b", "a\n"])
def test_names_that_cannot(name):
    assert wrong_name(name)
