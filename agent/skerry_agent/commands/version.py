"""`skerry-agent version`."""

from __future__ import annotations

import argparse

from skerry_agent.commands.output import say

DESCRIPTION = "Print the version."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `version` takes: nothing."""


def run(_given: argparse.Namespace) -> int:
    """Print the version."""
    from skerry_wire import __version__  # noqa: PLC0415

    say(f"skerry-agent {__version__}")
    return 0
