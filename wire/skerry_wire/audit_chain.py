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
        self._seen: dict[int, set[str]] = {}
        for mark in seen:
            self._seen.setdefault(mark.seq, set()).add(mark.hash)
        self.head = anchor
        self.rows = 0

    def begun(self) -> str | None:
        """Return what is wrong with where the rows begin, None when nothing is."""
        anchor = self._anchor
        if anchor.seq == 0 and anchor.hash != FIRST:
            return "the log begins at the first row, and says that something stood before it"
        if self._is_another(anchor):
            return f"row {anchor.seq}, after which the log begins, is another than it was"
        return None

    def take(self, row: Row) -> str | None:
        """Go on by a row; return what is wrong with it, None when nothing is."""
        if row.seq != self.head.seq + 1:
            return f"row {row.seq} follows row {self.head.seq}: what was between is missing"
        if DAMAGED in row.content:
            return f"row {row.seq} is damaged: {row.content[DAMAGED]}"
        found = hash_of(self.head.hash, row.seq, row.at_ms, row.who, row.action, row.content)
        if found != row.hash:
            return f"row {row.seq} was changed, or what stood before it: its hash is another"
        if self._is_another(row.mark):
            return f"row {row.seq} is another than it was: the log was written anew"
        self.head = row.mark
        self.rows += 1
        return None

    def _is_another(self, mark: Mark) -> bool:
        return any(one != mark.hash for one in self._seen.get(mark.seq, ()))

    def ended(self) -> str | None:
        """Return what is wrong with where the rows end, None when nothing is."""
        last = max(self._seen, default=0)
        if last > self.head.seq:
            return f"the log ends at row {self.head.seq}, and it had row {last}: its end is missing"
        if self._anchor.seq and not self.rows:
            return (
                f"nothing follows row {self._anchor.seq}, up to which it was cut off: a cut has a "
                "row of its own, so the end is missing"
            )
        return None


@frozen(kw_only=True)
class Part:
    """Rows that follow each other, after an anchor: a log, or what was once cut off one.

    `name` is what a complaint calls it; the log itself needs none.
    """

    anchor: Mark
    rows: Iterable[Row]
    name: str = ""


@frozen(kw_only=True)
class Verdict:
    """What came of a check: how many rows are as they were, and up to where.

    `wrong` is the first thing that is. `unproven` says what nothing shows: that a row which was
    seen once stood before these, for the rows from it on to their anchor were cut off. Whoever can
    write to the log can make up an anchor, so that is no proof by itself.
    """

    rows: int
    head: Mark
    wrong: str | None = None
    unproven: str | None = None


def judged(log: Part, cut: Iterable[Part] = (), seen: Iterable[Mark] = ()) -> Verdict:
    """Check a log, with what was cut off it where that is there, against places it must pass.

    What was cut may be several parts in any order, which may overlap: each must pass through the
    places at which the others begin and end.
    """
    parts = [*sorted(cut, key=lambda one: one.anchor.seq), log]
    seen = list(seen)
    known = [*seen, *(one.anchor for one in parts)]
    checked: list[tuple[Mark, Mark]] = []
    rows = 0
    for part in parts:
        chain = Chain(part.anchor, known)
        wrong = _first_wrong(chain, part, whole=part is log)
        rows += chain.rows
        if wrong is not None:
            at = f"{part.name}: " if part.name else ""
            return Verdict(rows=rows, head=chain.head, wrong=f"{at}{wrong}")
        checked.append((part.anchor, chain.head))
        known.append(chain.head)
    return Verdict(rows=rows, head=chain.head, unproven=_unproven(checked, log.anchor, seen))


def _unproven(
    checked: Iterable[tuple[Mark, Mark]], start: Mark, seen: Iterable[Mark]
) -> str | None:
    """Return which row that was seen nothing leads from to `start`, where the log begins."""
    for anchor, head in sorted(checked, key=lambda one: one[0].seq, reverse=True):
        if anchor.seq < start.seq <= head.seq:
            start = anchor
    ended = max((head.seq for _, head in checked if head.seq < start.seq), default=0)
    first = min((mark.seq for mark in seen), default=start.seq)
    if first >= start.seq:
        return None
    lacking = f"; rows {ended + 1} to {start.seq} are in none of the files" if ended else ""
    return (
        f"row {first} was seen, and what is here begins after row {start.seq}: nothing shows that "
        f"it follows what was seen{lacking}"
    )


def _first_wrong(chain: Chain, part: Part, *, whole: bool) -> str | None:
    wrong = chain.begun()
    if wrong is not None:
        return wrong
    for row in part.rows:
        wrong = chain.take(row)
        if wrong is not None:
            return wrong
    return chain.ended() if whole else None
