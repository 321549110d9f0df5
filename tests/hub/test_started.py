"""How a hub was started is kept for its commands, and nothing secret of it."""

import pytest

from skerry_hub import started

PLAIN = "postgresql://skerry@db/skerry?sslmode=verify-full"


def test_what_is_kept_is_given_where_nothing_else_is_named(tmp_path):
    given = {"database": PLAIN, "database_password_file": "/p", "listen": "0.0.0.0:8443"}
    started.keep(tmp_path, started.facts_of({**given, "name": "hub.example", "lost_after": "9"}))
    assert started.read(tmp_path) == {**given, "name": "hub.example"}
    found = started.filled(tmp_path, {"database": None, "listen": None, "data": "x"})
    assert found == {**given, "name": "hub.example", "data": "x"}
    assert started.filled(tmp_path, {"database": "sqlite:///x"})["database"] == "sqlite:///x"


def test_a_group_is_taken_whole_or_not_at_all(tmp_path):
    """The password of one database must not go to another."""
    facts = {"database": PLAIN, "database_password_file": "/p", "name": "a", "public_url": "u"}
    started.keep(tmp_path, facts)
    found = started.filled(tmp_path, {"database": "postgresql://me@other/x", "name": "b"})
    assert found == {"database": "postgresql://me@other/x", "name": "b"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://skerry:geheim@db/skerry",
        "postgresql://skerry:geheim/x@db/skerry",
        "postgresql://skerry:geheim#x@db/skerry",
        "postgresql://skerry@db/skerry?password=geheim",
        "postgresql://skerry@db/skerry?geheim",
        "postgresql://[geheim",
    ],
)
def test_no_password_is_kept_and_that_there_is_one_is_said(tmp_path, url):
    facts = started.facts_of({"database": url})
    assert facts == {started.SECRET: "yes"}
    started.keep(tmp_path, facts)
    assert "geheim" not in (tmp_path / started.FILE).read_text()
    assert (tmp_path / started.FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="kept nowhere"):
        started.filled(tmp_path, {"database": None})
    assert started.filled(tmp_path, {"database": url})["database"] == url
    # A command that is about no database needs none.
    assert started.filled(tmp_path, {"listen": None}) == {"listen": None}


@pytest.mark.parametrize("text", ["", "[1]", "nonsense", '{"listen": 5}', "[" * 16_000])
def test_what_is_damaged_says_nothing(tmp_path, text):
    (tmp_path / started.FILE).write_text(text)
    assert started.read(tmp_path) == {}


def test_it_is_written_only_where_it_changed(tmp_path):
    started.keep(tmp_path, {"listen": "a"})
    before = (tmp_path / started.FILE).stat().st_ino
    started.keep(tmp_path, {"listen": "a"})
    assert (tmp_path / started.FILE).stat().st_ino == before
    started.keep(tmp_path, {"listen": "b"})
    assert started.read(tmp_path) == {"listen": "b"}
