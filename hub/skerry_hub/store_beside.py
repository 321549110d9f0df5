"""The hub's database for a command of `skerry-hub`, whether the hub runs or not.

It waits for no hub and holds none up: what it does are short transactions of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import pathlib
import socket
from collections.abc import Iterator

import sqlalchemy as sa

from skerry_hub import database_url, schema, store_opening
from skerry_hub.access import audit
from skerry_hub.keys import PRIVATE
from skerry_hub.owner import as_owner
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError, reason_of


@contextlib.contextmanager
def opened(
    given: argparse.Namespace, *, before_its_start: bool = False
) -> Iterator[tuple[pathlib.Path, Store]]:
    """Give the data folder and its store, as the user whose they are.

    Nothing new is made, but for a hub that has never started, `before_its_start`. Raises
    DatabaseUrlError, StoreError and OSError.
    """
    folder = database_url.folder_of(vars(given))
    # With keys in it, it is a hub's whose database is another one than that which is named.
    new = before_its_start and not (folder / PRIVATE).exists()
    if new:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not folder.is_dir():
        raise StoreError(f"{folder}: there is no hub: it makes its folder at its first start")
    with as_owner(folder):
        data, url = database_url.folder_and_database(vars(given))
        os.umask(0o077)
        store = Store(_engine(url, new))
        try:
            yield data, store
        finally:
            store.close()


def _engine(url: str, new: bool) -> sa.Engine:
    """Return what connects to a database that has a hub's tables. Raises StoreError.

    Those of a `new` one are made.
    """
    found = None if new else must_have_hub(url)
    if found != schema.NEWEST:
        # Before the first start, or that of a new version: no hub runs on it.
        store_opening.open_store(url, claim_s=0.5).close()
    return store_opening.engine_at(url)[0]


def must_have_hub(url: str) -> str:
    """Return which migration the tables of a hub's database have.

    Raises StoreError where it has none: a second one beside the hub's would help nobody.
    """
    engine, shown = store_opening.engine_at(url)
    try:
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file is not None and not pathlib.Path(file).exists():
            raise StoreError(f"{file}: there is no hub: it makes its database at its first start")
        with engine.connect() as connection:
            found = schema.schema_of(connection)
    except sa.exc.SQLAlchemyError as error:
        reason = f"the database {shown} cannot be used: {reason_of(error)}"
        raise StoreError(reason) from None
    finally:
        engine.dispose()
    if found is None:
        raise StoreError(f"the database {shown} has no hub, which fills it at its first start")
    return found


@contextlib.contextmanager
def noted(store: Store, action: str, **facts: str) -> Iterator[dict[str, str]]:
    """Have the audit log say what is about to be done, and then what came of it.

    Gives a place for what is only known by then. Raises StoreError: then it is not done.
    """
    with audit.noted(store, who_runs_it(), action, **facts) as outcome:
        yield outcome


def who_runs_it() -> str:
    """Return who runs a command, for the audit log."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # within a container its user may have no name
    return f"{user}@{socket.gethostname()}"
