"""`skerry-hub key`."""

from __future__ import annotations

import argparse
import pathlib
import sys


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `key` takes."""
    parser.add_argument("--data", required=True, metavar="DIR", help="the hub's data folder")


def run(given: argparse.Namespace) -> int:
    """Print the public half of the order key."""
    from skerry_hub.keys import PUBLIC  # noqa: PLC0415

    path = pathlib.Path(given.data) / PUBLIC
    try:
        print(path.read_text().strip())
    except OSError as error:
        print(
            f"skerry-hub: {path}: {error.strerror}; the hub makes it at its first start",
            file=sys.stderr,
        )
        return 1
    return 0
