"""How well the round-trip times of unmeasured pairs are estimated, on measured matrices.

usage: python -m benchmarks.latency --data DIR [--peers N] [--seeds N] [-o json]

Each node picks `peers` random others and measures those; the error is that of all pairs which
nobody measured: |estimate - true| / true. Two ways to count what is measured:

- either: a pair is measured when either end picked it. A node is part of about twice as many
  measured pairs as it picked.
- in all: each node picks half as many, so that it is part of about `peers` measured pairs in all.

Plain Vivaldi (4 dimensions, height, both constants 0.25, each node learns from its own picks) runs
on the same picks. The true time of a pair is the mean of both directions; 0 is no measurement.

The constants of the hub's coordinates (dimensions, robustness, damping and sweeps in `embedding`;
number, reach and doubt in `corrections`) are the same for all data. They were chosen on the
planetlab matrix with the picks of seeds 0 and 100, which are not used here: seeds begin with 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import lzma
import pathlib
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmarks.row import BenchError, say
from skerry_hub.placement.coordinates import Coordinates

Matrix = npt.NDArray[np.float64]
Picks = npt.NDArray[np.bool_]

MATRICES = ("planetlab-490.txt", "seattle-99.txt")
COUNTED = ("either", "in all")
MAX_BYTES = 64 * 2**20
VIVALDI_DIMENSIONS = 4
VIVALDI_GAIN = 0.25
VIVALDI_SAMPLES = 100
"""Samples that plain Vivaldi takes of each pick."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The errors of one method on one matrix: means over the seeds.

    `within_error_percent` is the share of pairs whose error is at most the error told with the
    estimate; None where the method tells none.
    """

    matrix: str
    counted: str
    method: str
    measured_per_node: float
    pairs: int
    median_percent: float
    p90_percent: float
    within_error_percent: float | None
    seconds: float
    seeds: int


def main() -> int:
    """Measure and print; the exit status is 1 when the data cannot be read."""
    given = _parser().parse_args()
    try:
        results = list(measure(given.data, given.peers, given.seeds))
    except (BenchError, OSError, lzma.LZMAError) as error:
        say(f"latency: {error}")
        return 1
    if given.output == "json":
        rows = [dataclasses.asdict(result) for result in results]
        print(json.dumps({"peers": given.peers, "rows": rows}, indent=2))
    else:
        print(table(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency",
        description="Estimate the round-trip times of unmeasured pairs of measured matrices.",
    )
    parser.add_argument(
        "--data",
        type=pathlib.Path,
        required=True,
        help=f"a folder with {' and '.join(MATRICES)}, plain or .xz",
    )
    parser.add_argument("--peers", type=int, default=32, help="picks of each node (default 32)")
    parser.add_argument("--seeds", type=int, default=5, help="how often to pick (default 5)")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return parser


def measure(data: pathlib.Path, peers: int, seeds: int) -> Iterator[Result]:
    """Yield the results of both methods on every matrix of the folder."""
    for name in MATRICES:
        true = read(data, name)
        if not 2 <= peers < len(true) or seeds < 1:
            raise BenchError(f"{peers} peers of {len(true)} nodes, {seeds} seeds: cannot be picked")
        for counted in COUNTED:
            number = peers if counted == "either" else peers // 2
            say(f"{name}, {number} picks a node, {seeds} seeds")
            yield from _compare(name, counted, true, number, seeds)


def _compare(name: str, counted: str, true: Matrix, number: int, seeds: int) -> Iterator[Result]:
    found: dict[str, list[tuple[float, ...]]] = {"plain Vivaldi": [], "Skerry": []}
    measured, pairs = [], []
    for seed in range(1, seeds + 1):
        picks = pick(true, number, seed)
        either = picks | picks.T
        hidden = np.triu(~either & (true > 0), 1)
        measured.append(float(either.sum(1).mean()))
        pairs.append(int(hidden.sum()))
        started = time.perf_counter()
        plain = vivaldi(true, picks, seed)
        between = time.perf_counter()
        ms, error = complete(true, picks, seed)
        ended = time.perf_counter()
        found["plain Vivaldi"].append((*errors(plain, true, hidden), between - started))
        inside = float((np.abs(ms - true) <= error)[hidden].mean() * 100)
        found["Skerry"].append((*errors(ms, true, hidden), ended - between, inside))
    for method, rows in found.items():
        means = [float(np.mean(column)) for column in zip(*rows, strict=True)]
        yield Result(
            matrix=name,
            counted=counted,
            method=method,
            measured_per_node=float(np.mean(measured)),
            pairs=int(np.mean(pairs)),
            median_percent=means[0],
            p90_percent=means[1],
            within_error_percent=means[3] if len(means) > 3 else None,
            seconds=means[2],
            seeds=seeds,
        )


def read(data: pathlib.Path, name: str) -> Matrix:
    """Return a matrix of milliseconds, symmetric, 0 where nobody measured.

    Raises BenchError when the file is missing, too large or not a square of times.
    """
    text = _text(data, name)
    try:
        given = np.array([line.split() for line in text.splitlines() if line.strip()], np.float64)
    except ValueError as error:
        raise BenchError(f"{name}: {error}") from None
    if given.ndim != 2 or given.shape[0] != given.shape[1] or len(given) < 3:
        raise BenchError(f"{name}: not a square of numbers: {given.shape}")
    if not np.isfinite(given).all() or (given < 0).any():
        raise BenchError(f"{name}: holds a time that is negative or not finite")
    times = (given > 0).astype(np.int64) + (given.T > 0)
    true: Matrix = (given + given.T) / np.maximum(times, 1)
    np.fill_diagonal(true, 0)
    return true


def _text(data: pathlib.Path, name: str) -> str:
    plain, packed = data / name, data / f"{name}.xz"
    if plain.is_file():
        with plain.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    elif packed.is_file():
        with lzma.open(packed) as file:
            content = file.read(MAX_BYTES + 1)
    else:
        raise BenchError(f"{data} has no {name} and no {name}.xz")
    if len(content) > MAX_BYTES:
        raise BenchError(f"{name} is longer than {MAX_BYTES} bytes")
    return content.decode("ascii", errors="replace")


def pick(true: Matrix, number: int, seed: int) -> Picks:
    """Return who picked whom: each node `number` random others, fewer where less was measured."""
    chance = np.random.default_rng(seed)
    picks = np.zeros(true.shape, np.bool_)
    for node, times in enumerate(true):
        known = np.flatnonzero(times > 0)
        picks[node, chance.choice(known, min(number, len(known)), replace=False)] = True
    return picks


def errors(estimated: Matrix, true: Matrix, hidden: Picks) -> tuple[float, float]:
    """Return the median and 90th percentile of the hidden pairs' relative errors, in percent."""
    relative = np.abs(estimated - true)[hidden] / true[hidden] * 100
    return float(np.median(relative)), float(np.percentile(relative, 90))


def complete(true: Matrix, picks: Picks, seed: int) -> tuple[Matrix, Matrix]:
    """Return the estimates of the hub's coordinates and their errors, for all pairs."""
    names = [str(node) for node in range(len(true))]
    coordinates = Coordinates(seed=seed, peers=max(1, int(picks.sum(1).max())))
    for node, name in enumerate(names):
        peers = np.flatnonzero(picks[node]).tolist()
        coordinates.observe(name, {names[peer]: float(true[node, peer]) for peer in peers})
    coordinates.refine()
    ms, error = coordinates.matrix(names, names)
    return ms.astype(np.float64), error.astype(np.float64)


def vivaldi(true: Matrix, picks: Picks, seed: int) -> Matrix:
    """Return the estimates of plain Vivaldi, for all pairs.

    In each round every node takes one sample of one of its picks, all at the same time.
    """
    chance = np.random.default_rng(seed)
    nodes = len(true)
    which = np.arange(nodes)
    numbers = np.maximum(picks.sum(1), 1)
    chosen = np.argsort(~picks, axis=1, kind="stable")
    place = chance.normal(size=(nodes, VIVALDI_DIMENSIONS))
    height = np.zeros(nodes)
    doubt = np.ones(nodes)
    for _ in range(VIVALDI_SAMPLES * int(numbers.max())):
        peer = chosen[which, chance.integers(0, numbers)]
        ms = true[which, peer]
        apart = place - place[peer]
        distance = np.maximum(np.linalg.norm(apart, axis=1), 1e-9)
        wrong = ms - (distance + height + height[peer])
        share = doubt / np.maximum(doubt + doubt[peer], 1e-9)
        learn = VIVALDI_GAIN * share
        doubt = doubt * (1 - learn) + np.abs(wrong) / np.maximum(ms, 1e-9) * learn
        step = VIVALDI_GAIN * share * wrong
        place = place + (step / distance)[:, None] * apart
        height = np.maximum(height + step * 0.5, 0)
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    estimated: Matrix = apart + height[:, None] + height[None]
    return estimated


def table(results: Sequence[Result]) -> str:
    """Return the table in Markdown."""
    lines = [
        ("matrix", "counted", "measured a node", "method", "median", "90th", "within error", "s"),
        ("---",) * 8,
    ]
    for row in results:
        inside = row.within_error_percent
        lines.append(
            (
                row.matrix,
                row.counted,
                f"{row.measured_per_node:.1f}",
                row.method,
                f"{row.median_percent:.1f} %",
                f"{row.p90_percent:.1f} %",
                "-" if inside is None else f"{inside:.0f} %",
                f"{row.seconds:.1f}",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
