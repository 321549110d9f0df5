"""The hub's durable store: SQLite in a folder, or another database by URL.

The only module that speaks SQL, with its parts: `store_opening`, and those that end in `_rows`.
Writes come from one thread, but for those that go `aside`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from skerry_hub import decision_rows, rollout_rows, setting_rows, store_rows, tables
from skerry_hub.decisions import KeptDecision
from skerry_hub.documents import DocumentChange, KeptDocument, Key
from skerry_hub.fleet_log import LogError
from skerry_hub.leases import Vacating
from skerry_hub.model import Assignment
from skerry_hub.orders import Issued
from skerry_hub.recording import recorded
from skerry_hub.retention import REVISIONS_KEPT, Keep
from skerry_hub.rollout.images import earlier_revisions
from skerry_hub.rollout.records import RevisionRecord
from skerry_hub.secret_records import Secret
from skerry_hub.state import Draft, Known, Publication
from skerry_hub.store_error import StoreError, reason_of
from skerry_hub.store_rows import Queued
from skerry_hub.views import EventView
from skerry_wire import codec

EVENTS_KEPT = 100_000
"""Older events are removed, a few at a time."""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise StoreError for whatever the database raises."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database cannot be used: {reason_of(error)}") from None
    except LogError as error:
        raise StoreError(f"the database cannot be used: {error}") from None


class Store:
    """One database. `open_store` makes it ready."""

    def __init__(
        self,
        engine: sa.Engine,
        claim: sa.Connection | None = None,
        keep_revisions: int = REVISIONS_KEPT,
    ) -> None:
        self._engine = engine
        self._keep_revisions = keep_revisions
        self._claim = claim
        self._aside = threading.Lock()
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    @contextlib.contextmanager
    def aside(self) -> Iterator[sa.Connection]:
        """Give a transaction to whoever keeps tables that the writer's thread does not.

        Any thread; they go one after the other. Raises StoreError.
        """
        with self._aside, _told(), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                # Else one that has read first could not write after the writer has written.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        if self._claim is not None:
            self._claim.close()
        self._engine.dispose()

    def load(self) -> Known:
        """Return everything that decisions need. Raises StoreError where a record is damaged."""
        with _told(), self._engine.connect() as connection:
            known = Known(
                nodes=[store_rows.node(row) for row in connection.execute(sa.select(tables.nodes))],
                workloads=[
                    store_rows.kept(row) for row in connection.execute(sa.select(tables.workloads))
                ],
                assignments=[
                    store_rows.read(Assignment, row.content, f"assignment {row.id}")
                    for row in connection.execute(sa.select(tables.assignments))
                ],
                orders=[
                    store_rows.read(Issued, row.content, f"order of {row.node}")
                    for row in connection.execute(sa.select(tables.orders))
                ],
                documents=[
                    store_rows.document(row)
                    for row in connection.execute(sa.select(tables.documents))
                ],
                document_versions=store_rows.document_versions(connection),
                unplaced=decision_rows.unplaced(connection),
                vacating=[
                    store_rows.read(Vacating, row.content, f"earlier places of {row.instance}")
                    for row in connection.execute(sa.select(tables.vacating))
                ],
            )
            known.secrets = {
                row.name: store_rows.read(Secret, row.content, f"secret {row.name}")
                for row in connection.execute(sa.select(tables.secrets))
            }
            known.approvals = store_rows.approvals(connection)
            known.updates = rollout_rows.load(connection, store_rows.read)
            earlier = earlier_revisions(known)
            known.updates.images = rollout_rows.images(connection, earlier, store_rows.read)
            return known

    def setting(self, key: str, otherwise: str) -> str:
        """Return a value of the hub's own; at the first time, keep `otherwise` and return it.

        Raises StoreError.
        """
        with _told(), self._engine.begin() as connection:
            return setting_rows.setting(connection, key, otherwise)

    def set_setting(self, key: str, value: str) -> None:
        """Keep a value of the hub's own in place of an earlier one. Raises StoreError."""
        with _told(), self._engine.begin() as connection:
            setting_rows.put_setting(connection, key, value)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection to look with. Raises StoreError."""
        with _told(), self._engine.connect() as connection:
            yield connection

    # --- writing --------------------------------------------------------------------------

    def commit(self, draft: Draft, known: Known) -> list[Queued]:
        """Make a draft durable as a whole, and return what of it is to be published.

        Raises sqlalchemy.exc.SQLAlchemyError; nothing is changed then.
        """
        found = recorded(draft, known.inputs if draft.made else None)
        with self._engine.begin() as connection:
            self._put_nodes(connection, draft, known)
            self._put(connection, tables.workloads, "name", store_rows.workload_rows(draft))
            self._put(connection, tables.assignments, "id", store_rows.assignment_rows(draft))
            for table, key, changes in (
                (tables.orders, "node", draft.orders.changes),
                (tables.vacating, "instance", draft.vacating.changes),
                (tables.approvals, "id", draft.approvals.changes),
            ):
                self._put(connection, table, key, store_rows.packed(changes))
            self._put_documents(connection, draft)
            self._put(connection, tables.secrets, "name", store_rows.secret_rows(draft))
            self._put(
                connection, tables.approvals, "id", store_rows.packed(draft.approvals.changes)
            )
            decision_rows.add(connection, self._insert, found)
            rollout_rows.write(connection, self._insert, draft.updates, self._keep_revisions)
            self._add_events(connection, draft.events)
            return self._enqueue(connection, draft.outbox)

    def _put_nodes(self, connection: sa.Connection, draft: Draft, known: Known) -> None:
        # Rows of which the same columns change are one statement.
        alike: dict[tuple[str, ...], list[tuple[str, dict[str, Any] | None]]] = {}
        for node_id, node in draft.nodes.changes.items():
            values = (
                None if node is None else store_rows.node_values(node, known.nodes.get(node_id))
            )
            alike.setdefault(tuple(values or ()), []).append((node_id, values))
        for rows in alike.values():
            self._put(connection, tables.nodes, "id", rows)

    def _put(
        self,
        connection: sa.Connection,
        table: sa.Table,
        key: str,
        rows: Iterable[tuple[str, dict[str, Any] | None]],
    ) -> None:
        gone, there = [], []
        for name, values in rows:
            if values is None:
                gone.append(name)
            else:
                there.append({key: name, **values})
        for start in range(0, len(gone), 500):
            some = gone[start : start + 500]
            connection.execute(sa.delete(table).where(table.c[key].in_(some)))
        if there:
            statement = self._insert(table)
            updated = {name: statement.excluded[name] for name in there[0] if name != key}
            updated.pop("created_at", None)
            connection.execute(
                statement.on_conflict_do_update(index_elements=[key], set_=updated), there
            )

    def _put_documents(self, connection: sa.Connection, draft: Draft) -> None:
        table = tables.documents
        # Few are ever changed at once, so that each may be a statement.
        for (kind, name), kept in draft.documents.changes.items():
            if kept is None:
                row = (table.c.kind == kind) & (table.c.name == name)
                connection.execute(sa.delete(table).where(row))
                continue
            values = {
                "version": kept.version,
                "content": codec.pack(kept.document),
                "created_at": kept.created_at,
                "updated_at": kept.updated_at,
            }
            statement = self._insert(table).values(kind=kind, name=name, **values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["kind", "name"], set_=values)
            )
        if draft.document_changes:
            rows = [store_rows.history_row(change) for change in draft.document_changes]
            connection.execute(sa.insert(tables.document_history), rows)

    def _add_events(self, connection: sa.Connection, events: Sequence[EventView]) -> None:
        if not events:
            return
        rows = [
            {
                "id": e.id,
                "node": e.node,
                "workload": e.workload,
                "at": e.at,
                "content": codec.pack(e),
            }
            for e in events
        ]
        statement = self._insert(tables.events).on_conflict_do_nothing(index_elements=["id"])
        connection.execute(statement, rows)

    def _enqueue(self, connection: sa.Connection, added: Sequence[Publication]) -> list[Queued]:
        """Add to the outbox. Of a topic that is retained only the newest counts."""
        table = tables.outbox
        retained = sorted({one.topic for one in added if one.retain})
        for start in range(0, len(retained), 500):
            some = table.c.topic.in_(retained[start : start + 500])
            connection.execute(sa.delete(table).where(some, table.c.retain == 1))
        if not added:
            return []
        rows = [
            {
                "topic": a.topic,
                "payload": a.payload,
                "retain": int(a.retain),
                "expiry_s": a.expiry_s,
            }
            for a in added
        ]
        insert = sa.insert(table).returning(table.c.seq, sort_by_parameter_order=True)
        numbers = connection.scalars(insert, rows).all()
        return [Queued(seq=n, publication=one) for n, one in zip(numbers, added, strict=True)]

    def seen_events(self, ids: Sequence[str]) -> set[str]:
        """Return which of these events are kept already."""
        table = tables.events
        found: set[str] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(ids), 500):
                some = ids[start : start + 500]
                found.update(connection.scalars(sa.select(table.c.id).where(table.c.id.in_(some))))
        return found

    def trim_events(self, most: int = EVENTS_KEPT) -> None:
        """Remove the oldest events beyond those that are kept."""
        table = tables.events
        with self._engine.begin() as connection:
            newest = connection.scalar(sa.select(sa.func.max(table.c.seq))) or 0
            connection.execute(sa.delete(table).where(table.c.seq <= newest - most))

    def trim_decisions(self, keep: Keep, now: float) -> None:
        """Remove the oldest decisions beyond those that are kept, and what only they needed."""
        with self._engine.begin() as connection:
            decision_rows.trim(connection, keep, now)

    def published(self, seqs: Sequence[int]) -> None:
        """Forget publications that the broker has acknowledged."""
        table = tables.outbox
        with self._engine.begin() as connection:
            for start in range(0, len(seqs), 500):
                some = table.c.seq.in_(seqs[start : start + 500])
                connection.execute(sa.delete(table).where(some))

    # --- reading --------------------------------------------------------------------------

    def outbox_count(self) -> int:
        """Return how many publications wait for their acknowledgement. Raises StoreError."""
        with _told(), self._engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(tables.outbox)) or 0

    def outbox(self) -> list[Queued]:
        """Return what the broker has not acknowledged, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(tables.outbox).order_by(tables.outbox.c.seq))
            return [
                Queued(
                    seq=row.seq,
                    publication=Publication(
                        topic=row.topic,
                        payload=row.payload,
                        retain=bool(row.retain),
                        expiry_s=row.expiry_s,
                    ),
                )
                for row in rows
            ]

    def events(
        self, *, node: str | None = None, workload: str | None = None, limit: int = 200
    ) -> tuple[EventView, ...]:
        """Return the newest events by when they happened, oldest first."""
        table = tables.events
        query = sa.select(table.c.content).order_by(table.c.at.desc(), table.c.seq.desc())
        query = query.limit(limit)
        if node is not None:
            query = query.where(table.c.node == node)
        if workload is not None:
            query = query.where(table.c.workload == workload)
        with _told(), self._engine.connect() as connection:
            found = [
                store_rows.read(EventView, data, "event") for data in connection.scalars(query)
            ]
        return tuple(reversed(found))

    def document_history(self, key: Key, limit: int) -> tuple[DocumentChange, ...]:
        """Return the newest changes of a document that is or was, newest first."""
        table = tables.document_history
        kind, name = key
        query = sa.select(table).where(table.c.kind == kind, table.c.name == name)
        query = query.order_by(table.c.version.desc()).limit(limit)
        with _told(), self._engine.connect() as connection:
            return tuple(store_rows.history(row) for row in connection.execute(query))

    def revisions(self, workload: str) -> list[RevisionRecord]:
        """Return the revisions of a workload that are kept, the newest first."""
        with _told(), self._engine.connect() as connection:
            return rollout_rows.history(connection, workload, store_rows.read)

    def revision(self, workload: str, number: int) -> RevisionRecord | None:
        """Return one revision of a workload, None where it is not kept."""
        with _told(), self._engine.connect() as connection:
            return rollout_rows.revision(connection, workload, number, store_rows.read)

    # --- decisions ------------------------------------------------------------------------

    def decisions(
        self, *, workload: str | None = None, before: int | None = None, limit: int = 200
    ) -> list[KeptDecision]:
        """Return the newest decisions, of a workload, and before a number, the newest first."""
        with _told(), self._engine.connect() as connection:
            return decision_rows.newest(connection, workload, before, limit)

    def decision(self, seq: int) -> KeptDecision | None:
        """Return a decision, None where there is none of this number."""
        with _told(), self._engine.connect() as connection:
            return decision_rows.one(connection, seq)

    def newest_log(self) -> int:
        """Return the number of the newest transaction in the fleet's log."""
        with _told(), self._engine.connect() as connection:
            return decision_rows.newest_log(connection)

    def fleet_log(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Yield the packed entries of the log's transactions from `last` back to `first`."""
        with _told(), self._engine.connect() as connection:
            yield from decision_rows.log(connection, first, last)

    def blobs(self, digests: Collection[str]) -> dict[str, bytes]:
        """Return what the log and decisions name by digest, as far as it is kept."""
        with _told(), self._engine.connect() as connection:
            return decision_rows.blobs(connection, digests)

    def documents_at(self, at: float) -> list[KeptDocument]:
        """Return the documents that there were at a time, by the hub's clock then."""
        table = tables.document_history
        newest = sa.select(
            table.c.kind, table.c.name, sa.func.max(table.c.version).label("version")
        )
        then = newest.where(table.c.at <= at).group_by(table.c.kind, table.c.name).subquery()
        same = (
            (table.c.kind == then.c.kind)
            & (table.c.name == then.c.name)
            & (table.c.version == then.c.version)
        )
        query = sa.select(table).join(then, same).where(table.c.action == "put")
        with _told(), self._engine.connect() as connection:
            found = [store_rows.history(row) for row in connection.execute(query)]
        return [
            KeptDocument(document=o.document, version=o.version, created_at=o.at, updated_at=o.at)
            for o in found
        ]
