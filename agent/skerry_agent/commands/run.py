"""`skerry-agent run`."""

from __future__ import annotations

import argparse

from skerry_agent.commands import settings
from skerry_agent.commands.output import complain

DESCRIPTION = "Work in the foreground until SIGTERM or Ctrl-C."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `run` takes."""
    settings.add_file(parser)
    for name, metavar, words in (
        ("broker", "URL", "where the broker is"),
        ("node-id", "ID", "this box's id, at its first start"),
        ("state", "DIR", "the state folder"),
        ("executor", "PATH", "the executor's socket"),
        ("control", "PATH", "the control socket"),
        ("heartbeat-s", "SECONDS", "time between two heartbeats"),
    ):
        parser.add_argument(f"--{name}", metavar=metavar, help=words)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more")


def run(given: argparse.Namespace) -> int:
    """Work until stopped."""
    import logging  # noqa: PLC0415
    import os  # noqa: PLC0415

    from skerry_agent import log  # noqa: PLC0415

    config = settings.of(given)
    log.start(os.environ, logging.DEBUG if given.verbose else logging.INFO)
    from skerry_agent import run as running  # noqa: PLC0415
    from skerry_agent.journal import JournalError  # noqa: PLC0415

    try:
        running.run(config, lambda: settings.of(given))
    except JournalError as error:
        return complain(str(error), 1)
    return 0
