"""Puts a backup in the place of a hub: verified before anything is changed, and then whole.

Going back in time must let nobody in again who was shut out since, nor bring back a key that was
retired. So what the target knows of that stays, where it is the same hub's (of one CA).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import BinaryIO

import sqlalchemy as sa

from skerry_hub import schema
from skerry_hub.access import audit_rows
from skerry_hub.access.audit import entry_of
from skerry_hub.backup import building, making, parts, placing, revocations, rows
from skerry_hub.backup.building import DATABASE, STAGE, Built
from skerry_hub.backup.parts import ACCESS_SETTINGS, ACCESS_TABLES, BackupError, Manifest
from skerry_hub.data_folder import claim
from skerry_hub.store_error import StoreError, reason_of
from skerry_hub.store_opening import claim_of, engine_at

WHO = "skerry-hub"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came of it. `kept`: what of the target was not put back, being newer."""

    manifest: Manifest
    nodes: int
    workloads: int
    aside: pathlib.Path | None = None
    kept: tuple[str, ...] = ()
    revoked: int = 0
    """Certificates that hold no more by a newer list."""


def check(source: BinaryIO, folder: pathlib.Path) -> Restored:
    """See whether a backup could be restored; `folder` takes the parts. Raises BackupError."""
    return _told(building.build(source, folder))


def restore(
    source: BinaryIO,
    data: pathlib.Path,
    database: str,
    *,
    force: bool,
    access_too: bool,
    now: float,
    crl: bytes | None = None,
) -> Restored:
    """Restore a backup. Raises BackupError, StoreError or OSError; nothing is changed then.

    `crl` is a newer list of revoked certificates, of this hub's, where one was saved.

    `force` takes a target in which a hub is; who was let in and shut out since stays as it is there
    unless `access_too`.
    """
    lock = claim(data)
    try:
        broken_off = placing.undo(data)
        with _target(database) as engine:
            if not (force or broken_off):
                _refuse_others(data, engine)
            built = building.build(source, data)
            keeps = not access_too and _same_hub(data, built.manifest)
            kept = _keep(engine, data, built) if keeps else ()
            revoked = _shut_out(built, crl, now) if crl is not None else 0
            _note(built, kept, now)
            aside = placing.put(built, data, engine, now)
            return dataclasses.replace(_told(built), aside=aside, kept=kept, revoked=revoked)
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database cannot be used: {reason_of(error)}") from None
    finally:
        shutil.rmtree(data / STAGE, ignore_errors=True)
        os.close(lock)


def _told(built: Built) -> Restored:
    return Restored(manifest=built.manifest, nodes=built.nodes, workloads=built.workloads)


@contextlib.contextmanager
def _target(database: str) -> Iterator[sa.Engine]:
    """Give what connects to the target, held against a hub."""
    engine, _ = engine_at(database)
    claimed = None
    try:
        place = pathlib.Path(engine.url.database or "")
        if engine.dialect.name == "sqlite" and place.name != DATABASE:
            raise BackupError(f"an SQLite database is restored as {DATABASE} in the data folder")
        claimed = claim_of(engine)
        yield engine
    finally:
        if claimed is not None:
            claimed.close()
        engine.dispose()


def _refuse_others(data: pathlib.Path, engine: sa.Engine) -> None:
    """Refuse a target in which there is a hub. Raises BackupError."""
    there = [name for name in placing.MOVED if (data / name).exists()]
    occupied = f"{data} has {there[0]}" if there else ""
    if not occupied and engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            if schema.schema_of(connection) is not None:
                occupied = "the database has a hub's tables"
    if occupied:
        raise BackupError(f"there is a hub already: {occupied}; --force puts it aside")


def _same_hub(data: pathlib.Path, manifest: Manifest) -> bool:
    try:
        authority = (data / "ca-key").read_bytes()
    except FileNotFoundError:
        return False
    return manifest.ca is not None and making.pin_of(authority) == manifest.ca


def _keep(engine: sa.Engine, data: pathlib.Path, built: Built) -> tuple[str, ...]:
    """Take over from the target what must not go back: who may connect, keys that are newer."""
    kept = []
    if engine.dialect.name != "sqlite" or (data / DATABASE).exists():
        _keep_access(engine, built)
        kept.append("who joined, who may ask, and the audit log")
    for one in parts.FILES:
        place, beside = data / one.name, built.files / one.name
        if not one.never_back or not place.exists():
            continue
        if not beside.exists() or beside.read_bytes() != place.read_bytes():
            shutil.copy(place, beside)
            kept.append(one.name)
    return tuple(kept)


def _shut_out(built: Built, crl: bytes, now: float) -> int:
    authority = built.files / "ca-key"
    if not authority.exists():
        raise BackupError("--crl: the backup has no authority to hold the list against")
    beside, _ = engine_at(built.url)
    try:
        with beside.begin() as connection:
            return revocations.take_over(connection, crl, authority.read_bytes(), now)
    finally:
        beside.dispose()


def _note(built: Built, kept: tuple[str, ...], now: float) -> None:
    """Have the audit log say that there was a restore."""
    facts = {"subject": f"backup of {built.manifest.made_at}", "kept": "; ".join(kept)}
    beside, _ = engine_at(built.url)
    try:
        with beside.begin() as connection:
            entry = entry_of(WHO, "restore", {**facts, "phase": "done"})
            audit_rows.append(connection, [entry], int(now * 1000))
    finally:
        beside.dispose()


def _keep_access(engine: sa.Engine, built: Built) -> None:
    beside, _ = engine_at(built.url)
    try:
        with engine.connect() as there, beside.begin() as connection:
            if schema.schema_of(there) != schema.NEWEST:
                raise BackupError(
                    "the database that is there is of another version, so that it cannot be seen "
                    "who was shut out since: start this version on it once, or give --access-too"
                )
            rows.copy(there, connection, ACCESS_TABLES)
            rows.copy_settings(there, connection, ACCESS_SETTINGS)
    finally:
        beside.dispose()
