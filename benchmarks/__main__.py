"""Measures everything, and prints one table.

usage: ./dev bench [--only NAME] [-o json]
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
from collections.abc import Callable, Sequence

from benchmarks import machine
from benchmarks.row import BenchError, Row, say
from lab.processes import LabError

MEASURES: dict[str, str] = {
    "version": "commands.version",
    "capability": "commands.capability",
    "discovery": "discovery.measure",
    "hotplug": "hotplug.measure",
    "apply": "apply.measure",
    "heartbeats": "heartbeats.measure",
    "heartbeats-tls": "heartbeats.measure_tls",
    "idle": "idle.measure",
    "idle-tls": "idle_tls.measure",
    "lifecycle": "lifecycle.measure",
    "placement": "placement.measure",
    "devices": "devices.measure",
    "rollout": "rollout.measure",
    "growth": "growth.measure",
}
"""The module and function of each, in the order in which they are measured. They are imported when
they are: help needs no more than the standard library, and comes before anything is installed."""

ASKED_FOR = frozenset({"growth"})
"""Those that take so long, and so much memory, that they are measured only where they are named."""


def main() -> int:
    """Measure; the exit status is 1 when a budget is not met or something cannot be measured."""
    given = _parser().parse_args()
    names = given.only or [name for name in MEASURES if name not in ASKED_FOR]
    described = machine.describe()
    rows: list[Row] = []
    for name in names:
        try:
            rows += measure(name)()
        except (BenchError, LabError) as error:
            say(f"{name}: {error}")
            reason = str(error).split("\n", 1)[0]
            rows.append(Row(what=name, figure=f"could not be measured: {reason}", met=False))
    if given.output == "json":
        print(
            json.dumps({"machine": described, "rows": [*map(dataclasses.asdict, rows)]}, indent=2)
        )
    else:
        print(table(described, rows))
    return int(any(row.met is False for row in rows))


def measure(name: str) -> Callable[[], list[Row]]:
    """Return what measures this."""
    module, _, function = MEASURES[name].partition(".")
    found: Callable[[], list[Row]] = getattr(
        importlib.import_module(f"benchmarks.{module}"), function
    )
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measure speed, memory and traffic on the real parts, and print one table. "
        "Takes about ten minutes; what else runs on the machine shows in the figures.",
        epilog="exit status: 0 every budget is met, 1 not",
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        choices=list(MEASURES),
        help=f"measure only this; may be repeated: {', '.join(MEASURES)}; "
        f"only where named: {', '.join(sorted(ASKED_FOR))}",
    )
    parser.add_argument(
        "-o", "--output", choices=["table", "json"], default="table", help="how to print it"
    )
    return parser


def table(described: dict[str, str], rows: Sequence[Row]) -> str:
    """Return the table in Markdown, with the machine's description above it."""
    words = {True: "yes", False: "NO", None: "-"}
    lines = [("what", "figure", "budget", "met"), ("---",) * 4]
    lines += [(row.what, row.figure, row.budget or "-", words[row.met]) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    text = [f"{name}: {value}" for name, value in described.items()]
    text.append("")
    for line in lines:
        cells = (
            "-" * width if cell == "---" else cell.ljust(width)
            for cell, width in zip(line, widths, strict=True)
        )
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(main())
