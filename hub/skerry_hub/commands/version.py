"""`skerry-hub version`."""

from __future__ import annotations

import argparse

from skerry_wire import __version__


def add_options(_parser: argparse.ArgumentParser) -> None:
    """Add nothing."""


def run(_given: argparse.Namespace) -> int:
    """Print the version."""
    print(f"skerry-hub {__version__}")
    return 0
