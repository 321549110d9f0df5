"""What commands print, and what becomes of what cannot be printed."""

from __future__ import annotations

import argparse
import os
import sys


class OutputError(Exception):
    """What a command says cannot be written where it shall go: a full disk, say."""


def add_form(parser: argparse.ArgumentParser) -> None:
    """Let a command print JSON: -o json, or --json as some had it first."""
    parser.add_argument(
        "-o", "--output", choices=["text", "json"], default="text", help="of stdout"
    )
    parser.add_argument(
        "--json", dest="output", action="store_const", const="json", help=argparse.SUPPRESS
    )


def say(text: str) -> None:
    """Print at once, so that what fails fails here. Raises BrokenPipeError and OutputError."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror or str(error)) from error


def drop() -> None:
    """Keep Python from complaining when it flushes what is left at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str, status: int) -> int:
    """Say on standard error what is wrong, and return the exit status."""
    print(f"skerry-agent: {text}", file=sys.stderr)
    return status
