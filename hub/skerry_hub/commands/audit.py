"""`skerry-hub audit`: the audit log, exported, checked, and its oldest part cut off."""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import TYPE_CHECKING

from skerry_hub import database_url
from skerry_hub.commands.saying import failed

if TYPE_CHECKING:
    from skerry_wire.audit_chain import Mark


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `audit` takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    cut = actions.add_parser("cut", help="export the oldest rows to a file, and remove them here")
    cut.add_argument(
        "--keep-days", type=int, required=True, metavar="DAYS", help="what is newer stays"
    )
    cut.add_argument("-o", "--output", required=True, metavar="FILE", help="the export; a new file")
    verify = actions.add_parser("verify", help="check the rows that are here")
    for one in (cut, verify):
        database_url.add_options(one)


def run(given: argparse.Namespace) -> int:
    """Do it; the hub may be running."""
    from skerry_hub import store_beside  # noqa: PLC0415
    from skerry_hub.access import retention  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415

    try:
        if given.action == "verify":
            with store_beside.opened(given) as (_, store):
                chain, wrong = retention.checked(store)
            if wrong is not None:
                print(f"skerry-hub: the audit log is broken: {wrong}", file=sys.stderr)
                return 1
            print(f"{chain.rows} rows are as they were written, up to {chain.head}")
            return 0
        target = pathlib.Path(given.output)
        count, anchor = _cut(given, target)
    except (OSError, StoreError, ValueError) as error:
        return failed(error)
    if not count:
        target.unlink()
    words = f"{count} rows are in {given.output} now, and the log begins after {anchor}"
    print(words if count else "no row is that old: nothing was cut off", file=sys.stderr)
    return 0


def _cut(given: argparse.Namespace, target: pathlib.Path) -> tuple[int, Mark]:
    """Export and cut off. Once the export is whole it stays: its rows may be gone from the log."""
    from skerry_hub import store_beside  # noqa: PLC0415
    from skerry_hub.access.retention import Export, cut  # noqa: PLC0415
    from skerry_hub.whole_file import new_file  # noqa: PLC0415

    export: Export | None = None
    try:
        with (
            new_file(target, lambda: export is not None and export.whole) as file,
            store_beside.opened(given) as (_, store),
        ):
            export = Export(file)
            return cut(store, given.keep_days, export, store_beside.who_runs_it())
    except BaseException:
        if export is not None and export.whole:
            print(
                f"skerry-hub: {target} has the rows and stays; whether they are gone from the log "
                "says `skerry-hub audit verify`: delete the file only where they are not",
                file=sys.stderr,
            )
        raise
