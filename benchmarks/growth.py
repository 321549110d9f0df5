"""How the figures of placement grow with the fleet, from 1,000 nodes to a million, as a plot.

usage: ./dev bench --only growth
       python -m benchmarks.growth [--most N] [--plot FILE] [-o json]

Measures what `benchmarks.placement` does on fleets of 1,000, 10,000, 100,000 and 1,000,000 nodes,
one after the other. What grows no worse than linearly has an exponent of at most 1: the slope of
the line that fits its logarithms best. The steepest step between two sizes is told beside it: where
a fleet outgrows the processor's caches, it is more than 1 for a while. Times are processor time.

A million takes about twelve minutes and ten GiB of memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.placement import Figures, figures_of
from benchmarks.plot import Curve, plot
from benchmarks.row import Row, at_most, say

PLOT = pathlib.Path(__file__).resolve().parents[1] / "docs" / "growth.svg"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LINEAR = 1.0

CURVES: Mapping[str, Callable[[Figures], float]] = {
    "explain what fits nowhere": lambda one: one.explain_nowhere.processor * 1000,
    "explain what fits somewhere": lambda one: one.explain_some.processor * 1000,
    "cold request, fields never asked before": lambda one: one.cold_unasked.processor * 1000,
    "cold request": lambda one: one.cold.processor * 1000,
    "1,000 replicas apart and spread": lambda one: one.spread.processor * 1000,
    "one warm placement, one a call": lambda one: one.warm_calls.processor * 1000,
    "one warm placement of many": lambda one: one.warm.processor * 1000,
    "a node's change: a device unplugged": lambda one: one.unplugged.processor * 1000,
    "a node's change: liveness, taint, label": lambda one: one.change.processor * 1000,
}
"""What is drawn, in milliseconds."""


def exponents(sizes: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the logarithms, and the steepest between two sizes that follow."""
    x, y = np.log(np.array(sizes, np.float64)), np.log(np.maximum(np.array(values), 1e-9))
    slope = float(np.polyfit(x, y, 1)[0])
    return round(slope, 3), round(float((np.diff(y) / np.diff(x)).max()), 3)


def rows_of(found: Sequence[Figures]) -> list[Row]:
    """Return a row for each figure that grows."""
    sizes = [one.nodes for one in found]
    rows = []
    for name, value in CURVES.items():
        values = [value(one) for one in found]
        slope, steepest = exponents(sizes, values)
        told = ", ".join(f"{one:.3g}" for one in values)
        note = f"steepest {steepest:.2f}; {told} ms"
        rows.append(at_most(f"growth: {name}", slope, LINEAR, "as exponent", note=note))
    largest = found[-1]
    of = f"columns, for each of {largest.nodes:,} nodes"
    rows.append(at_most(of, largest.column_bytes, 400, "bytes"))
    return rows


def drawn(found: Sequence[Figures]) -> str:
    """Return the plot as SVG."""
    curves = [
        Curve(name, tuple((float(one.nodes), value(one)) for one in found))
        for name, value in CURVES.items()
    ]
    return plot(
        "Placement: processor time by the size of the fleet",
        "nodes",
        "milliseconds",
        curves,
    )


def measured(most: int) -> list[Figures]:
    """Measure fleets up to this size."""
    return [figures_of(size) for size in SIZES if size <= most]


def measure() -> list[Row]:
    """Measure all sizes, and draw the plot of the documentation."""
    found = measured(SIZES[-1])
    PLOT.write_text(drawn(found))
    say(f"{PLOT} is written")
    return rows_of(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 1 where something grows worse than linearly."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description="How the figures of placement grow with the fleet.",
    )
    parser.add_argument("--most", type=int, default=SIZES[-1], metavar="N", help="the largest")
    parser.add_argument("--plot", type=pathlib.Path, metavar="FILE", help="write an SVG")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    if options.most < SIZES[1]:
        parser.error(f"--most must be at least {SIZES[1]}")
    found = measured(options.most)
    rows = rows_of(found)
    if options.plot is not None:
        options.plot.write_text(drawn(found))
        say(f"{options.plot} is written")
    if options.output == "json":
        print(json.dumps([dataclasses.asdict(one) for one in found], indent=2))
    else:
        for row in rows:
            missed = "  MISSED" if row.met is False else ""
            print(f"{row.what:58} {row.figure}  {row.budget}{missed}")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
