"""The hub's durable store: SQLite in a folder, or another database by URL.

The only module that speaks SQL. Records are kept as the bytes of the wire's codec, so that a new
field needs no migration; what is looked up by has a column. Writes come from one thread.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from skerry_hub import tables
from skerry_hub.model import Assignment, Node, Workload
from skerry_hub.orders import Issued
from skerry_hub.state import Draft, Kept, Known, Publication
from skerry_hub.views import EventView
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.messages import Capability, Presence, Report

MIGRATIONS = pathlib.Path(__file__).parent / "migrations"
MAX_RECORD_BYTES = 4 * 1024 * 1024
EVENTS_KEPT = 100_000
"""Older events are removed, a few at a time."""

M = TypeVar("M")


class StoreError(Exception):
    """The database cannot be used; the text says which and why, without its password."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A publication that the broker has not acknowledged yet."""

    seq: int
    publication: Publication


class Store:
    """One database. `open_store` makes it ready."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def load(self) -> Known:
        """Return everything that decisions need. Raises StoreError where a record is damaged."""
        with self._engine.connect() as connection:
            return Known(
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
            )

    def setting(self, key: str, otherwise: str) -> str:
        """Return a value of the hub's own; at the first time, keep `otherwise` and return it."""
        table = tables.hub
        with self._engine.begin() as connection:
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
        with self._engine.begin() as connection:
            self._put_nodes(connection, draft, known)
            self._put(connection, tables.workloads, "name", _workload_rows(draft))
            self._put(connection, tables.assignments, "id", _assignment_rows(draft))
            self._put(connection, tables.orders, "node", _order_rows(draft))
            self._add_events(connection, draft.events)
            return [_enqueue(connection, one) for one in draft.outbox]

    def _put_nodes(self, connection: sa.Connection, draft: Draft, known: Known) -> None:
        for node_id, node in draft.nodes.changes.items():
            if node is None:
                connection.execute(sa.delete(tables.nodes).where(tables.nodes.c.id == node_id))
                continue
            values = _node_values(node, known.nodes.get(node_id))
            statement = self._insert(tables.nodes).values(id=node_id, **values)
            statement = statement.on_conflict_do_update(index_elements=["id"], set_=values)
            connection.execute(statement)

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

    def _add_events(self, connection: sa.Connection, events: Sequence[EventView]) -> None:
        if not events:
            return
        rows = [
            {"id": e.id, "node": e.node, "workload": e.workload, "content": codec.pack(e)}
            for e in events
        ]
        statement = self._insert(tables.events).on_conflict_do_nothing(index_elements=["id"])
        connection.execute(statement, rows)

    def seen_events(self, ids: Sequence[str]) -> set[str]:
        """Return which of these events are kept already."""
        table = tables.events
        found: set[str] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(ids), 500):
                some = ids[start : start + 500]
                found.update(connection.scalars(sa.select(table.c.id).where(table.c.id.in_(some))))
        return found

    def trim_events(self) -> None:
        """Remove the oldest events beyond those that are kept."""
        table = tables.events
        with self._engine.begin() as connection:
            newest = connection.scalar(sa.select(sa.func.max(table.c.seq))) or 0
            connection.execute(sa.delete(table).where(table.c.seq <= newest - EVENTS_KEPT))

    def published(self, seqs: Sequence[int]) -> None:
        """Forget publications that the broker has acknowledged."""
        if not seqs:
            return
        with self._engine.begin() as connection:
            connection.execute(sa.delete(tables.outbox).where(tables.outbox.c.seq.in_(seqs)))

    # --- reading --------------------------------------------------------------------------

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
        """Return the newest events, oldest first."""
        table = tables.events
        query = sa.select(table.c.content).order_by(table.c.seq.desc()).limit(limit)
        if node is not None:
            query = query.where(table.c.node == node)
        if workload is not None:
            query = query.where(table.c.workload == workload)
        with self._engine.connect() as connection:
            found = [_read(EventView, data, "event") for data in connection.scalars(query)]
        return tuple(reversed(found))


def open_store(url: str) -> Store:
    """Connect, bring the tables up to date, and return the store. Raises StoreError."""
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = _engine(parsed)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise StoreError(f"the database URL cannot be used: {error}") from None
    shown = parsed.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            _migrate(connection)
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        raise StoreError(f"the database {shown} cannot be used: {reason}") from None
    return Store(engine)


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise sa.exc.ArgumentError(f"{url.get_backend_name()} is neither sqlite nor postgresql")
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    engine = sa.create_engine(url, connect_args={"timeout": 10, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # What has been acknowledged must survive a power cut: FULL syncs the log at each commit.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _migrate(connection: sa.Connection) -> None:
    import alembic.command  # noqa: PLC0415 - not needed once the hub is up
    import alembic.config  # noqa: PLC0415

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


def _order_rows(draft: Draft) -> Iterable[tuple[str, dict[str, Any] | None]]:
    for node, issued in draft.orders.changes.items():
        yield node, None if issued is None else {"content": codec.pack(issued)}


def _enqueue(connection: sa.Connection, one: Publication) -> Queued:
    done = connection.execute(
        sa.insert(tables.outbox).values(
            topic=one.topic, payload=one.payload, retain=int(one.retain), expiry_s=one.expiry_s
        )
    )
    key = done.inserted_primary_key
    if key is None:
        raise StoreError("the database gave a new row no number")
    return Queued(seq=int(key[0]), publication=one)
