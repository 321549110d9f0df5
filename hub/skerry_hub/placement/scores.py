"""SCORES: how good a feasible node is, as numbers from 0 to 1 over many nodes.

Each value depends on its own row only and is the same whichever rows it is computed with, so that
after a placement one row is computed again. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from skerry_hub.fleet.columns import Columns, Mask, Rows
from skerry_hub.fleet.facts import AMOUNT_LIMIT, Resource
from skerry_hub.fleet.reserved import Counts
from skerry_hub.model import Workload

Scores = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """`of` takes the columns, the workload, its instances on each of the rows, and the rows."""

    name: str
    weight: float
    of: Callable[[Columns, Workload, Counts, Rows], Scores]


def spread(_columns: Columns, _workload: Workload, own: Counts, _rows: Rows) -> Scores:
    """Prefer nodes with few instances of this workload."""
    return _per_instance(own)


def runtime(columns: Columns, _workload: Workload, _own: Counts, rows: Rows) -> Scores:
    """Prefer nodes whose runtime's socket was found: the others may turn out to have none."""
    return columns.runtime_answers(rows).astype(np.float64)


def accelerators(columns: Columns, workload: Workload, _own: Counts, rows: Rows) -> Scores:
    """Leave nodes with idle accelerators to workloads that ask for some."""
    if workload.resources.devices:
        return np.ones(len(rows))
    none_idle: Mask = columns.idle_count(rows) == 0
    return none_idle.astype(np.float64)


def balance(columns: Columns, workload: Workload, _own: Counts, rows: Rows) -> Scores:
    """Prefer nodes with most room left: the smaller of the shares of processors and memory."""
    wanted = workload.resources
    amounts = ((Resource.CPU, wanted.cpu_milli), (Resource.MEMORY, wanted.memory_bytes))
    room = np.ones(len(rows))
    for resource, amount in amounts:
        left = columns.free(resource, rows) - min(amount, AMOUNT_LIMIT)
        room = np.minimum(room, left / np.maximum(columns.total(resource, rows), 1))
    return np.clip(room, 0.0, 1.0)


def quiet(columns: Columns, _workload: Workload, _own: Counts, rows: Rows) -> Scores:
    """Prefer nodes with few instances: workloads that reserve nothing spread too."""
    return _per_instance(columns.instances(rows))


def _per_instance(count: Counts) -> Scores:
    return 1.0 / (1.0 + count.astype(np.float64))


SCORES = (
    Score("runtime", 16.0, runtime),
    Score("spread", 8.0, spread),
    Score("accelerators", 1.5, accelerators),
    Score("balance", 1.0, balance),
    Score("quiet", 0.5, quiet),
)
"""Weights fall so that one who has none of the workload yet comes before any with more room."""

TOTAL_WEIGHT = sum(score.weight for score in SCORES)


def score_all(
    columns: Columns, workload: Workload, own: Counts, rows: Rows
) -> tuple[Scores, dict[str, Scores]]:
    """Return the weighted mean, 0 to 1, and what it is made of."""
    parts = {score.name: score.of(columns, workload, own, rows) for score in SCORES}
    total = np.zeros(len(rows))
    for score in SCORES:
        total = total + score.weight * parts[score.name]
    return total / TOTAL_WEIGHT, parts
