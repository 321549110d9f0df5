"""Puts what was built in a hub's place, so that a hub starts on all of it or on nothing.

From the mark on, no hub starts in the folder until all is done. What was there is moved aside, and
what was broken off is undone by the restore that is given next.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib

import sqlalchemy as sa

from skerry_hub import schema
from skerry_hub.backup import making, parts, rows
from skerry_hub.backup.building import DATABASE, Built
from skerry_hub.backup.parts import BackupError
from skerry_hub.data_folder import RESTORING
from skerry_hub.store_opening import engine_at
from skerry_hub.whole_file import sync_folder

ASIDE = "before-restore-"
SAVED = "database.skerry-backup"
MOVED = (*(one.name for one in parts.FILES), DATABASE, "hub.db-wal", "hub.db-shm")
STALE = ("tls", "order-key.pub")
"""The hub makes these anew from its keys."""


def put(built: Built, data: pathlib.Path, engine: sa.Engine, now: float) -> pathlib.Path | None:
    """Put it in place; return where what was there is now. Raises BackupError or OSError."""
    file = engine.dialect.name == "sqlite"
    aside = data / _aside_name(now)
    aside.mkdir(mode=0o700)
    try:
        if file:
            engine.dispose()  # one that is open would be written to where it is moved
        else:
            _save(engine, data, aside, now)
        new = sorted(built.files.iterdir())
        for place in (built.database, *new):
            _synced(place)
        there = [name for name in MOVED if (data / name).exists()]
        _mark(data, aside, there, [DATABASE, *(place.name for place in new)], file)
        if not file:
            _replace(engine, built)
        for name in (*there, *(name for name in STALE if (data / name).exists())):
            (data / name).rename(aside / name)
        for place in new:
            place.rename(data / place.name)
        if file:
            built.database.rename(data / DATABASE)
        sync_folder(data)
        (data / RESTORING).unlink()
        sync_folder(data)
    finally:
        if not any(aside.iterdir()):
            aside.rmdir()
    return aside if aside.exists() else None


def undo(data: pathlib.Path) -> bool:
    """Put back what a restore that was broken off had moved; say whether there was one.

    In a folder everything is then as it was. A server's database may have been replaced: so the
    mark stays until a restore is whole.
    """
    mark = data / RESTORING
    if not mark.exists():
        return False
    try:
        said = json.loads(mark.read_text())
    except ValueError:
        said = {"file": True}  # it was not written to its end: nothing was moved yet
    for name in said.get("new", ()):
        (data / name).unlink(missing_ok=True)
    for name in said.get("moved", ()):
        if (data / said["aside"] / name).exists():
            (data / said["aside"] / name).rename(data / name)
    sync_folder(data)
    if said["file"]:
        mark.unlink()
    return True


def _mark(
    data: pathlib.Path, aside: pathlib.Path, there: list[str], new: list[str], file: bool
) -> None:
    mark = data / RESTORING
    only_new = [name for name in new if name not in there]
    said = {"aside": aside.name, "moved": there, "new": only_new, "file": file}
    mark.write_text(json.dumps(said))
    _synced(mark)
    sync_folder(data)


def _save(engine: sa.Engine, data: pathlib.Path, aside: pathlib.Path, now: float) -> None:
    """Keep what a server's database has: it is replaced in place."""
    with engine.connect() as connection:
        if schema.schema_of(connection) is None:
            return
    if not (data / "order-key").exists():
        raise BackupError(
            "the database has the tables of a hub whose keys are not in the data folder: "
            "give an empty database"
        )
    with (aside / SAVED).open("xb") as output:
        (aside / SAVED).chmod(0o600)
        making.make(data, engine.url.render_as_string(hide_password=False), output, now)


def _replace(engine: sa.Engine, built: Built) -> None:
    """Replace the tables of a server's database, in one transaction."""
    source_engine, _ = engine_at(built.url)
    try:
        with source_engine.connect() as source, engine.begin() as target:
            rows.drop_all(target)
            schema.migrate(target)
            rows.copy(source, target, rows.names())
            rows.set_numbers(target, rows.numbers(source))
    finally:
        source_engine.dispose()


def _aside_name(now: float) -> str:
    when = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return f"{ASIDE}{when.strftime('%Y%m%dT%H%M%S.%fZ')}"


def _synced(place: pathlib.Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
