"""What the benchmarks on others' data have in common: their options, and how results are told."""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def parser_of(prog: str, words: str | None) -> argparse.ArgumentParser:
    """Return a parser of `--data` and `-o`, to which a benchmark adds its own options."""
    parser = argparse.ArgumentParser(
        prog=prog, description=words, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument(
        "-o",
        dest="output",
        choices=("table", "json"),
        help="one of the two alone; by default the table goes to standard error, JSON to output",
    )
    return parser


def tell(results: Sequence[Any], table: Iterable[str], output: str | None) -> None:
    """Print results (dataclasses) as JSON and as the lines of a table, or as one of the two."""
    if output != "json":
        where = sys.stdout if output == "table" else sys.stderr
        print("\n".join(table), file=where)
    if output != "table":
        print(json.dumps([dataclasses.asdict(one) for one in results], indent=2))
