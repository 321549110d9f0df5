"""The audit log in the database: rows are added at its end, and cut off at its beginning.

Nothing here changes a row. Raises what its connection does.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from skerry_hub import tables
from skerry_wire.audit_chain import (
    BEGINNING,
    DAMAGED,
    FIRST,
    Mark,
    Row,
    content_text,
    hash_of,
)
from skerry_wire.codec import from_plain
from skerry_wire.errors import WireError

ANCHOR = "audit-anchor"
"""The setting that holds the number and hash of the last row that was cut off."""
MOST_SHOWN = 1000
"""How much of a damaged row is shown."""


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
    return anchor(connection) if found is None else Mark(seq=found.seq, hash=_hash(found.hash))


def anchor(connection: sa.Connection) -> Mark:
    """Return what stands before the first row that is kept."""
    table = tables.hub
    text = connection.scalar(sa.select(table.c.value).where(table.c.key == ANCHOR))
    if text is None:
        return BEGINNING
    seq, _, hash_ = str(text).partition(":")
    return Mark(seq=int(seq), hash=hash_)


def page(connection: sa.Connection, wanted: Wanted, most: int) -> list[Row]:
    """Return rows, the oldest first."""
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
    """Return a row; where somebody made another of it, one that no check takes for whole."""
    plain = {"seq": found.seq, "who": found.who, "action": found.action, "hash": found.hash}
    try:
        content = json.loads(found.content)
        row = from_plain(Row, {**plain, "at_ms": round(found.at * 1000), "content": content})
    except WireError as error:
        return _damaged(found, str(error))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return _damaged(found, "its content is not JSON, or its time is none")
    # The hash covers what the text means: two texts that mean the same must not be possible.
    if content_text(row.content) != found.content:
        return _damaged(found, "its content is written in another way than the hub writes it")
    return row


def _damaged(found: Any, reason: str) -> Row:
    return Row(
        seq=max(1, min(found.seq, 2**62)),
        at_ms=round(found.at * 1000) if _is_time(found.at) else 0,
        who=str(found.who)[:253],
        action=str(found.action)[:253],
        content={DAMAGED: reason[:MOST_SHOWN], "found": str(found.content)[:MOST_SHOWN]},
        hash=_hash(found.hash),
    )


def _hash(text: Any) -> str:
    return text if isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text) else FIRST


def _is_time(at: Any) -> bool:
    return isinstance(at, (int, float)) and 0 <= at < 2**43
