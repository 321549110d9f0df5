"""The rows of decisions and of the fleet's log. A part of the store: each call gets its connection.

Raises LogError where a row is damaged, and what the database raises.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import sqlalchemy as sa

from skerry_hub.decisions import KeptDecision
from skerry_hub.recording import Recorded, content_of, read_content
from skerry_hub.retention import Keep
from skerry_hub.tables import decision_workloads, decisions, fleet_blobs, fleet_log

SOME = 500
"""Keys in one statement."""


def add(connection: sa.Connection, insert: Callable[..., Any], found: Recorded) -> None:
    """Add what one transaction adds; `insert` is the dialect's own."""
    if found.log is None:
        return
    row = {"size": len(found.log), "content": found.log}
    log = connection.scalar(sa.insert(fleet_log).values(row).returning(fleet_log.c.seq))
    if found.blobs:
        rows = [
            {"digest": digest, "log": log, "size": len(data), "content": data}
            for digest, data in found.blobs.items()
        ]
        statement = insert(fleet_blobs)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["digest"], set_={"log": statement.excluded.log}
            ),
            rows,
        )
    if not found.decisions:
        return
    made = [
        {"log": log, "at": record.at, "content": content_of(record, answer)}
        for record, answer in found.decisions
    ]
    statement = sa.insert(decisions).returning(decisions.c.seq, sort_by_parameter_order=True)
    numbers = connection.scalars(statement, made).all()
    about = [
        {"seq": seq, "workload": name, "unplaced": answer.unplaced.get(name)}
        for seq, (_, answer) in zip(numbers, found.decisions, strict=True)
        for name in sorted(answer.workloads)
    ]
    if about:
        connection.execute(sa.insert(decision_workloads), about)


def unplaced(connection: sa.Connection) -> dict[str, int]:
    """Return how many instances found no node at the newest decision about each workload."""
    table = decision_workloads
    told = sa.select(table.c.workload, sa.func.max(table.c.seq).label("seq"))
    newest = told.where(table.c.unplaced.is_not(None)).group_by(table.c.workload).subquery()
    same = (table.c.workload == newest.c.workload) & (table.c.seq == newest.c.seq)
    rows = connection.execute(sa.select(table.c.workload, table.c.unplaced).join(newest, same))
    return {name: count for name, count in rows if count}


def newest(
    connection: sa.Connection, workload: str | None, before: int | None, limit: int
) -> list[KeptDecision]:
    """Return the newest decisions, of a workload, and before a number, the newest first."""
    query = sa.select(decisions).order_by(decisions.c.seq.desc()).limit(limit)
    if workload is not None:
        mine = sa.select(decision_workloads.c.seq).where(decision_workloads.c.workload == workload)
        query = query.where(decisions.c.seq.in_(mine))
    if before is not None:
        query = query.where(decisions.c.seq < before)
    return [_decision(row) for row in connection.execute(query)]


def one(connection: sa.Connection, seq: int) -> KeptDecision | None:
    """Return a decision, None where there is none of this number."""
    row = connection.execute(sa.select(decisions).where(decisions.c.seq == seq)).one_or_none()
    return None if row is None else _decision(row)


def newest_log(connection: sa.Connection) -> int:
    """Return the number of the newest transaction in the log, 0 where there is none."""
    return connection.scalar(sa.select(sa.func.max(fleet_log.c.seq))) or 0


def log(connection: sa.Connection, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """Yield the packed entries of the log's transactions from `last` back to `first`."""
    query = sa.select(fleet_log.c.seq, fleet_log.c.content)
    query = query.where(fleet_log.c.seq.between(first, last)).order_by(fleet_log.c.seq.desc())
    for seq, content in connection.execution_options(yield_per=100).execute(query):
        yield seq, bytes(content)


def blobs(connection: sa.Connection, digests: Collection[str]) -> dict[str, bytes]:
    """Return what is kept under digests, as far as it is."""
    wanted = sorted(digests)
    found: dict[str, bytes] = {}
    for start in range(0, len(wanted), SOME):
        some = fleet_blobs.c.digest.in_(wanted[start : start + SOME])
        rows = connection.execute(
            sa.select(fleet_blobs.c.digest, fleet_blobs.c.content).where(some)
        )
        found.update((digest, bytes(content)) for digest, content in rows)
    return found


def trim(connection: sa.Connection, keep: Keep, now: float) -> None:
    """Remove the oldest decisions beyond those that are kept, and what only they needed."""
    newest_seq = connection.scalar(sa.select(sa.func.max(decisions.c.seq))) or 0
    too_old = (decisions.c.seq <= newest_seq - keep.most) | (
        decisions.c.at < now - keep.days * 86_400
    )
    last = connection.scalar(sa.select(sa.func.max(decisions.c.seq)).where(too_old)) or 0
    connection.execute(sa.delete(decisions).where(decisions.c.seq <= last))
    connection.execute(sa.delete(decision_workloads).where(decision_workloads.c.seq <= last))
    first = connection.scalar(sa.select(sa.func.min(decisions.c.log)))
    if first is None:
        first = newest_log(connection) + 1
    _forget_before(connection, max(first, _fitting(connection, keep.most_bytes)))


def _fitting(connection: sa.Connection, most_bytes: int) -> int:
    """Return the number from which on the log takes no more than so many bytes."""
    sizes = [
        sa.select(table.c[key].label("log"), table.c.size)
        for table, key in ((fleet_log, "seq"), (fleet_blobs, "log"))
    ]
    both = sa.union_all(*sizes).subquery()
    each = sa.select(both.c.log, sa.func.sum(both.c.size)).group_by(both.c.log)
    taken = 0
    for seq, size in connection.execute(each.order_by(both.c.log.desc())):
        taken += int(size)
        if taken > most_bytes:
            return int(seq) + 1
    return 0


def _forget_before(connection: sa.Connection, first: int) -> None:
    connection.execute(sa.delete(fleet_log).where(fleet_log.c.seq < first))
    connection.execute(sa.delete(fleet_blobs).where(fleet_blobs.c.log < first))


def _decision(row: Any) -> KeptDecision:
    record, answer = read_content(row.content, f"decision {row.seq}")
    return KeptDecision(seq=row.seq, log=row.log, record=record, answer=answer)
