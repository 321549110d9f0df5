"""How far a placer is from the exact optimum, on hundreds of small random instances.

usage: python -m benchmarks.optimum [--placer MODULE:NAME]... [--family NAME]... [--instances N]
       [--seed N] [--time-s S] [-o json]

An instance has 5 to 30 bins of cpu, memory and GPUs, 10 to 80 items, and for each item the bins
that it may be in. Three families, the same number of instances each:

- placed: more is asked for than there is; what counts is how much of it is placed (each item is
  worth its largest share of the fleet's cpu, memory or GPUs);
- preferred: as crowded, and every item likes some bins more (0 to 1000 on top of 1000);
- cheapest: all fits; each bin has prices for cpu, memory and GPU, and a price for being in use.

The gap is what is missed of the optimum's value, in percent; of cheapest: by how much the costs
exceed the optimum's, where an item that is left out costs more than any place. The optimum is found
by HiGHS (`skerry_hub.balance`) and proven; where its time ran out, the gap is to its bound, which
is larger than to the optimum, and the row says how often.

A placer is a function `place_all(instance)` that returns the index of each item's bin or -1. It
gets items as `balance.problem.Item`, whose `scores` are what the places are worth, and sees all of
them at once. Everything that it returns is checked: an instance that it overcommits is an error.
The hub's own engine as a placer is in `benchmarks.placers`.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from benchmarks.row import BenchError, say
from skerry_hub.balance.groups import gather
from skerry_hub.balance.improve import improve
from skerry_hub.balance.load import Load, holds
from skerry_hub.balance.problem import NOWHERE, Bin, Ints, Item, Problem, ProblemError, value
from skerry_hub.balance.solve import Effort, Result, solve

Family = Literal["placed", "preferred", "cheapest"]

MACHINES = ((8_000, 16_384, 0), (16_000, 65_536, 0), (32_000, 131_072, 2), (64_000, 262_144, 8))
"""Thousandths of a processor, MiB, GPUs."""
SIZES = (
    (250, 256, 0),
    (1_000, 1_024, 0),
    (2_000, 8_192, 0),
    (4_000, 16_384, 1),
    (8_000, 32_768, 2),
)
"""Of an item, each up to twice as large."""
DIMENSIONS = 3
SHARE = 1_000_000
"""What an item is worth that takes the whole fleet."""
SITES = 3
FIGURES = ("median", "mean", "90th", "largest", "optimal", "unproven", "s")
DEFAULT = ("benchmarks.optimum:greedy",)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A problem, and what its value is measured from: 0, or what all would be worth for nothing.

    `prices`: of a thousandth of a processor, a MiB and a GPU in each bin, each times a thousand; 0
    where nothing has a price.
    """

    problem: Problem
    origin: int
    prices: Ints


Placer = Callable[[Instance], Sequence[int]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The gaps of a placer on one family, in percent; `unproven` are those to a bound."""

    family: str
    placer: str
    instances: int
    median_percent: float
    mean_percent: float
    p90_percent: float
    max_percent: float
    optimal: int
    unproven: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a placer cannot be used or breaks a rule."""
    given = _parser().parse_args(arguments)
    try:
        placers = {
            name.removeprefix("benchmarks."): _named(name) for name in given.placer or DEFAULT
        }
        families = given.family or get_args(Family)
        rows = list(measure(placers, given.instances, given.seed, given.time_s, families))
    except (BenchError, ProblemError) as error:
        say(f"optimum: {error}")
        return 1
    if given.output == "json":
        print(json.dumps({"seed": given.seed, "rows": [*map(dataclasses.asdict, rows)]}, indent=2))
    else:
        print(table(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.optimum",
        description="Compare a placer with the exact optimum on small random instances.",
    )
    parser.add_argument(
        "--placer",
        action="append",
        metavar="MODULE:NAME",
        help=f"what to call, may be repeated; default {DEFAULT[0]}",
    )
    parser.add_argument(
        "--family", action="append", choices=get_args(Family), help="default: every one"
    )
    parser.add_argument("--instances", type=int, default=100, help="of each family (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the first (default 1)")
    parser.add_argument(
        "--time-s", type=float, default=10, help="of the solver for one instance (default 10)"
    )
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return parser


def _named(name: str) -> Placer:
    module, _, function = name.partition(":")
    try:
        found: Placer = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise BenchError(f"placer {name}: {error}") from None
    return found


def measure(
    placers: Mapping[str, Placer],
    instances: int,
    seed: int,
    time_s: float,
    families: Sequence[Family] = get_args(Family),
) -> Iterator[Row]:
    """Yield a row for each family and placer; each instance is solved once for all of them."""
    if instances < 1:
        raise BenchError(f"{instances} instances: not at least 1")
    effort = Effort(time_s=time_s)
    for family in families:
        say(f"{family}: {instances} instances")
        found: dict[str, list[_Compared]] = {name: [] for name in placers}
        for number in range(seed, seed + instances):
            given = instance(family, number)
            best = solve(given.problem, effort)
            for name, place_all in placers.items():
                where = f"{family} {number}"
                found[name].append(_compare(given, best, place_all, where))
        for name, compared in found.items():
            yield _row(family, name, compared)


@dataclasses.dataclass(frozen=True, slots=True)
class _Compared:
    gap_percent: float
    proven: bool
    seconds: float


def _compare(given: Instance, best: Result, place_all: Placer, where: str) -> _Compared:
    """Return a placer's gap, whether it is to a proven optimum, and how long it took."""
    problem = given.problem
    began = time.perf_counter()
    placed = [int(place) for place in place_all(given)]
    seconds = time.perf_counter() - began
    if len(placed) != len(problem.items):
        raise BenchError(f"{where}: {len(placed)} places for {len(problem.items)} items")
    reached = value(problem, placed)
    if not holds(problem, placed):
        raise BenchError(f"{where}: the placer overcommits a bin")
    most = max(best.bound, reached)
    gap = gap_percent(most, reached, given.origin)
    return _Compared(gap, best.status == "optimal", seconds)


def _row(family: str, placer: str, compared: Sequence[_Compared]) -> Row:
    gaps = np.array([one.gap_percent for one in compared])
    return Row(
        family=family,
        placer=placer,
        instances=len(compared),
        median_percent=float(np.median(gaps)),
        mean_percent=float(gaps.mean()),
        p90_percent=float(np.percentile(gaps, 90)),
        max_percent=float(gaps.max()),
        optimal=int((gaps == 0).sum()),
        unproven=sum(not one.proven for one in compared),
        seconds=sum(one.seconds for one in compared),
    )


def gap_percent(best: int, reached: int, origin: int) -> float:
    """Return what is missed, in percent of how far the best is from the origin."""
    return 100 * (best - reached) / max(abs(best - origin), 1)


def instance(family: Family, seed: int) -> Instance:
    """Return an instance, the same for the same seed on any machine."""
    chance = np.random.default_rng([get_args(Family).index(family), seed])
    number = int(chance.integers(5, 31))
    machines = chance.integers(0, len(MACHINES), number)
    capacity = np.array(MACHINES, np.int64)[machines]
    sites = chance.integers(0, SITES, number)
    demands = _demands(chance, capacity, crowded=family != "cheapest")
    prices = chance.integers(20, 101, (number, DIMENSIONS)) * np.array([10, 1, 8_000])
    open_cost = capacity[:, 0] if family == "cheapest" else np.zeros(number, np.int64)
    total = np.maximum(capacity.sum(axis=0), 1)
    ceiling = 2 * int(open_cost.max()) + max(int((prices @ one).max()) for one in demands) // 1_000
    items = []
    for at, demand in enumerate(demands):
        able = (capacity >= demand).all(axis=1)
        if chance.random() < 0.3:
            able &= sites == chance.integers(SITES)
        bins = np.flatnonzero(able).astype(np.int64)
        scores = np.full(len(bins), int((SHARE * demand // total).max()), np.int64)
        if family == "preferred":
            scores = 1_000 + chance.integers(0, 1_001, len(bins), np.int64)
        if family == "cheapest":
            scores = ceiling - prices[bins] @ demand // 1_000
        items.append(Item(id=f"i{at}", demand=demand, bins=bins, scores=scores))
    made = [
        Bin(id=f"b{at}", capacity=capacity[at], open_cost=int(open_cost[at]))
        for at in range(number)
    ]
    able_items = sum(bool(len(one.bins)) for one in items)
    origin = ceiling * able_items if family == "cheapest" else 0
    priced = prices if family == "cheapest" else np.zeros_like(prices)
    return Instance(problem=Problem(items=items, bins=made), origin=origin, prices=priced)


def _demands(chance: np.random.Generator, capacity: Ints, *, crowded: bool) -> list[Ints]:
    """Return 10 to 80 demands, replicas of a few kinds.

    Crowded: each is made larger until they ask for more than there is of something. Otherwise
    smaller, until they ask for at most half of everything.
    """
    kinds = []
    for _ in range(int(chance.integers(3, 11))):
        size = np.array(SIZES[chance.integers(len(SIZES))], np.int64)
        size[:2] = (size[:2] * chance.uniform(1, 2)).astype(np.int64)
        kinds.append(size)
    demands = [
        kinds[chance.integers(len(kinds))].copy() for _ in range(int(chance.integers(10, 81)))
    ]
    total = capacity.sum(axis=0)
    if not crowded:
        for one in demands:
            if 2 * sum(int(other[2]) for other in demands) > total[2]:
                one[2] = 0
    asked = np.sum(demands, axis=0)
    room = float((total[:2] / asked[:2]).min())
    factor = max(1.1 * room, 1) if crowded else min(0.5 * room, 1)
    grown = [np.append((one[:2] * factor).astype(np.int64), one[2:]) for one in demands]
    return [np.minimum(one, capacity.max(axis=0)) for one in grown]


def greedy(given: Instance) -> list[int]:
    """Place the largest first, each where it is worth most, then where least is left.

    An example of a placer, and what a good one has to beat.
    """
    problem = given.problem
    items, bins = problem.items, problem.bins
    load = Load(problem)
    total = np.maximum(load.capacity.sum(axis=0), 1)
    open_cost = np.array([one.open_cost for one in bins], np.int64)
    places = [NOWHERE] * len(items)
    shares = [float((one.demand / total).max()) for one in items]
    for at in sorted(range(len(items)), key=lambda at: (-shares[at], at)):
        where = items[at].bins
        worth = items[at].scores - open_cost[where] * (load.inside[where] == 0)
        left = ((load.capacity[where] - load.used[where]) / total).sum(axis=1)
        fits = load.fits(at, where) & (worth > 0)
        if fits.any():
            order = np.lexsort((left, -worth, ~fits))
            places[at] = int(where[order[0]])
            load.put(at, places[at])
    return places


def improved(given: Instance) -> list[int]:
    """Place as `greedy` does, then better what single moves and pushing one aside can better."""
    return list(improve(gather(given.problem), greedy(given)))


def table(rows: Sequence[Row]) -> str:
    """Return the table in Markdown."""
    lines = [
        ("family", "placer", "instances", *FIGURES),
        ("---",) * 10,
    ]
    lines += [
        (
            row.family,
            row.placer,
            str(row.instances),
            f"{row.median_percent:.2f} %",
            f"{row.mean_percent:.2f} %",
            f"{row.p90_percent:.2f} %",
            f"{row.max_percent:.2f} %",
            str(row.optimal),
            str(row.unproven),
            f"{row.seconds:.1f}",
        )
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
