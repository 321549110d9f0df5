"""Decisions as the hub tells them: their records, their columns, and what came of them in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from skerry_cli import words
from skerry_cli.kind import Column, Kind
from skerry_cli.records import MANY, Change, Counts, Names, Words
from skerry_cli.screen import Styled
from skerry_wire.frozen import frozen

LISTED = 50
MOST_LISTED = 1_000
"""Most that the hub tells at once."""


@frozen(kw_only=True)
class Decision:
    """What placement decided, in one line."""

    seq: int
    at: float
    cause: Words
    method: Words
    workloads: Names
    created: int
    moved: int
    replaced: int
    removed: int
    unplaced: int
    engine: Words
    inputs: Words
    outcome: Words


@frozen(kw_only=True)
class Asked:
    """A workload as it was asked for."""

    workload: Words
    revision: Words
    mode: Words
    replicas: int
    priority: int
    keep: bool


@frozen(kw_only=True)
class Version:
    """A document, and the version that it had."""

    kind: Words
    name: Words
    version: int


@frozen(kw_only=True)
class DecisionDetail:
    """All about one decision."""

    decision: Decision
    asked: Annotated[tuple[Asked, ...], MANY]
    may_preempt: bool
    node: Words
    force: bool
    strategy: Words
    changes: Annotated[tuple[Change, ...], MANY]
    more: bool
    unplaced: Counts
    refused: Annotated[Mapping[str, Counts], MANY]
    records: Words
    sections: Annotated[Mapping[str, Words], MANY]
    estimates: Words
    documents: Annotated[tuple[Version, ...], MANY]


@frozen(kw_only=True)
class Replay:
    """A decision made again."""

    seq: int
    result: Words
    difference: Words
    engine: Words
    engine_now: Words
    inputs: Words
    inputs_now: Words
    outcome: Words
    outcome_now: Words
    changes: Annotated[tuple[Change, ...], MANY]
    more: bool


def came(decision: Decision) -> str:
    """Return what came of a decision: 2 created, 1 moved."""
    counts = {
        "created": decision.created,
        "moved": decision.moved,
        "replaced": decision.replaced,
        "removed": decision.removed,
    }
    return words.joined([f"{number} {what}" for what, number in counts.items() if number])


def _unplaced(decision: Decision) -> Styled:
    return Styled(str(decision.unplaced), "red" if decision.unplaced else None)


DECISION = Kind(
    name="decision",
    short="dc",
    record=Decision,
    inside="decision",
    identity=lambda decision: str(decision.seq),
    names=lambda decision: (str(decision.seq), *decision.workloads),
    columns=(
        Column("SEQ", lambda decision, _: str(decision.seq)),
        Column("AGE", lambda decision, now: words.age(decision.at, now), passing=True),
        Column("CAUSE", lambda decision, _: decision.cause),
        Column("WORKLOADS", lambda decision, _: ",".join(decision.workloads)),
        Column("CHANGES", lambda decision, _: came(decision)),
        Column("UNPLACED", lambda decision, _: _unplaced(decision)),
        Column("INPUTS", lambda decision, _: decision.inputs[:12]),
        Column("TIME", lambda decision, _: words.moment(decision.at), wide=True),
        Column("METHOD", lambda decision, _: decision.method, wide=True),
        Column("OUTCOME", lambda decision, _: decision.outcome[:12], wide=True),
        Column("ENGINE", lambda decision, _: decision.engine, wide=True),
    ),
)
"""One decision; operators name its number, or its workloads, of which it may be one of many."""
