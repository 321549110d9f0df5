"""The audit log in the database: rows are added at its end, and cut off at its beginning.

Nothing here changes a row. Raises what its connection does.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from skerry_hub import tables
from skerry_hub.store_error import StoreError
from skerry_wire.audit_chain import BEGINNING, Mark, Row, content_text, hash_of

ANCHOR = "audit-anchor"
"""The setting that holds the number and hash of the last row that was cut off."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What a new row shall say."""

    who: str
    action: str
    content: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are asked for: after a number, and since when, by whom, of what."""

    after: int = 0
    since_ms: int = 0
    who: str = ""
    action: str = ""


def append(connection: sa.Connection, entries: Iterable[Entry], at_ms: int) -> list[Row]:
    """Add rows, in a transaction in which nobody else adds any."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE audit IN EXCLUSIVE MODE"))
    before = head(connection)
    rows: list[Row] = []
    for entry in entries:
        who, action, seq = entry.who[:253], entry.action[:253], before.seq + 1
        hash_ = hash_of(before.hash, seq, at_ms, who, action, entry.content)
        rows.append(
            Row(seq=seq, at_ms=at_ms, who=who, action=action, content=entry.content, hash=hash_)
        )
        before = rows[-1].mark
    if rows:
        connection.execute(sa.insert(tables.audit), [_values(row) for row in rows])
    return rows


def head(connection: sa.Connection) -> Mark:
    """Return the newest row's place, or the anchor's where there is none."""
    table = tables.audit
    newest = sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
    found = connection.execute(newest).first()
    return anchor(connection) if found is None else Mark(seq=found.seq, hash=found.hash)


def anchor(connection: sa.Connection) -> Mark:
    """Return what stands before the first row that is kept."""
    table = tables.hub
    text = connection.scalar(sa.select(table.c.value).where(table.c.key == ANCHOR))
    if text is None:
        return BEGINNING
    seq, _, hash_ = str(text).partition(":")
    return Mark(seq=int(seq), hash=hash_)


def page(connection: sa.Connection, wanted: Wanted, most: int) -> list[Row]:
    """Return rows, the oldest first. Raises StoreError where one is damaged."""
    table = tables.audit
    query = sa.select(table).where(table.c.seq > wanted.after).order_by(table.c.seq).limit(most)
    if wanted.since_ms:
        query = query.where(table.c.at >= wanted.since_ms / 1000)
    if wanted.who:
        query = query.where(table.c.who == wanted.who)
    if wanted.action:
        query = query.where(table.c.action.contains(wanted.action, autoescape=True))
    return [_row(one) for one in connection.execute(query)]


def newest(connection: sa.Connection, wanted: Wanted, most: int) -> list[Row]:
    """Return the newest rows of those that are asked for, the oldest of them first."""
    table = tables.audit
    query = sa.select(table.c.seq).where(table.c.seq > wanted.after).order_by(table.c.seq.desc())
    if wanted.since_ms:
        query = query.where(table.c.at >= wanted.since_ms / 1000)
    if wanted.who:
        query = query.where(table.c.who == wanted.who)
    if wanted.action:
        query = query.where(table.c.action.contains(wanted.action, autoescape=True))
    numbers: Sequence[int] = connection.scalars(query.limit(most)).all()
    if not numbers:
        return []
    return page(connection, dataclasses.replace(wanted, after=numbers[-1] - 1), most)


def cut(connection: sa.Connection, last: Mark) -> None:
    """Take away the rows up to one, whose place becomes the anchor."""
    hub, table = tables.hub, tables.audit
    connection.execute(sa.delete(hub).where(hub.c.key == ANCHOR))
    connection.execute(sa.insert(hub).values(key=ANCHOR, value=str(last)))
    connection.execute(sa.delete(table).where(table.c.seq <= last.seq))


def _values(row: Row) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": row.at_ms / 1000,
        "who": row.who,
        "action": row.action,
        "content": content_text(row.content),
        "hash": row.hash,
    }


def _row(found: Any) -> Row:
    try:
        content = json.loads(found.content)
    except ValueError:
        raise StoreError(f"row {found.seq} of the audit log is damaged: it is not JSON") from None
    return Row(
        seq=found.seq,
        at_ms=round(found.at * 1000),
        who=found.who,
        action=found.action,
        content=content,
        hash=found.hash,
    )
