"""The program `skerry`: an interrupt ends it without a traceback, also while it is imported."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command line and return the exit status."""
    try:
        from skerry_cli.main import main as run  # noqa: PLC0415 - takes long enough to be interrupted

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
