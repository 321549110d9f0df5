"""`./dev demo`: the whole path on this machine.

Help needs no more than the standard library, and comes before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys

from lab.processes import LabError

MOST_BOXES = 500


def main() -> int:
    """Play the story, then end or stay; the exit status is 1 when it went wrong."""
    parser = argparse.ArgumentParser(prog="./dev demo", description=_DESCRIPTION)
    parser.add_argument("--once", action="store_true", help="end when the story is told")
    parser.add_argument(
        "--boxes",
        type=_count,
        default=0,
        metavar="N",
        help=f"so many simulated boxes beside the real one, at most {MOST_BOXES}",
    )
    given = parser.parse_args()
    from lab import demo  # noqa: PLC0415 - not for help

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        with contextlib.ExitStack() as end:
            demo.run(end, once=given.once, count=given.boxes)
    except KeyboardInterrupt:
        return 130
    except LabError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    return 0


_DESCRIPTION = """The whole path on this machine, with the real programs: hub, broker, box,
workload, and what happens when the agent dies. Needs root. Everything is removed at the end."""


def _count(text: str) -> int:
    """Return a number of boxes. Raises ValueError, of which argparse makes a message."""
    count = int(text)
    if not 0 <= count <= MOST_BOXES:
        raise argparse.ArgumentTypeError(f"must be from 0 to {MOST_BOXES}")
    return count


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
