"""Which data folder and which database a command of the hub is about: options that they share.

A password may come from a file, so that it stands neither in the environment nor on a command line.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import urllib.parse
from collections.abc import Iterable, Mapping

from skerry_hub import started

PREFIX = "SKERRY_HUB_"
USUAL_DATA = "/var/lib/skerry-hub"
"""The folder of the systemd unit, which its commands take where nothing else is said."""
MOST_PASSWORD_BYTES = 4096
MOST_WAIT_S = 3600


class DatabaseUrlError(ValueError):
    """A setting is wrong; the text names it and says what it must be."""


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add what names a hub's data folder, for a command that cannot do without."""
    found = usual_data()
    words = f"the hub's data folder; default: {USUAL_DATA}, if there [{PREFIX}DATA]"
    parser.add_argument("--data", required=found is None, default=found, metavar="DIR", help=words)


def usual_data() -> str | None:
    """Return the folder that is meant where none is named, if there is one."""
    found = os.environ.get(f"{PREFIX}DATA")
    return found or (USUAL_DATA if os.path.isdir(USUAL_DATA) else None)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what names a hub's data folder and database; each has its environment variable."""
    words = f"the hub's data folder; default: {USUAL_DATA}, if there [{PREFIX}DATA]"
    parser.add_argument("--data", default=usual_data(), metavar="DIR", help=words)
    add_named(parser, _DATABASE)


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add what names the database alone."""
    add_named(parser, _DATABASE)


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add how long a server may take that starts at the same time, as `serve` has it."""
    add_named(
        parser,
        (("database-wait", "SECONDS", "how long to wait for a database server; default: 0"),),
    )


def wait_s_of(given: Mapping[str, str | None]) -> int:
    """Return what that option says. Raises DatabaseUrlError."""
    text = given.get("database_wait") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= MOST_WAIT_S):
        raise DatabaseUrlError(f"--database-wait: {text[:80]!r} must be 0 to {MOST_WAIT_S}")
    return int(text)


_DATABASE = (
    ("database", "URL", "postgresql://user@host/name; default: that of the hub's last start"),
    (
        "database-password-file",
        "FILE",
        "a file with the password for --database, for the hub's user",
    ),
)


def add_named(parser: argparse.ArgumentParser, options: Iterable[tuple[str, str, str]]) -> None:
    """Add options of which each, its name, value and meaning, has an environment variable."""
    for name, metavar, words in options:
        variable = PREFIX + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}",
            metavar=metavar,
            default=os.environ.get(variable),
            help=f"{words} [{variable}]",
        )


def folder_and_database(given: Mapping[str, str | None]) -> tuple[pathlib.Path, str]:
    """Return what the options name, or the hub was started with. Raises DatabaseUrlError, OSError.

    What a hub was started with is its own word: have it read as its user, never as root.
    """
    data = folder_of(given)
    try:
        return data, database_of(started.filled(data, given), data)
    except ValueError as error:
        raise DatabaseUrlError(str(error)) from None


def folder_of(given: Mapping[str, str | None]) -> pathlib.Path:
    """Return the data folder. Raises DatabaseUrlError."""
    if not given.get("data"):
        raise DatabaseUrlError("--data DIR is missing: the folder in which the hub keeps all")
    return pathlib.Path(given["data"] or "").resolve()


def database_of(given: Mapping[str, str | None], data: pathlib.Path) -> str:
    """Return the database's URL, with its password. Raises DatabaseUrlError."""
    url = given.get("database") or f"sqlite:///{data / 'hub.db'}"
    file = given.get("database_password_file")
    return with_password(url, pathlib.Path(file)) if file else url


def with_password(url: str, file: pathlib.Path) -> str:
    """Return a URL with the password that a file has. Raises DatabaseUrlError."""
    option = "--database-password-file"
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_PASSWORD_BYTES + 1).decode().rstrip("\r\n")
    except OSError as error:
        raise DatabaseUrlError(f"{option} {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DatabaseUrlError(f"{option} {file}: it is no text") from None
    if not 1 <= len(text) <= MOST_PASSWORD_BYTES or any(ord(one) < 32 for one in text):
        raise DatabaseUrlError(f"{option} {file}: it must be one line, the password")
    scheme, found, rest = url.partition("://")
    user, at, where = rest.partition("@")
    if not found or scheme == "sqlite":
        raise DatabaseUrlError(f"{option}: --database is no server's; SQLite has no password")
    if not at or not user or ":" in user or "/" in user:
        raise DatabaseUrlError(
            f"{option}: --database must name a user without a password, postgresql://user@host/name"
        )
    return f"{scheme}://{user}:{urllib.parse.quote(text, safe='')}@{where}"
