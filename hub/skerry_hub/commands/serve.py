"""`skerry-hub serve`."""

from __future__ import annotations

import argparse
import sys

from skerry_hub import config


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `serve` takes."""
    config.add_options(parser)


def run(given: argparse.Namespace) -> int:
    """Run the hub until it is told to end."""
    from skerry_hub.serving import serve  # noqa: PLC0415

    try:
        settings = config.checked(vars(given))
    except config.ConfigError as error:
        print(f"skerry-hub: {error}", file=sys.stderr)
        return 2
    return serve(settings)
