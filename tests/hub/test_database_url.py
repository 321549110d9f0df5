"""Which folder and database is meant, and a password that comes from a file."""

import pathlib

import pytest
import sqlalchemy as sa

from skerry_hub.database_url import (
    DatabaseUrlError,
    folder_and_database,
    wait_s_of,
    with_password,
)

URL = "postgresql://skerry@db:5432/skerry?sslmode=require"


def test_without_a_database_it_is_a_file_of_the_folder(tmp_path):
    data, url = folder_and_database({"data": str(tmp_path)})
    assert data == tmp_path
    assert url == f"sqlite:///{tmp_path / 'hub.db'}"
    assert folder_and_database({"data": str(tmp_path), "database": URL})[1] == URL


def test_without_a_folder_it_is_refused():
    with pytest.raises(DatabaseUrlError, match="--data DIR is missing"):
        folder_and_database({"data": None})


@pytest.mark.parametrize("password", ["geheim", "a/b@c:d%20?#&=", "ü\t".strip()])
def test_a_password_comes_from_a_file_whatever_is_in_it(tmp_path, password):
    file = tmp_path / "password"
    file.write_text(password + "\n")
    given = {"data": "x", "database": URL, "database_password_file": str(file)}
    parsed = sa.make_url(folder_and_database(given)[1])
    assert parsed.password == password
    assert (parsed.username, parsed.host, parsed.port) == ("skerry", "db", 5432)
    assert parsed.query == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("content", "url", "says"),
    [
        (None, URL, "No such file"),
        (b"", URL, "one line"),
        (b"a\nb\n", URL, "one line"),
        (b"x" * 5000, URL, "one line"),
        (b"\xff", URL, "no text"),
        (b"x", "sqlite:///hub.db", "SQLite has no password"),
        (b"x", "postgresql://db/skerry", "name a user"),
        (b"x", "postgresql://skerry:other@db/skerry", "without a password"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(tmp_path, content, url, says):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DatabaseUrlError, match=says) as error:
        with_password(url, pathlib.Path(file))
    assert "other" not in str(error.value)


def test_how_long_a_server_is_waited_for():
    assert [wait_s_of({"database_wait": text}) for text in (None, "", "60", "3600")] == [
        0,
        0,
        60,
        3600,
    ]
    for wrong in ("-1", "3601", "1.5", "x", "\u0663"):
        with pytest.raises(DatabaseUrlError, match="--database-wait"):
            wait_s_of({"database_wait": wrong})
