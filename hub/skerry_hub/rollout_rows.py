"""Histories and rollouts as rows. A part of `store`, which alone speaks SQL beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from skerry_hub import tables
from skerry_hub.model import Workload
from skerry_hub.rollout.records import Member, RevisionRecord, Rollout
from skerry_hub.rollout.state import DraftRollouts, Images, KnownRollouts
from skerry_wire import codec

M = TypeVar("M")
Read = Callable[[type[Any], bytes, str], Any]
"""Reads a record of a kind from bytes; the text says which one is damaged."""


def load(connection: sa.Connection, read: Read) -> KnownRollouts:
    """Return what the hub knows of rollouts, and the contents that instances still have."""
    rollouts, members, revisions = tables.rollouts, tables.rollout_instances, tables.revisions
    newest = sa.select(revisions.c.workload, sa.func.max(revisions.c.number))
    numbers = connection.execute(newest.group_by(revisions.c.workload))
    held = sa.select(revisions.c.workload, revisions.c.number, revisions.c.content).where(
        sa.exists().where(
            (members.c.workload == revisions.c.workload) & (members.c.number == revisions.c.number)
        )
    )
    return KnownRollouts(
        rollouts=[
            read(Rollout, row.content, f"rollout of {row.workload}")
            for row in connection.execute(sa.select(rollouts))
        ],
        members=[
            read(Member, row.content, f"update of {row.id}")
            for row in connection.execute(sa.select(members))
        ],
        numbers={row[0]: row[1] for row in numbers},
        contents={
            (row.workload, row.number): read(Workload, row.content, _name(row))
            for row in connection.execute(held)
        },
    )


def images(connection: sa.Connection, told: Mapping[str, set[str]], read: Read) -> Images:
    """Return the images of revisions that nodes tell of, by workload, as far as they are kept.

    Of each history no more is read than up to the oldest of them.
    """
    table = tables.revisions
    found: Images = {}
    for name, wanted in told.items():
        columns = sa.select(table.c.workload, table.c.number, table.c.content)
        newest_first = columns.where(table.c.workload == name).order_by(table.c.number.desc())
        missing = set(wanted)
        for row in connection.execute(newest_first):
            content = read(Workload, row.content, _name(row))
            if content.revision in missing:
                found.setdefault(name, {})[content.revision] = content.containers[0].image
                missing.discard(content.revision)
            if not missing:
                break
    return found


def write(
    connection: sa.Connection, insert: Callable[..., Any], draft: DraftRollouts, keep: int
) -> None:
    """Carry a draft into the rows; of what has new revisions, `keep` of the newest stay."""
    for name in sorted(draft.forgotten):
        for table in (tables.revisions, tables.rollouts, tables.rollout_instances):
            connection.execute(sa.delete(table).where(table.c.workload == name))
    _put(
        connection,
        insert,
        tables.rollouts,
        "workload",
        {
            name: None if one is None else {"content": codec.pack(one)}
            for name, one in draft.rollouts.changes.items()
        },
    )
    _put(
        connection,
        insert,
        tables.rollout_instances,
        "id",
        {
            key: None
            if one is None
            else {"workload": one.workload, "number": one.number, "content": codec.pack(one)}
            for key, one in draft.members.changes.items()
        },
    )
    for record in draft.records.values():
        _put_revision(connection, insert, record)
    for name, number in draft.records:
        one = draft.rollouts.get(name)
        _trim(connection, name, number - keep, 0 if one is None else one.stable)


def _put(
    connection: sa.Connection,
    insert: Callable[..., Any],
    table: sa.Table,
    key: str,
    rows: dict[str, dict[str, Any] | None],
) -> None:
    gone = [name for name, values in rows.items() if values is None]
    there = [{key: name, **values} for name, values in rows.items() if values is not None]
    for start in range(0, len(gone), 500):
        some = gone[start : start + 500]
        connection.execute(sa.delete(table).where(table.c[key].in_(some)))
    if there:
        statement = insert(table)
        updated = {name: statement.excluded[name] for name in there[0] if name != key}
        connection.execute(
            statement.on_conflict_do_update(index_elements=[key], set_=updated), there
        )


def _put_revision(
    connection: sa.Connection, insert: Callable[..., Any], record: RevisionRecord
) -> None:
    values = {
        "at": record.at,
        "cause": record.cause,
        "who": record.who,
        "back_to": record.back_to,
        "content": codec.pack(record.content),
    }
    key = {"workload": record.workload, "number": record.number}
    statement = insert(tables.revisions).values(**key, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["workload", "number"], set_=values)
    )


def _trim(connection: sa.Connection, name: str, last: int, stable: int) -> None:
    """Drop revisions up to the `last` one that nothing has and nothing goes back to."""
    table, members = tables.revisions, tables.rollout_instances
    held = sa.select(members.c.number).where(members.c.workload == name)
    connection.execute(
        sa.delete(table).where(
            table.c.workload == name,
            table.c.number <= last,
            table.c.number != stable,
            table.c.number.not_in(held),
        )
    )


def history(connection: sa.Connection, workload: str, read: Read) -> list[RevisionRecord]:
    """Return a workload's revisions that are kept, the newest first."""
    table = tables.revisions
    query = sa.select(table).where(table.c.workload == workload).order_by(table.c.number.desc())
    return [_revision(row, read) for row in connection.execute(query)]


def revision(
    connection: sa.Connection, workload: str, number: int, read: Read
) -> RevisionRecord | None:
    """Return one revision, None where it is not kept."""
    table = tables.revisions
    query = sa.select(table).where(table.c.workload == workload, table.c.number == number)
    row = connection.execute(query).one_or_none()
    return None if row is None else _revision(row, read)


def _revision(row: Any, read: Read) -> RevisionRecord:
    return RevisionRecord(
        workload=row.workload,
        number=row.number,
        at=row.at,
        cause=row.cause,
        who=row.who,
        back_to=row.back_to,
        content=read(Workload, row.content, _name(row)),
    )


def _name(row: Any) -> str:
    return f"revision {row.number} of {row.workload}"
