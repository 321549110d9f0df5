"""Opens the hub's database: holds it against a second hub, and brings its tables up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from skerry_hub.retention import REVISIONS_KEPT
from skerry_hub.schema import SchemaError, migrate
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError, reason_of

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


class UnsupportedError(Exception):
    """The database is of another kind."""


def open_store(url: str, claim_s: float = CLAIM_S, keep_revisions: int = REVISIONS_KEPT) -> Store:
    """Connect, bring the tables up to date, and return the store. Raises StoreError.

    `claim_s` is how long another hub, perhaps just killed, may keep hold of a server's database;
    `keep_revisions` how many of a workload's newest revisions are kept.
    """
    engine, shown = engine_at(url)
    try:
        claim = claim_of(engine, claim_s)
        with engine.connect() as connection:
            migrate(connection)
            connection.commit()
    except SchemaError as error:
        reason = f"it was made by another version of the hub: {error}"
        raise StoreError(f"the database {shown} cannot be used: {reason}") from None
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database {shown} cannot be used: {reason_of(error)}") from None
    return Store(engine, claim, keep_revisions)


def open_when_there(
    url: str, wait_s: float, told: Callable[[str], None], keep_revisions: int = REVISIONS_KEPT
) -> Store:
    """Do so, waiting so long for a server that starts at the same time. Raises StoreError.

    `told` is given why it cannot be opened yet, each second.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return open_store(url, keep_revisions=keep_revisions)
        except StoreError as error:
            if time.monotonic() + 1 > deadline or url.startswith("sqlite"):
                raise
            told(str(error))
        time.sleep(1)


def wait_for_server(url: str, wait_s: float, told: Callable[[str], None]) -> None:
    """Return when a server answers, or after so long. Raises StoreError for a wrong URL.

    What is still wrong then is said by whoever uses the database. `told` is given why it does not
    answer yet, each second.
    """
    deadline = time.monotonic() + wait_s
    engine, shown = engine_at(url)
    try:
        while engine.dialect.name != "sqlite":
            try:
                engine.connect().close()
            except sa.exc.SQLAlchemyError as error:
                if time.monotonic() + 1 > deadline:
                    return
                told(f"the database {shown} cannot be used: {reason_of(error)}")
            else:
                return
            time.sleep(1)
    finally:
        engine.dispose()


def engine_at(url: str) -> tuple[sa.Engine, str]:
    """Return what connects to a database, and its name without anything secret.

    Raises StoreError; nothing is connected yet.
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
    return engine, parsed.set(query={}).render_as_string(hide_password=True)


def claim_of(engine: sa.Engine, claim_s: float = CLAIM_S) -> sa.Connection | None:
    """Hold a server's database against a second hub (a folder has a lock file for it).

    Raises StoreError.
    """
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
