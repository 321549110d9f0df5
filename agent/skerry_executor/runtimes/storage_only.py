"""Reads what podman lists of its storage that is no container to it (`external`). Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from skerry_executor.leftovers import Leftover

STATE = "storage"


def parse(entries: Sequence[Any], now: float) -> tuple[Leftover, ...]:
    """Return what has a name and a time; what cannot be read is left alone."""
    return tuple(_each(entries, now))


def _each(entries: Sequence[Any], now: float) -> Iterator[Leftover]:
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("State") != STATE:
            continue
        names, number, made = entry.get("Names"), entry.get("Id"), entry.get("Created")
        if not (isinstance(names, list) and len(names) == 1 and isinstance(names[0], str)):
            continue
        if not isinstance(number, str) or not isinstance(made, str):
            continue
        try:
            made_at = datetime.datetime.fromisoformat(made).timestamp()
        except (ValueError, OverflowError):
            continue
        yield Leftover(id=number, name=names[0], age_s=now - made_at)
