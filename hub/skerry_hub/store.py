"""The hub's durable store: SQLite in a folder, or another database by URL.

The only module that speaks SQL, with its parts `decision_rows` and `rollout_rows`. Records are kept
as the bytes of the wire's codec, so that a new field needs no migration; what is looked up by has a
column. Writes come from one thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import alembic.command
import alembic.config
import alembic.util
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from skerry_hub import decision_rows, rollout_rows, tables
from skerry_hub.decisions import Keep, KeptDecision
from skerry_hub.documents import KINDS, DocumentChange, KeptDocument, Key, key_of
from skerry_hub.fleet_log import LogError
from skerry_hub.leases import Vacating
from skerry_hub.model import Assignment, Node, Workload
from skerry_hub.orders import Issued
from skerry_hub.recording import recorded
from skerry_hub.rollout.records import REVISIONS_KEPT, RevisionRecord
from skerry_hub.secret_records import Secret
from skerry_hub.state import Draft, Kept, Known, Publication
from skerry_hub.views import EventView
from skerry_wire import codec
from skerry_wire.capability import Capability
from skerry_wire.errors import WireError
from skerry_wire.messages import Presence, Report

MIGRATIONS = pathlib.Path(__file__).parent / "migrations"
MAX_RECORD_BYTES = 4 * 1024 * 1024
EVENTS_KEPT = 100_000
"""Older events are removed, a few at a time."""

FORMS = "postgresql://user@host/name or sqlite:////folder/hub.db"
CLAIM = 0x736B65727279
"""The number of the lock that a hub holds on a server's database: "skerry"."""
CLAIM_S = 3.0
SERVER_OPTIONS = {
    "connect_timeout": 10,
    # A server that is gone without a word is noticed in seconds, by both ends.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}

M = TypeVar("M")


class StoreError(Exception):
    """The database cannot be used; the text says which and why, without its password."""


class UnsupportedError(Exception):
    """The database is of another kind."""


def reason_of(error: Exception) -> str:
    """Return what a database says is wrong, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise StoreError for whatever the database raises."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database cannot be used: {reason_of(error)}") from None
    except LogError as error:
        raise StoreError(f"the database cannot be used: {error}") from None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A publication that the broker has not acknowledged yet."""

    seq: int
    publication: Publication


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
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def close(self) -> None:
        """Give the connections back."""
        if self._claim is not None:
            self._claim.close()
        self._engine.dispose()

    def load(self) -> Known:
        """Return everything that decisions need. Raises StoreError where a record is damaged."""
        with _told(), self._engine.connect() as connection:
            known = Known(
                nodes=[_node(row) for row in connection.execute(sa.select(tables.nodes))],
                workloads=[_kept(row) for row in connection.execute(sa.select(tables.workloads))],
                assignments=[
                    _read(Assignment, row.content, f"assignment {row.id}")
                    for row in connection.execute(sa.select(tables.assignments))
                ],
                orders=[
                    _read(Issued, row.content, f"order of {row.node}")
                    for row in connection.execute(sa.select(tables.orders))
                ],
                documents=[
                    _document(row) for row in connection.execute(sa.select(tables.documents))
                ],
                document_versions=_document_versions(connection),
                unplaced=decision_rows.unplaced(connection),
                vacating=[
                    _read(Vacating, row.content, f"earlier places of {row.instance}")
                    for row in connection.execute(sa.select(tables.vacating))
                ],
            )
            known.secrets = {
                row.name: _read(Secret, row.content, f"secret {row.name}")
                for row in connection.execute(sa.select(tables.secrets))
            }
            known.updates = rollout_rows.load(connection, _read)
            return known

    def setting(self, key: str, otherwise: str) -> str:
        """Return a value of the hub's own; at the first time, keep `otherwise` and return it.

        Raises StoreError.
        """
        table = tables.hub
        with _told(), self._engine.begin() as connection:
            found = connection.execute(
                sa.select(table.c.value).where(table.c.key == key)
            ).scalar_one_or_none()
            if found is not None:
                return str(found)
            connection.execute(sa.insert(table).values(key=key, value=otherwise))
            return otherwise

    # --- writing --------------------------------------------------------------------------

    def commit(self, draft: Draft, known: Known) -> list[Queued]:
        """Make a draft durable as a whole, and return what of it is to be published.

        Raises sqlalchemy.exc.SQLAlchemyError; nothing is changed then.
        """
        found = recorded(draft, known.inputs if draft.made else None)
        with self._engine.begin() as connection:
            self._put_nodes(connection, draft, known)
            self._put(connection, tables.workloads, "name", _workload_rows(draft))
            self._put(connection, tables.assignments, "id", _assignment_rows(draft))
            self._put(connection, tables.orders, "node", _packed(draft.orders.changes))
            self._put(connection, tables.vacating, "instance", _packed(draft.vacating.changes))
            self._put_documents(connection, draft)
            self._put(connection, tables.secrets, "name", _secret_rows(draft))
            decision_rows.add(connection, self._insert, found)
            rollout_rows.write(connection, self._insert, draft.updates, self._keep_revisions)
            self._add_events(connection, draft.events)
            return self._enqueue(connection, draft.outbox)

    def _put_nodes(self, connection: sa.Connection, draft: Draft, known: Known) -> None:
        # Rows of which the same columns change are one statement.
        alike: dict[tuple[str, ...], list[tuple[str, dict[str, Any] | None]]] = {}
        for node_id, node in draft.nodes.changes.items():
            values = None if node is None else _node_values(node, known.nodes.get(node_id))
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
            rows = [_history_row(change) for change in draft.document_changes]
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
            found = [_read(EventView, data, "event") for data in connection.scalars(query)]
        return tuple(reversed(found))

    def document_history(self, key: Key, limit: int) -> tuple[DocumentChange, ...]:
        """Return the newest changes of a document that is or was, newest first."""
        table = tables.document_history
        kind, name = key
        query = sa.select(table).where(table.c.kind == kind, table.c.name == name)
        query = query.order_by(table.c.version.desc()).limit(limit)
        with _told(), self._engine.connect() as connection:
            return tuple(_history(row) for row in connection.execute(query))

    def revisions(self, workload: str) -> list[RevisionRecord]:
        """Return the revisions of a workload that are kept, the newest first."""
        with _told(), self._engine.connect() as connection:
            return rollout_rows.history(connection, workload, _read)

    def revision(self, workload: str, number: int) -> RevisionRecord | None:
        """Return one revision of a workload, None where it is not kept."""
        with _told(), self._engine.connect() as connection:
            return rollout_rows.revision(connection, workload, number, _read)

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
            found = [_history(row) for row in connection.execute(query)]
        return [
            KeptDocument(document=o.document, version=o.version, created_at=o.at, updated_at=o.at)
            for o in found
        ]


def open_store(url: str, claim_s: float = CLAIM_S, keep_revisions: int = REVISIONS_KEPT) -> Store:
    """Connect, bring the tables up to date, and return the store. Raises StoreError.

    `claim_s` is how long another hub, perhaps just killed, may keep hold of a server's database;
    `keep_revisions` how many of a workload's newest revisions are kept.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = _engine(parsed)
    except UnsupportedError as error:
        raise StoreError(f"the database URL cannot be used: {error}") from None
    except (sa.exc.SQLAlchemyError, ImportError, ValueError):
        # What it says quotes the URL, which may hold a password.
        raise StoreError(f"the database URL cannot be used: it must be {FORMS}") from None
    # Options after the question mark may be a password too.
    shown = parsed.set(query={}).render_as_string(hide_password=True)
    try:
        claim = _claim(engine, claim_s)
        with engine.connect() as connection:
            _migrate(connection)
    except alembic.util.CommandError as error:
        reason = f"it was made by another version of the hub: {error}"
        raise StoreError(f"the database {shown} cannot be used: {reason}") from None
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database {shown} cannot be used: {reason_of(error)}") from None
    return Store(engine, claim, keep_revisions)


def _claim(engine: sa.Engine, claim_s: float) -> sa.Connection | None:
    """Hold a server's database against a second hub (a folder has a lock file for it)."""
    if engine.dialect.name != "postgresql":
        return None
    deadline = time.monotonic() + claim_s
    claim = engine.connect()
    while not claim.scalar(sa.select(sa.func.pg_try_advisory_lock(CLAIM))):
        claim.rollback()
        if time.monotonic() > deadline:
            claim.close()
            raise StoreError("another hub is using the database: each needs its own")
        time.sleep(0.1)  # the server may not have noticed yet that a killed one is gone
    claim.commit()
    return claim


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UnsupportedError(f"{url.get_backend_name()[:40]} is neither sqlite nor postgresql")
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(
            url, pool_pre_ping=True, hide_parameters=True, connect_args=SERVER_OPTIONS
        )
    # Values are not repeated in errors: what workloads are given may be secret.
    options = {"timeout": 10, "check_same_thread": False}
    engine = sa.create_engine(url, hide_parameters=True, connect_args=options)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # What has been acknowledged must survive a power cut: FULL syncs the log at each commit.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _migrate(connection: sa.Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
    connection.commit()


# --- records and rows ---------------------------------------------------------------------

_LARGE: dict[str, type[Any]] = {"presence": Presence, "capability": Capability, "report": Report}


def _read(kind: type[M], data: bytes, what: str) -> M:
    try:
        return codec.decode(kind, data, most=MAX_RECORD_BYTES)
    except WireError as error:
        raise StoreError(f"the {what} in the database is damaged: {error}") from None


def _node(row: Any) -> Node:
    node = _read(Node, row.record, f"record of node {row.id}")
    large = {
        name: _read(kind, getattr(row, name), f"{name} of node {row.id}")
        for name, kind in _LARGE.items()
        if getattr(row, name) is not None
    }
    return dataclasses.replace(node, **large)


def _node_values(node: Node, before: Node | None) -> dict[str, Any]:
    """Return the columns to write; a large one only when it is another object than before."""
    bare = dataclasses.replace(node, presence=None, capability=None, report=None)
    values: dict[str, Any] = {"record": codec.pack(bare)}
    for name in _LARGE:
        now = getattr(node, name)
        if before is None or now is not getattr(before, name):
            values[name] = None if now is None else codec.pack(now)
    return values


def _kept(row: Any) -> Kept:
    return Kept(
        workload=_read(Workload, row.content, f"workload {row.name}"),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _workload_rows(draft: Draft) -> Iterable[tuple[str, dict[str, Any] | None]]:
    for name, kept in draft.workloads.changes.items():
        yield (
            name,
            None
            if kept is None
            else {
                "content": codec.pack(kept.workload),
                "created_at": kept.created_at,
                "updated_at": kept.updated_at,
            },
        )


def _assignment_rows(draft: Draft) -> Iterable[tuple[str, dict[str, Any] | None]]:
    for key, one in draft.assignments.changes.items():
        yield (
            key,
            None
            if one is None
            else {
                "workload": one.workload,
                "node": one.node,
                "content": codec.pack(one),
            },
        )


def _packed(changes: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any] | None]]:
    for key, record in changes.items():
        yield key, None if record is None else {"content": codec.pack(record)}


def _secret_rows(draft: Draft) -> Iterable[tuple[str, dict[str, Any] | None]]:
    for name, secret in draft.secrets.changes.items() if draft.secrets is not None else ():
        yield name, None if secret is None else {"content": codec.pack(secret)}


def _document(row: Any) -> KeptDocument:
    return KeptDocument(
        document=_read(_kind(row), row.content, f"{row.kind} {row.name}"),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _document_versions(connection: sa.Connection) -> dict[Key, int]:
    table = tables.document_history
    newest = sa.select(table.c.kind, table.c.name, sa.func.max(table.c.version))
    found = connection.execute(newest.group_by(table.c.kind, table.c.name))
    return {(kind, name): version for kind, name, version in found}


def _kind(row: Any) -> type[Any]:
    if row.kind not in KINDS:
        raise StoreError(f"the {row.kind} {row.name} in the database is of no known kind")
    return KINDS[row.kind]


def _history_row(change: DocumentChange) -> dict[str, Any]:
    kind, name = key_of(change.document)
    return {
        "kind": kind,
        "name": name,
        "version": change.version,
        "action": change.action,
        "at": change.at,
        "who": change.who,
        "content": codec.pack(change.document),
    }


def _history(row: Any) -> DocumentChange:
    return DocumentChange(
        document=_read(_kind(row), row.content, f"version {row.version} of {row.kind} {row.name}"),
        version=row.version,
        action=row.action,
        at=row.at,
        who=row.who,
    )
