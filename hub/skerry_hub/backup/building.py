"""Makes a database of a backup, beside whatever there is: what can be read so can be restored."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from typing import BinaryIO

import sqlalchemy as sa

from skerry_hub import schema, secret_key
from skerry_hub.backup import archive, digest, making, parts, rows
from skerry_hub.backup.parts import BackupError, Manifest
from skerry_hub.keys import OrderKeyError
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError, reason_of
from skerry_hub.store_opening import engine_at

STAGE = ".restore"
DATABASE = "hub.db"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a backup has. `folder` has its files, and a database of this version."""

    folder: pathlib.Path
    manifest: Manifest
    nodes: int
    workloads: int

    @property
    def files(self) -> pathlib.Path:
        """Return the folder of its key files."""
        return self.folder / parts.FILES_AT

    @property
    def database(self) -> pathlib.Path:
        """Return the database."""
        return self.folder / DATABASE

    @property
    def url(self) -> str:
        """Return the database's URL."""
        return f"sqlite:///{self.database}"


def build(source: BinaryIO, data: pathlib.Path) -> Built:
    """Unpack into a folder of its own in `data`, build a database, and read it as a hub would.

    Raises BackupError, or OSError where it cannot be written.
    """
    folder = data / STAGE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    manifest = archive.unpack(source, folder)
    digest.settle(source)
    if manifest.schema > schema.NEWEST:
        raise BackupError(
            f"it is of a later version ({manifest.made_by}, database {manifest.schema}; this "
            f"program knows {schema.NEWEST}): restore it with that version"
        )
    try:
        making.key_id((folder / parts.FILES_AT / "order-key").read_bytes())
        secret_key.load_or_make(folder / parts.FILES_AT)
    except OrderKeyError as error:
        raise BackupError(str(error)) from None
    engine, _ = engine_at(f"sqlite:///{folder / DATABASE}")
    try:
        with engine.begin() as connection:
            _fill(connection, folder, manifest)
        known = Store(engine).load()
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except sa.exc.SQLAlchemyError as error:
        raise BackupError(f"its rows make no database: {reason_of(error)}") from None
    except StoreError as error:
        raise BackupError(f"its rows cannot be read: {error}") from None
    finally:
        engine.dispose()
    return Built(
        folder=folder, manifest=manifest, nodes=len(known.nodes), workloads=len(known.workloads)
    )


def _fill(connection: sa.Connection, folder: pathlib.Path, manifest: Manifest) -> None:
    """Make the tables as they were, fill them, and bring them forwards."""
    try:
        schema.migrate(connection, manifest.schema)
    except schema.SchemaError:
        raise BackupError(f"there is no version {manifest.schema} of the database") from None
    wanted = {name: manifest.rows.get(name, 0) for name in manifest.tables}
    rows.load(connection, folder / parts.TABLES_AT, wanted)
    schema.migrate(connection)
    rows.set_numbers(connection, manifest.numbers)
