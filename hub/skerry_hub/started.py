"""How a hub was started last, kept in its data folder: its commands need not be told it again.

No secret is in it. A command that names something of a group, or whose environment does, has the
whole group from there.
"""

from __future__ import annotations

import json
import os
import pathlib
import urllib.parse
from collections.abc import Mapping

from skerry_hub.whole_file import write_whole

FILE = "started"
MOST_BYTES = 16 * 1024
GROUPS = (("database", "database_password_file"), ("listen", "tls", "name", "public_url"))
SECRET = "database_has_a_password"  # noqa: S105 - the name of a fact, not a password
_HARMLESS = {"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"}


def facts_of(given: Mapping[str, str | None]) -> dict[str, str]:
    """Return what is to be kept of the options of `serve`."""
    found = {name: given.get(name) for group in GROUPS for name in group}
    facts = {name: value for name, value in found.items() if value}
    if _has_secret(facts.get("database", "")):
        del facts["database"]
        facts[SECRET] = "yes"
    return facts


def keep(data: pathlib.Path, facts: Mapping[str, str]) -> None:
    """Write it, where it is not so already. Raises OSError."""
    if read(data) != facts:
        write_whole(data / FILE, json.dumps(facts, indent=1).encode())


def read(data: pathlib.Path) -> dict[str, str]:
    """Return what is kept; nothing where that is none or damaged. Raises OSError."""
    try:
        handle = os.open(data / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            found = json.loads(file.read(MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError, TypeError):
        return {}
    if not isinstance(found, dict):
        return {}
    names = {SECRET, *(name for group in GROUPS for name in group)}
    return {k: v for k, v in found.items() if k in names and isinstance(v, str)}


def filled(data: pathlib.Path, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return a command's options, with what the hub was started with in place of none.

    Raises OSError, and ValueError where a password is wanted that is kept nowhere.
    """
    options, kept = dict(given), read(data)
    for group in GROUPS:
        if not any(options.get(name) for name in group):
            options |= {name: kept[name] for name in group if name in kept}
    if kept.get(SECRET) and "database" in options and not options["database"]:
        raise ValueError(
            "this hub's database has a password, which is kept nowhere: give --database as "
            "`skerry-hub serve` has it, or have it in SKERRY_HUB_DATABASE"
        )
    return options


def _has_secret(url: str) -> bool:
    """Say whether a database's URL may have a password: who cannot tell says yes."""
    try:
        parts = urllib.parse.urlsplit(url)
        query = urllib.parse.parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        return True
    # Others take all up to the last @ for name and password, with / and # in it.
    rest = f"{parts.path}{parts.query}{parts.fragment}"
    return parts.password is not None or "@" in rest or not set(query) <= _HARMLESS
