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
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError, reason_of


@contextlib.contextmanager
def opened(given: argparse.Namespace) -> Iterator[tuple[pathlib.Path, Store]]:
    """Give the data folder and its store.

    Raises DatabaseUrlError, StoreError and OSError.
    """
    data, url = database_url.folder_and_database(vars(given))
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    become_its_owner(data)
    os.umask(0o077)
    engine, shown = store_opening.engine_at(url)
    try:
        if _schema(engine) != schema.NEWEST:
            engine.dispose()
            # Before the hub's first start, or that of a new version: no hub runs on it.
            store_opening.open_store(url, claim_s=0.5).close()
    except sa.exc.SQLAlchemyError as error:
        reason = f"the database {shown} cannot be used: {reason_of(error)}"
        raise StoreError(reason) from None
    store = Store(engine)
    try:
        yield data, store
    finally:
        store.close()


def _schema(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return schema.schema_of(connection)


def become_its_owner(data: pathlib.Path) -> None:
    """Leave root for the user whose the data folder is: what is made there must be the hub's."""
    about = data.stat()
    if os.geteuid() != 0 or about.st_uid == 0:
        return
    os.setgroups([about.st_gid])
    os.setgid(about.st_gid)
    os.setuid(about.st_uid)


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
