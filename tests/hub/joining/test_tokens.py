"""The text of a token: what it is made of, and what is none."""

import hashlib
import re

import pytest

from skerry_hub.joining import tokens
from skerry_wire import codec
from skerry_wire.joining import JoinRequest

TEXT = tokens.text_of(bytes(range(8)), bytes(range(32)))


def test_a_token_tells_its_id_and_fits_the_wire():
    assert re.fullmatch("skj_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", TEXT)
    assert tokens.id_of(TEXT) == "0001020304050607"
    codec.from_plain(JoinRequest, {"token": TEXT, "csr": "x", "node": "box-1"})


def test_the_whole_text_counts():
    digest = tokens.digest_of(TEXT)
    assert digest == hashlib.sha256(TEXT.encode()).hexdigest()
    assert tokens.is_same(TEXT, digest)
    other = tokens.text_of(bytes(range(8)), bytes(range(31)) + b"x")
    assert not tokens.is_same(other, digest)
    assert not tokens.is_same(TEXT.replace("0001", "0002"), digest)


NONE = (
    "", "skj_", TEXT[:-1], TEXT + "A", TEXT.upper(), " " + TEXT, TEXT + "\n", TEXT[:-1] + "=",
    TEXT.replace("_", "-"), TEXT.replace("skj", "ska"), TEXT.replace("0001", "000g"),
    TEXT[:-1] + "\u00e9",
)  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_token(text):
    assert tokens.id_of(text) is None


@pytest.mark.parametrize(("id_", "secret"), [(b"short", bytes(32)), (bytes(8), bytes(16))])
def test_a_short_secret_makes_none(id_, secret):
    with pytest.raises(ValueError, match="8 and 32 bytes"):
        tokens.text_of(id_, secret)
