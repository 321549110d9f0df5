"""`skerry-agent check`."""

from __future__ import annotations

import argparse

from skerry_agent.commands import settings
from skerry_agent.commands.output import say

DESCRIPTION = (
    "Look at everything that the agent needs. Exit status 1 when anything is BAD, 2 when the "
    "settings are."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `check` takes."""
    settings.add_file(parser)
    for name, metavar in (("broker", "URL"), ("state", "DIR"), ("executor", "PATH")):
        parser.add_argument(f"--{name}", metavar=metavar, help="in place of the setting")


def run(given: argparse.Namespace) -> int:
    """Say line by line what works and what does not."""
    from skerry_agent import check, config  # noqa: PLC0415

    try:
        found = settings.of(given)
    except config.ConfigError as error:
        say(f"BAD config: {error}")
        return 2
    fine = True
    for one in check.findings(found, given.config or config.DEFAULT_FILE):
        say(f"{'ok ' if one.fine else 'BAD'} {one.subject}: {one.words}")
        fine = fine and one.fine
    return 0 if fine else 1
