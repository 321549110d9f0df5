"""`skerry-hub backup`."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time

from skerry_hub import database_url


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `backup` takes."""
    database_url.add_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="where to; - writes it to the standard output, for a program that encrypts it",
    )


def run(given: argparse.Namespace) -> int:
    """Write a backup; the hub may be running."""
    from skerry_hub.backup.digest import Digest  # noqa: PLC0415
    from skerry_hub.backup.making import make  # noqa: PLC0415
    from skerry_hub.backup.parts import BackupError, Manifest  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415
    from skerry_hub.whole_file import sync_folder  # noqa: PLC0415

    def to_file(target: pathlib.Path) -> Manifest:
        """Write beside it first: what has the name is whole."""
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with beside.open("xb") as output:
                beside.chmod(0o600)
                manifest = make(data, database, sha256.of(output), time.time())
                output.flush()
                os.fsync(output.fileno())
            beside.rename(target)
            sync_folder(target.parent)
        finally:
            beside.unlink(missing_ok=True)
        return manifest

    sha256 = Digest()
    os.umask(0o077)
    try:
        data, database = database_url.folder_and_database(vars(given))
        if given.output == "-" and sys.stdout.isatty():
            print("skerry-hub: -o - is for a file or a pipe, not a terminal", file=sys.stderr)
            return 2
        if given.output == "-":
            manifest = make(data, database, sha256.of(sys.stdout.buffer), time.time())
            sys.stdout.buffer.flush()
        else:
            manifest = to_file(pathlib.Path(given.output).absolute())
    except database_url.DatabaseUrlError as error:
        print(f"skerry-hub: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"skerry-hub: {where}{error.strerror or error}", file=sys.stderr)
        return 1
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
