"""Why a workload goes where it goes: every node, every reason, with numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.columns import Columns, Mask, Rows
from skerry_hub.fleet.reserved import Counts
from skerry_hub.model import Assignment, Explanation, Verdict, Workload
from skerry_hub.placement.constraints import reason_of
from skerry_hub.placement.scores import Scores, score_all
from skerry_hub.placement.trial import Trial


def explain(
    columns: Columns,
    workload: Workload,
    current: Sequence[Assignment],
    *,
    node: str | None = None,
) -> Explanation:
    """Return what every node (or only `node`, an id) says to a workload; `columns` stays as it is.

    `current` are its assignments, reserved in `columns`. While replicas are missing, the question
    is whether a node takes one more; when none is, whether it would take one, had it none of this
    workload. The verdicts begin with the best node, and go on with the nearest miss: the fewest
    reasons, then the smallest shortages. The counts are always those of all nodes.
    """
    trial = Trial(columns, workload)
    if workload.mode == "global" or len(current) >= workload.replicas:
        for assignment in current:
            trial.release(assignment)
        own: dict[str, int] = {}
    else:
        own = _per_node(current)
    rows = trial.columns.rows()
    blocked, alone = _counts(trial, rows)
    feasible = trial.mask(rows)
    shown = np.ones_like(feasible)
    if node is not None:
        at = trial.columns.row(node)
        shown = rows == (-1 if at is None else at)
    placed_there = _instances(current)
    verdicts = _feasible(trial, rows[feasible & shown], own, placed_there)
    verdicts += _refusing(trial, rows[~feasible & shown], placed_there)
    return Explanation(
        workload=workload.name,
        wanted=_wanted(trial, rows, feasible, current),
        placed=len(current),
        feasible=int(np.count_nonzero(feasible)),
        blocked=blocked,
        alone=alone,
        verdicts=tuple(verdicts),
    )


def _per_node(current: Sequence[Assignment]) -> dict[str, int]:
    return {node: len(instances) for node, instances in _instances(current).items()}


def _instances(current: Sequence[Assignment]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for assignment in sorted(current, key=lambda assignment: assignment.id):
        found[assignment.node] = (*found.get(assignment.node, ()), assignment.id)
    return found


def _counts(trial: Trial, rows: Rows) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many nodes each constraint refuses, and how many it alone refuses."""
    refused: dict[str, Mask] = {}
    for need in trial.requirements:
        mask = ~need.mask(trial.columns, rows)
        refused[need.name] = refused.get(need.name, np.zeros_like(mask)) | mask
    constraints = np.zeros(len(rows), dtype=np.int64)
    for mask in refused.values():
        constraints += mask
    blocked = {name: int(np.count_nonzero(mask)) for name, mask in refused.items()}
    alone = {
        name: int(np.count_nonzero(mask & (constraints == 1))) for name, mask in refused.items()
    }
    return (
        {name: count for name, count in blocked.items() if count},
        {name: count for name, count in alone.items() if count},
    )


def _feasible(
    trial: Trial, rows: Rows, own: dict[str, int], placed_there: dict[str, tuple[str, ...]]
) -> list[Verdict]:
    facts = list(trial.columns.each(rows))
    counts: Counts = np.array([own.get(one.id, 0) for one in facts], dtype=np.int64)
    total, parts = score_all(trial.columns, trial.workload, counts, rows)
    named: dict[str, Scores] = {name: np.round(values, 4) for name, values in parts.items()}
    # Rows come by node id, and the sort is stable: equal scores keep that order, as in `place`.
    return [
        Verdict(
            node=facts[index].id,
            hostname=facts[index].hostname,
            feasible=True,
            score=round(float(total[index]), 4),
            scores={name: float(values[index]) for name, values in named.items()},
            instances=placed_there.get(facts[index].id, ()),
        )
        for index in np.argsort(-total, kind="stable").tolist()
    ]


def _refusing(trial: Trial, rows: Rows, placed_there: dict[str, tuple[str, ...]]) -> list[Verdict]:
    found = []
    for row in rows.tolist():
        facts = trial.columns.facts(row)
        refusals = trial.refusals(row)
        verdict = Verdict(
            node=facts.id,
            hostname=facts.hostname,
            feasible=False,
            reasons=tuple(reason_of(name, refusal) for name, refusal in refusals),
            instances=placed_there.get(facts.id, ()),
        )
        missing = sum(refusal.share for _, refusal in refusals)
        found.append(((len(refusals), missing, facts.id), verdict))
    return [verdict for _, verdict in sorted(found, key=lambda pair: pair[0])]


def _wanted(trial: Trial, rows: Rows, feasible: Mask, current: Sequence[Assignment]) -> int:
    """Return how many instances there should be: what is placed and what is unplaced."""
    if trial.workload.mode == "replicated":
        return trial.workload.replicas
    having = {trial.columns.row(assignment.node) for assignment in current}
    # What instances do not use up is never a shortage.
    possible = trial.mask(rows, used_up=False)
    others = [
        row
        for row, passes in zip(rows[possible].tolist(), feasible[possible].tolist(), strict=True)
        if row not in having and (passes or trial.is_short(row))
    ]
    return len(current) + len(others)
