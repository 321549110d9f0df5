"""The audit log's oldest rows: exported, and only then removed.

What is cut off leaves its mark: the last row's number and hash become the anchor from which the
rest is checked, and a new row, chained like all others, says so and names the export's digest.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import BinaryIO

import sqlalchemy as sa

from skerry_hub.access import audit_rows
from skerry_hub.access.audit import entry_of
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError
from skerry_wire.audit_chain import Chain, Mark, Row

FORMAT = 1
PAGE = 1000
DAY_MS = 86_400_000


@dataclasses.dataclass(slots=True)
class Export:
    """A new file, whose name is on the disk already; `whole` once all rows are in it and synced."""

    file: BinaryIO
    whole: bool = False


def checked(store: Store) -> tuple[Chain, str | None]:
    """Return the chain, and what is wrong with its first bad row. Raises StoreError."""
    with store.reading() as connection:
        return _followed(connection)


def _followed(connection: sa.Connection) -> tuple[Chain, str | None]:
    chain = Chain(audit_rows.anchor(connection))
    wrong = chain.begun()
    if wrong is not None:
        return chain, wrong
    for row in _rows(connection):
        wrong = chain.take(row)
        if wrong is not None:
            return chain, wrong
    return chain, chain.ended()


def cut(store: Store, keep_days: int, target: Export, who: str) -> tuple[int, Mark]:
    """Export the rows that are older than some days to a file, and remove them.

    Returns how many, and the anchor. Raises StoreError, also where the log is broken: then nothing
    is cut off; OSError; ValueError. Whatever comes after the export is whole, the rows may be gone.
    """
    if keep_days < 0:
        raise ValueError("--keep-days must not be less than 0")
    before_ms = int(time.time() * 1000) - keep_days * DAY_MS
    # In one transaction: nothing is added, and nobody else cuts, while the file is written.
    with store.aside() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("LOCK TABLE audit IN EXCLUSIVE MODE"))
        _, wrong = _followed(connection)
        if wrong is not None:
            raise StoreError(f"the audit log is broken, and nothing was cut off: {wrong}")
        anchor = audit_rows.anchor(connection)
        old = _until(_rows(connection), before_ms)
        count, last, digest = _exported(target, anchor, old)
        if not count:
            return 0, anchor
        facts = {
            "phase": "done", "subject": f"rows {anchor.seq + 1} to {last.seq}",
            "last_hash": last.hash, "export_sha256": digest,
        }  # fmt: skip
        audit_rows.append(connection, [entry_of(who, "audit cut", facts)], int(time.time() * 1000))
        audit_rows.cut(connection, last)
    return count, last


def _until(rows: Iterator[Row], before_ms: int) -> Iterator[Row]:
    for row in rows:
        if row.at_ms >= before_ms:
            return
        yield row


def _rows(connection: sa.Connection) -> Iterator[Row]:
    after = 0
    while page := audit_rows.page(connection, Wanted(after=after), PAGE):
        yield from page
        after = page[-1].seq


def _exported(target: Export, anchor: Mark, rows: Iterator[Row]) -> tuple[int, Mark, str]:
    """Write rows, safe from a power cut; return how many, the last, the digest of all."""
    digest, count, last = hashlib.sha256(), 0, anchor
    head = {"audit": FORMAT, "anchor": dataclasses.asdict(anchor)}

    def write(plain: object) -> None:
        line = json.dumps(plain).encode() + b"\n"
        target.file.write(line)
        digest.update(line)

    write(head)
    for row in rows:
        write(dataclasses.asdict(row))
        count, last = count + 1, row.mark
    target.file.flush()
    os.fsync(target.file.fileno())
    target.whole = count > 0
    return count, last, digest.hexdigest()
