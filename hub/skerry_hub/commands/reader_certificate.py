"""`skerry-hub reader-certificate`."""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import sys
import time

from skerry_hub import database_url

NAME = re.compile("[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
DEFAULT_DAYS = 365.0
DAY_S = 86_400.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `reader-certificate` takes."""
    parser.add_argument("name", metavar="NAME", help="whose it is: a-z, 0-9 and -")
    database_url.add_data(parser)
    parser.add_argument(
        "--out", metavar="FILE", help="a new file for key and certificate; default: NAME.pem"
    )
    parser.add_argument(
        "--days",
        type=float,
        default=DEFAULT_DAYS,
        metavar="DAYS",
        help=f"how long it holds (default: {DEFAULT_DAYS:g})",
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help="take NAME off the list of those who may read, whatever certificate it has",
    )


def run(given: argparse.Namespace) -> int:
    """Make a key and a certificate with which another system may read the fleet on the broker."""
    from skerry_hub import readers  # noqa: PLC0415
    from skerry_hub.pki import leaves  # noqa: PLC0415
    from skerry_hub.pki.authority import PRIVATE, AuthorityError, read  # noqa: PLC0415
    from skerry_hub.pki.own_certificates import Kind, fresh  # noqa: PLC0415

    if NAME.fullmatch(given.name) is None:
        return _fails(f"NAME {given.name[:80]!r} must be a-z, 0-9 and -, at most 32", 2)
    if not 1 <= given.days <= 3650:
        return _fails("--days must be 1 to 3650", 2)
    if given.remove:
        return _remove(pathlib.Path(given.data), given.name)
    source = pathlib.Path(given.data) / PRIVATE
    try:
        authority = read(source.read_bytes(), str(source))
    except OSError as error:
        return _fails(f"{source}: {error.strerror}; the hub makes it at its first start", 1)
    except AuthorityError as error:
        return _fails(str(error), 1)
    kind = Kind(
        file=given.out or f"{given.name}.pem",
        sign=lambda public, stamp: leaves.reader(authority, given.name, public, stamp),
        names=frozenset(),
    )
    try:
        handle = os.open(kind.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return _fails(f"{kind.file}: {error.strerror}", 1)
    with os.fdopen(handle, "wb") as file:
        file.write(fresh(kind, time.time(), given.days * DAY_S))
    try:
        # A hub that runs looks for it every few seconds.
        readers.add(pathlib.Path(given.data), given.name)
    except (OSError, ValueError) as error:
        return _fails(f"the list of readers cannot be written: {error}", 1)
    print(f"{kind.file}: {leaves.READER_PREFIX}{given.name}, for {given.days:g} days")
    return 0


def _remove(data: pathlib.Path, name: str) -> int:
    from skerry_hub import readers  # noqa: PLC0415

    try:
        if not readers.remove(data, name):
            return _fails(f"there is no reader {name}", 1)
    except (OSError, ValueError) as error:
        return _fails(f"the list of readers cannot be written: {error}", 1)
    print(f"{name} may read no more")
    return 0


def _fails(text: str, status: int) -> int:
    print(f"skerry-hub: {text}", file=sys.stderr)
    return status
