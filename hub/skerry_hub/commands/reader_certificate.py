"""`skerry-hub reader-certificate`: who may read the fleet on the broker; in the audit log."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import re
import sys
import time
from typing import TYPE_CHECKING, BinaryIO

from skerry_hub import database_url
from skerry_hub.commands.saying import failed

if TYPE_CHECKING:
    from skerry_hub.store import Store

NAME = re.compile("[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
DEFAULT_DAYS = 365.0
DAY_S = 86_400.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `reader-certificate` takes."""
    parser.add_argument("name", metavar="NAME", help="whose it is: a-z, 0-9 and -")
    database_url.add_data(parser)
    database_url.add_database(parser)
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
    from skerry_hub import store_beside  # noqa: PLC0415
    from skerry_hub.database_url import DatabaseUrlError  # noqa: PLC0415
    from skerry_hub.pki.authority import PRIVATE, AuthorityError  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415
    from skerry_hub.whole_file import new_file  # noqa: PLC0415

    if NAME.fullmatch(given.name) is None:
        return _fails(f"NAME {given.name[:80]!r} must be a-z, 0-9 and -, at most 32", 2)
    if not 1 <= given.days <= 3650:
        return _fails("--days must be 1 to 3650", 2)
    source = pathlib.Path(given.data) / PRIVATE
    if not source.exists():
        return _fails(f"{source}: No such file; the hub makes it at its first start", 1)
    try:
        # As whoever runs it, root too: what follows is done as the owner of the data folder.
        with (
            contextlib.nullcontext(None)
            if given.remove
            else new_file(pathlib.Path(_out(given))) as file,
            store_beside.opened(given) as (data, store),
        ):
            if file is None:
                return _remove(data, store, given.name)
            _make(data, store, given, file)
    except DatabaseUrlError as error:
        return _fails(str(error), 2)
    except OSError as error:
        return failed(error)
    except (AuthorityError, StoreError, ValueError) as error:
        return _fails(str(error), 1)
    print(f"{_out(given)}: skerry:reader:{given.name}, for {given.days:g} days")
    return 0


def _out(given: argparse.Namespace) -> str:
    return str(given.out or f"{given.name}.pem")


def _make(data: pathlib.Path, store: Store, given: argparse.Namespace, file: BinaryIO) -> None:
    """Make them. Raises AuthorityError, OSError, StoreError, ValueError of the list of readers."""
    from skerry_hub import readers, store_beside  # noqa: PLC0415
    from skerry_hub.pki import leaves  # noqa: PLC0415
    from skerry_hub.pki.authority import PRIVATE, read  # noqa: PLC0415
    from skerry_hub.pki.own_certificates import Kind, fresh  # noqa: PLC0415

    source = data / PRIVATE
    authority = read(source.read_bytes(), str(source))
    readers.names(data)
    kind = Kind(
        file=_out(given),
        sign=lambda public, stamp: leaves.reader(authority, given.name, public, stamp),
        names=frozenset(),
    )
    made = fresh(kind, time.time(), given.days * DAY_S)
    serial = f"{leaves.serial_of(made):x}"
    about = {"subject": given.name, "serial": serial, "days": f"{given.days:g}"}
    with store_beside.noted(store, "reader create", **about):
        file.write(made)
        file.flush()
        readers.add(data, given.name)  # a hub that runs looks for it every few seconds


def _remove(data: pathlib.Path, store: Store, name: str) -> int:
    from skerry_hub import readers, store_beside  # noqa: PLC0415

    with store_beside.noted(store, "reader remove", subject=name):
        was_there = readers.remove(data, name)
    words = "may read no more" if was_there else "was not on the list, and is denied now"
    print(f"{name} {words}")
    return 0


def _fails(text: str, status: int) -> int:
    print(f"skerry-hub: {text}", file=sys.stderr)
    return status
