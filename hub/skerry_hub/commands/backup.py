"""`skerry-hub backup`."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time
from typing import TYPE_CHECKING, BinaryIO

from skerry_hub import database_url
from skerry_hub.commands.saying import failed

if TYPE_CHECKING:
    from skerry_hub.backup.digest import Digest
    from skerry_hub.backup.parts import Manifest


NAMES = "hub-????????T??????Z.skerry-backup"
"""What a folder of backups has, the oldest first."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `backup` takes."""
    database_url.add_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="where to; a folder gets one named by its time; - writes it to the standard output, "
        "for a program that encrypts it",
    )
    parser.add_argument(
        "--keep",
        type=int,
        metavar="COUNT",
        help="of those in the folder keep so many, the newest; without it all",
    )


def run(given: argparse.Namespace) -> int:
    """Write a backup; the hub may be running."""
    from skerry_hub.backup.digest import Digest  # noqa: PLC0415
    from skerry_hub.backup.parts import BackupError  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415

    sha256 = Digest()
    os.umask(0o077)
    target = pathlib.Path(given.output)
    folder = target if given.output != "-" and target.is_dir() else None
    if given.keep is not None and (folder is None or given.keep < 1):
        print("skerry-hub: --keep is 1 or more, with a folder as -o", file=sys.stderr)
        return 2
    if folder is not None:
        target = folder / time.strftime("hub-%Y%m%dT%H%M%SZ.skerry-backup", time.gmtime())
    try:
        if given.output == "-" and sys.stdout.isatty():
            print("skerry-hub: -o - is for a file or a pipe, not a terminal", file=sys.stderr)
            return 2
        if given.output == "-":
            manifest = _made(given, sys.stdout.buffer, sha256)
        elif target.exists() and not target.is_file():  # a device or a pipe stays what it is
            with target.open("wb") as output:
                manifest = _made(given, output, sha256)
        else:
            # A link is followed where it was named; in a folder it may be anybody's.
            whole = target.absolute() if folder is not None else target.resolve()
            manifest = _to_file(given, whole, sha256)
        if folder is not None and given.keep is not None:
            _tidy(folder, target, given.keep)
    except (database_url.DatabaseUrlError, OSError) as error:
        return failed(error)
    except (BackupError, StoreError) as error:
        print(f"skerry-hub: no backup was made: {error}", file=sys.stderr)
        return 1
    count = sum(manifest.rows.values())
    print(
        f"skerry-hub: backup of {manifest.made_at}: {len(manifest.parts)} parts, {count} rows. "
        "It has the hub's keys: who reads it owns the fleet",
        file=sys.stderr,
    )
    print(
        f"skerry-hub: its SHA-256 is {sha256}: keep that elsewhere, and restore with --sha256, for "
        "who can change the backup can make it look whole",
        file=sys.stderr,
    )
    return 0


def _tidy(folder: pathlib.Path, new: pathlib.Path, keep: int) -> None:
    """Delete old backups, never the new one: a clock that was ahead has left later names."""
    others = sorted(one for one in folder.glob(NAMES) if one != new)
    for old in others[: max(0, len(others) - (keep - 1))]:
        old.unlink()
    for half in folder.glob(f".{NAMES}.*"):  # of one that was killed
        half.unlink(missing_ok=True)


def _to_file(given: argparse.Namespace, target: pathlib.Path, sha256: Digest) -> Manifest:
    """Write beside it first: what has the name is whole."""
    from skerry_hub.whole_file import sync_folder  # noqa: PLC0415

    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("xb") as output:
            os.fchmod(output.fileno(), 0o600)
            manifest = _made(given, output, sha256)
            os.fsync(output.fileno())
        beside.rename(target)
        sync_folder(target.parent)
    finally:
        beside.unlink(missing_ok=True)
    return manifest


def _made(given: argparse.Namespace, output: BinaryIO, sha256: Digest) -> Manifest:
    """Make it, as the user whose the hub is: the file was opened by whoever gives the command."""
    from skerry_hub.backup.making import make  # noqa: PLC0415
    from skerry_hub.backup.parts import BackupError  # noqa: PLC0415
    from skerry_hub.owner import as_owner  # noqa: PLC0415

    folder = database_url.folder_of(vars(given))
    if not folder.is_dir():
        raise BackupError(f"{folder} has no hub: it makes its folder at its first start")
    with as_owner(folder):
        data, database = database_url.folder_and_database(vars(given))
        manifest = make(data, database, sha256.of(output), time.time())
    output.flush()
    return manifest
