"""`skerry-hub restore`."""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from skerry_hub import database_url
from skerry_hub.commands.saying import failed

if TYPE_CHECKING:
    from skerry_hub.backup.restoring import Restored


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `restore` takes."""
    parser.add_argument("file", metavar="FILE", help="the backup; - reads it from standard input")
    database_url.add_options(parser)
    database_url.add_wait(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="only see whether it could be restored; needs no --data",
    )
    parser.add_argument(
        "--force", action="store_true", help="also where there is a hub, which is put aside"
    )
    parser.add_argument(
        "--access-too",
        action="store_true",
        help="put back also who joined and who may ask: lets in again who was shut out since",
    )
    parser.add_argument(
        "--sha256",
        metavar="HEX",
        help="what `backup` said: refuse any other backup, and one that was changed",
    )
    parser.add_argument(
        "--crl",
        type=pathlib.Path,
        metavar="FILE",
        help="a newer list of revoked certificates (a copy of crl.pem): whom it names stays out",
    )


def run(given: argparse.Namespace) -> int:
    """Put a backup in a hub's place, while that hub does not run."""
    from skerry_hub.backup import digest, restoring  # noqa: PLC0415
    from skerry_hub.backup.parts import BackupError  # noqa: PLC0415
    from skerry_hub.owner import as_owner  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415
    from skerry_hub.store_opening import wait_for_server  # noqa: PLC0415

    os.umask(0o077)
    try:
        with _source(given.file) as opened:
            source = digest.expected(opened, given.sha256)
            if given.check:
                with tempfile.TemporaryDirectory(prefix="skerry-restore-") as folder:
                    print(_said(restoring.check(source, pathlib.Path(folder)), "could be restored"))
                return 0
            crl = None if given.crl is None else given.crl.read_bytes()
            target = database_url.folder_of(vars(given))
            # What root puts there the hub could not read.
            with as_owner(target) if target.exists() else contextlib.nullcontext():
                data, database = database_url.folder_and_database(vars(given))
                # With compose the server is started for this very command.
                wait_for_server(database, database_url.wait_s_of(vars(given)), _waiting)
                found = restoring.restore(
                    source,
                    data,
                    database,
                    force=given.force,
                    access_too=given.access_too,
                    now=time.time(),
                    crl=crl,
                )
    except (database_url.DatabaseUrlError, OSError) as error:
        return failed(error)
    except (BackupError, StoreError) as error:
        print(f"skerry-hub: nothing was restored: {error}", file=sys.stderr)
        return 1
    print(_said(found, "is restored"))
    for line in _to_do(found):
        print(line)
    return 0


def _waiting(reason: str) -> None:
    print(f"skerry-hub: waiting for the database: {reason}", file=sys.stderr)


@contextlib.contextmanager
def _source(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with pathlib.Path(name).open("rb") as file:
        yield file


def _said(found: Restored, done: str) -> str:
    manifest = found.manifest
    return (
        f"the backup of {manifest.made_at} (hub {manifest.hub}, order key {manifest.order_key}, "
        f"version {manifest.made_by}) {done}: {found.nodes} nodes, {found.workloads} workloads"
    )


def _to_do(found: Restored) -> Iterator[str]:
    if found.aside is not None:
        yield f"what was there is in {found.aside}: it has keys, remove it when all is well"
    for one in found.kept:
        yield f"kept as it was before the restore: {one}"
    if found.revoked:
        yield f"{found.revoked} more certificates hold no more, by the list that was given"
    if not found.kept and found.manifest.ca is not None:
        yield (
            f"whoever was revoked after {found.manifest.made_at} is let in again: revoke them once "
            "more (skerry node revoke, skerry access revoke); boxes that joined since must join "
            "again when their certificate ends"
        )
    yield (
        "nodes that have accepted more than this hub issued will be held as diverged: "
        "skerry node adopt, or skerry node overwrite"
    )
