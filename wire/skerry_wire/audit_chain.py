"""The audit log's chain: each row's hash covers the row and the hash before it.

Hub and command line count it by the same rule, so that who has an export needs no hub to check it.
What a row says is texts alone, which read back the same from any JSON.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated

from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Range, Text

FIRST = "0" * 64
"""Stands before the first row."""
MOST_CONTENT = 16 * 1024
DAMAGED = "damaged"
"""Only a row that cannot be read has this in its content: what is wrong with it."""

Hash = Annotated[str, Text(64, "[0-9a-f]{64}")]


@frozen(kw_only=True)
class Mark:
    """A place in the chain: a row's number, and its hash."""

    seq: Annotated[int, Range(0, 2**62)] = 0
    hash: Hash = FIRST

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


BEGINNING = Mark()


@frozen(kw_only=True)
class Row:
    """One row. `at_ms` is the hub's clock, in ms since 1970; `action` what was asked for."""

    seq: Annotated[int, Range(1, 2**62)]
    at_ms: Annotated[int, Range(0, 2**53)]
    who: Annotated[str, Text(253)]
    action: Annotated[str, Text(253)]
    content: Annotated[Mapping[str, Annotated[str, Text(MOST_CONTENT)]], Items(32)] = (
        dataclasses.field(default_factory=dict)
    )
    hash: Hash

    @property
    def mark(self) -> Mark:
        """Return its place."""
        return Mark(seq=self.seq, hash=self.hash)


def content_text(content: Mapping[str, str]) -> str:
    """Return what a row says as it is kept, and as its hash covers it."""
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"))


def hash_of(
    before: str, seq: int, at_ms: int, who: str, action: str, content: Mapping[str, str]
) -> str:
    """Return a row's hash."""
    whole = json.dumps([before, seq, at_ms, who, action, content_text(content)])
    return hashlib.sha256(whole.encode()).hexdigest()


class Chain:
    """Follows rows, and says what is wrong with the first that does not belong there."""

    def __init__(self, anchor: Mark = BEGINNING, seen: Iterable[Mark] = ()) -> None:
        """`anchor` stands before the first row; `seen` are places that it must pass."""
        self._anchor = anchor
        self._seen = {mark.seq: mark.hash for mark in seen}
        self.head = anchor
        self.rows = 0

    def take(self, row: Row) -> str | None:
        """Go on by a row; return what is wrong with it, None when nothing is."""
        if row.seq != self.head.seq + 1:
            return f"row {row.seq} follows row {self.head.seq}: what was between is missing"
        if DAMAGED in row.content:
            return f"row {row.seq} is damaged: {row.content[DAMAGED]}"
        found = hash_of(self.head.hash, row.seq, row.at_ms, row.who, row.action, row.content)
        if found != row.hash:
            return f"row {row.seq} was changed, or what stood before it: its hash is another"
        if self._seen.get(row.seq, row.hash) != row.hash:
            return f"row {row.seq} is another than it was: the log was written anew"
        self.head = row.mark
        self.rows += 1
        return None

    def ended(self) -> str | None:
        """Return what is wrong with where the rows end, None when nothing is."""
        last = max(self._seen, default=0)
        if last > self.head.seq:
            return f"the log ends at row {self.head.seq}, and it had row {last}: its end is missing"
        return None

    @property
    def unproven(self) -> bool:
        """Say whether nothing that was seen before is among the rows: they were cut off since."""
        first = min(self._seen, default=0)
        return bool(self._seen) and first < self._anchor.seq
