"""Decisions as they are listed and shown. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

from skerry_hub.decisions import DecisionRecord, KeptDecision
from skerry_hub.documents import Dataset, Document, Endpoint, KeptDocument, Policy, kind_of
from skerry_hub.model import Change, Explanation, Workload
from skerry_hub.policies import is_about
from skerry_hub.replaying import Replay
from skerry_hub.selector import SelectorError

SHOWN = 1_000
"""Most changes of one decision that are shown."""


_PUTTING = frozenset({"create", "move"})
"""The steps that say where an instance is from then on."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """What placement decided, in one line.

    `workloads` are those that were asked about, then those of which instances had to end for them.
    The counts are of instances; `unplaced` found no node.
    """

    seq: int
    at: float
    cause: str
    method: str
    workloads: tuple[str, ...]
    created: int
    moved: int
    replaced: int
    removed: int
    unplaced: int
    engine: str
    inputs: str
    outcome: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AskedView:
    """A workload as it was asked for; `keep`: nothing of it was to move."""

    workload: str
    revision: str
    mode: str
    replicas: int
    priority: int
    keep: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A document, and the version that it had."""

    kind: str
    name: str
    version: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDetail:
    """What was decided, why, and from what.

    `refused` counts, of what found no node, the nodes that each constraint refused. `records` is
    the digest of all nodes, workloads, assignments and documents before the decision, `sections`
    those of each of the four; `estimates` that of the round-trip times that it could read.
    `documents` are those about its workloads, by the hub's clock then. `more`: there are more
    changes than are shown.
    """

    decision: DecisionView
    asked: tuple[AskedView, ...]
    may_preempt: bool
    node: str
    force: bool
    strategy: str
    changes: tuple[Change, ...]
    more: bool
    unplaced: Mapping[str, int]
    refused: Mapping[str, Mapping[str, int]]
    records: str
    sections: Mapping[str, str]
    estimates: str
    documents: tuple[VersionView, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayView:
    """A decision made again.

    `result`: `same`; `other_outcome` of the same inputs; `other_inputs` than it was made from;
    `not_kept`, where they are not there any more. `difference` is the first one. `engine` decided
    then, `engine_now` now. `changes` are those of now.
    """

    seq: int
    result: Literal["same", "other_outcome", "other_inputs", "not_kept"]
    difference: str
    engine: str
    engine_now: str
    inputs: str
    inputs_now: str
    outcome: str
    outcome_now: str
    changes: tuple[Change, ...]
    more: bool


def decision_view(kept: KeptDecision) -> DecisionView:
    """Return a decision in one line."""
    record, answer = kept.record, kept.answer
    counts = dict.fromkeys(("create", "move", "replace", "remove"), 0)
    for change in answer.changes:
        if change.action in counts:
            counts[change.action] += 1
    asked = [one.workload.name for one in record.question.wanted]
    return DecisionView(
        seq=kept.seq,
        at=record.at,
        cause=record.cause,
        method=record.question.method,
        workloads=(*asked, *sorted(answer.workloads - set(asked))),
        created=counts["create"],
        moved=counts["move"],
        replaced=counts["replace"],
        removed=counts["remove"],
        unplaced=sum(answer.unplaced.values()),
        engine=record.engine,
        inputs=record.inputs,
        outcome=record.outcome,
    )


def decision_detail(kept: KeptDecision, documents: Iterable[KeptDocument]) -> DecisionDetail:
    """Return all about a decision; `documents` are those that there were."""
    record, answer = kept.record, kept.answer
    return DecisionDetail(
        decision=decision_view(kept),
        asked=tuple(
            AskedView(
                workload=one.workload.name,
                revision=one.workload.revision,
                mode=one.workload.mode,
                replicas=one.workload.replicas,
                priority=one.workload.placement.priority,
                keep=one.keep,
            )
            for one in record.question.wanted
        ),
        may_preempt=record.question.may_preempt,
        node=record.question.node,
        force=record.question.force,
        strategy=record.strategy,
        changes=answer.changes[:SHOWN],
        more=len(answer.changes) > SHOWN,
        unplaced=answer.unplaced,
        refused=answer.refused,
        records=record.records,
        sections=record.sections,
        estimates=record.estimates or record.estimates_lost,
        documents=tuple(_versions(record, documents)),
    )


def with_decisions(found: Explanation, decisions: Iterable[KeptDecision]) -> Explanation:
    """Return an explanation whose instances name the decision that put each where it is.

    `decisions` are those about its workload, the newest first, as far as they are looked at.
    """
    put: dict[str, KeptDecision] = {}
    moved: set[str] = set()
    where = {one.instance: one.node for one in found.standings}
    for kept in decisions:
        for change in kept.answer.changes:
            if change.action not in _PUTTING or change.instance in moved:
                continue
            moved.add(change.instance)
            if where.get(change.instance) == change.node:
                put[change.instance] = kept
    standings = []
    for one in found.standings:
        by = put.get(one.instance)
        seq, at = (None, None) if by is None else (by.seq, by.record.at)
        standings.append(dataclasses.replace(one, decision=seq, decided_at=at))
    return dataclasses.replace(found, standings=tuple(standings))


def replay_view(kept: KeptDecision, found: Replay, engine: str) -> ReplayView:
    """Return what came of a decision that was made again, by an engine of this version."""
    record = kept.record
    return ReplayView(
        seq=kept.seq,
        result=found.result,
        difference=found.difference,
        engine=record.engine,
        engine_now=engine,
        inputs=record.inputs,
        inputs_now=found.inputs,
        outcome=record.outcome,
        outcome_now=found.outcome,
        changes=found.changes[:SHOWN],
        more=len(found.changes) > SHOWN,
    )


def _versions(record: DecisionRecord, documents: Iterable[KeptDocument]) -> list[VersionView]:
    wanted = [one.workload for one in record.question.wanted]
    found = [
        VersionView(kind=kind_of(one.document), name=one.document.name, version=one.version)
        for one in documents
        if any(_matters(one.document, workload) for workload in wanted)
    ]
    return sorted(found, key=lambda one: (one.kind, one.name))


def _matters(document: Document, workload: Workload) -> bool:
    """Say whether a decision about a workload could have looked at a document."""
    match document:
        case Policy():
            try:
                return is_about(document, workload)
            except SelectorError:
                return False
        case Dataset():
            return any(one.dataset == document.name for one in workload.placement.data)
        case Endpoint():
            places = {one.name for one in workload.placement.latency if one.to == "endpoint"}
            return document.name in places
    return True
