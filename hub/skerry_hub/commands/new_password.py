"""`skerry-hub new-password`: what a compose file draws a database's password with."""

from __future__ import annotations

import argparse
import pathlib
import secrets
import sys

MODE = 0o440
"""Hub and database are different users of one group."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `new-password` takes."""
    parser.add_argument("file", type=pathlib.Path, metavar="FILE", help="where to; not overwritten")


def run(given: argparse.Namespace) -> int:
    """Write a password that nobody has seen to a file, unless the file is there."""
    from skerry_hub.whole_file import write_whole  # noqa: PLC0415

    try:
        if not given.file.exists():
            write_whole(given.file, secrets.token_urlsafe(32).encode() + b"\n", MODE)
    except OSError as error:
        print(f"skerry-hub: {given.file}: {error.strerror}", file=sys.stderr)
        return 1
    return 0
