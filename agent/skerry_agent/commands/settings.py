"""How commands are told where the settings are, and which of them they override."""

from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skerry_agent.config import Config

_OPTIONS = ("broker", "node_id", "state", "executor", "control", "heartbeat_s")


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the settings' file."""
    parser.add_argument("--config", type=pathlib.Path, metavar="FILE", help="the settings' file")


def of(given: argparse.Namespace) -> Config:
    """Return the settings. Raises ConfigError."""
    from skerry_agent import config  # noqa: PLC0415

    return config.from_process(
        given.config, {name: getattr(given, name, None) for name in _OPTIONS}
    )
