"""One line of the table, and how it is timed."""

from __future__ import annotations

import dataclasses
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence


class BenchError(Exception):
    """Something could not be measured; the text says what and why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured, its figure in words, and its budget. `met` is None where none is set."""

    what: str
    figure: str
    budget: str = ""
    met: bool | None = None


def at_most(what: str, value: float, budget: float, unit: str, *, note: str = "") -> Row:
    """Return the row of a figure that must not be larger than its budget."""
    return Row(
        what=what,
        figure=_figure(value, unit, note),
        budget=f"<= {budget:g} {unit}",
        met=value <= budget,
    )


def at_least(what: str, value: float, budget: float, unit: str, *, note: str = "") -> Row:
    """Return the row of a figure that must not be smaller than its budget."""
    return Row(
        what=what,
        figure=_figure(value, unit, note),
        budget=f">= {budget:,.0f} {unit}",
        met=value >= budget,
    )


def plain(what: str, value: float, unit: str, *, note: str = "") -> Row:
    """Return the row of a figure without a budget."""
    return Row(what=what, figure=_figure(value, unit, note))


def _figure(value: float, unit: str, note: str) -> str:
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{number} {unit}{f' ({note})' if note else ''}"


def say(text: str) -> None:
    """Tell how far it is, apart from the table."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def process_ms(
    command: Sequence[str], runs: int, environment: Mapping[str, str] | None = None
) -> tuple[list[float], float]:
    """Return how long each run of a whole process takes, and the median of their processor time.

    In milliseconds. One run more, before, brings the files into memory. Raises BenchError when a
    run fails.
    """
    found, worked = [], []
    for _ in range(runs + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, **(environment or {})}, capture_output=True, check=False
        )
        found.append((time.perf_counter() - started) * 1000)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        worked.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()[-500:]
            raise BenchError(f"{' '.join(command)}: status {done.returncode}: {words}")
    return found[1:], median(worked[1:])


def spread(values: Sequence[float]) -> str:
    """Return in words how far the values lie apart."""
    return f"{min(values):.0f} to {max(values):.0f} in {len(values)} runs"


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return statistics.median(values)
