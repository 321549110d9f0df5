"""Makes a backup of a hub, which may be running: one moment of its database, and its keys."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Mapping
from typing import BinaryIO

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from skerry_hub import schema, tables
from skerry_hub.backup import parts, rows
from skerry_hub.backup.archive import Writer
from skerry_hub.backup.parts import BackupError, Manifest
from skerry_hub.keys import OrderKey
from skerry_hub.moment import moment
from skerry_hub.pki.authority import pin_of as pki_pin
from skerry_hub.store_error import StoreError, reason_of
from skerry_hub.store_opening import engine_at
from skerry_wire import __version__

TRIES = 3
SPOOL_BYTES = 2**20


def make(data: pathlib.Path, database: str, output: BinaryIO, now: float) -> Manifest:
    """Write a backup. Raises BackupError, StoreError or OSError; what was written is none then."""
    _there(data, database)
    engine, shown = engine_at(database)
    try:
        with rows.snapshot(engine) as connection:
            found = schema.schema_of(connection)
            if found != schema.NEWEST:
                raise BackupError(
                    f"the database {shown} is of version {found or 'none'}, this program of "
                    f"{schema.NEWEST}: use the one that runs as the hub, or start this one once"
                )
            return _written(connection, data, output, now)
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database {shown} cannot be used: {reason_of(error)}") from None
    finally:
        engine.dispose()


def _there(data: pathlib.Path, database: str) -> None:
    """See whether a hub is there: else a file of SQLite would be made."""
    path = sa.make_url(database).database if database.startswith("sqlite") else None
    if not (data / "order-key").exists() or (path is not None and not pathlib.Path(path).exists()):
        raise BackupError(f"{data} has no hub: it makes its keys and database at its first start")


def _written(
    connection: sa.Connection, data: pathlib.Path, output: BinaryIO, now: float
) -> Manifest:
    hub = connection.scalar(sa.select(tables.hub.c.value).where(tables.hub.c.key == "id"))
    if not hub:
        raise BackupError("its database is none in which a hub has run: name that with --database")
    archive = Writer(output)
    numbers = rows.numbers(connection)
    files = _files(data)  # the snapshot stands by now: what is signed with a key comes after it
    counts = {}
    for name in rows.names():
        # A part's size comes before it; and a whole database fits into no memory.
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES, dir=str(data)) as spool:
            counts[name] = rows.dump(connection, tables.metadata.tables[name], spool)
            spool.seek(0)
            archive.add(parts.TABLES_AT + name, spool)
    if _files(data) != files:
        raise BackupError("its keys were changed meanwhile: make it again")
    for name, content in files.items():
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
            spool.write(content)
            spool.seek(0)
            archive.add(parts.FILES_AT + name, spool)
    manifest = Manifest(
        made_at=moment(now),
        made_by=__version__,
        schema=schema.NEWEST,
        hub=hub,
        order_key=key_id(files["order-key"]),
        ca=pin_of(files.get("ca-key")),
        parts=tuple(archive.parts),
        rows=counts,
        numbers=numbers,
    )
    archive.end(manifest)
    return manifest


def _files(data: pathlib.Path) -> Mapping[str, bytes]:
    found = {}
    for one in parts.FILES:
        try:
            found[one.name] = (data / one.name).read_bytes()
        except FileNotFoundError:
            if one.required:
                raise BackupError(f"{data / one.name} is missing, which {one.words}") from None
    return found


def key_id(pem: bytes) -> str:
    """Return by what boxes know an order key. Raises BackupError where it is none."""
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise BackupError("order-key is damaged")
    return OrderKey(private).id


def pin_of(authority: bytes | None) -> str | None:
    """Return by what boxes know an authority, of its file. Raises BackupError where it is none."""
    if authority is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate(authority)
    except ValueError:
        raise BackupError("ca-key has no certificate") from None
    return pki_pin(certificate.public_bytes(Encoding.DER))
