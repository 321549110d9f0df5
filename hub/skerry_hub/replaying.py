"""A decision made again from what it was made from, and compared with what came of it. Pure.

Three things can be found: the same; another outcome from the same inputs, which a change of the
engine explains, or nothing does; or inputs that are not those of the decision, which means that the
store was changed by somebody else than the hub.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from skerry_hub import desired, draining, replacing
from skerry_hub.deciding import Wanted, decide
from skerry_hub.decisions import (
    Answer,
    DecisionRecord,
    Estimates,
    KeptDecision,
    digest_of,
    estimates_digest,
    outcome_digest,
)
from skerry_hub.inputs import SECTIONS
from skerry_hub.latency import NOWHERE, Network, Rows
from skerry_hub.latency import Estimates as Times
from skerry_hub.model import Change
from skerry_hub.rebalance.moving import moved
from skerry_hub.scoring import with_scores
from skerry_hub.snapshot import columns_of
from skerry_hub.state import Draft, Known
from skerry_hub.views import PlanView
from skerry_hub.work import RefusedError, Work
from skerry_wire import codec

Result = Literal["same", "other_outcome", "other_inputs", "not_kept"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of it; `difference` is the first one, in words."""

    result: Result
    difference: str = ""
    inputs: str = ""
    """The digest of what it was made from again."""
    outcome: str = ""
    """The digest of what came of it now."""
    changes: tuple[Change, ...] = ()
    """What came of it now, with scores where they were asked for."""


def replay(
    kept: KeptDecision, known: Known, estimates: Estimates | None, *, scored: bool = False
) -> Replay:
    """Make a decision again. `known` are the records as they were right before it.

    With `scored` what it creates and moves has the scores by which its node was chosen.
    """
    record = kept.record
    inputs = digest_of(
        known.inputs.digest,
        estimates_digest(estimates),
        record.at,
        record.strategy,
        record.question,
    )
    wrong = _wrong_inputs(record, known, inputs)
    if wrong is not None:
        return Replay(result="other_inputs", difference=wrong, inputs=inputs)
    if outcome_digest(kept.answer) != record.outcome:
        wrong = "what came of it is not stored as it was"
        return Replay(result="other_inputs", difference=wrong, inputs=inputs)
    try:
        answer, changes = _again(record, known, estimates, scored)
    except RefusedError as error:
        return Replay(result="other_outcome", difference=f"it is refused: {error}", inputs=inputs)
    outcome = outcome_digest(answer)
    if outcome == record.outcome:
        return Replay(result="same", inputs=inputs, outcome=outcome, changes=changes)
    return Replay(
        result="other_outcome",
        difference=next(_differences(kept.answer, answer), "it is told otherwise"),
        inputs=inputs,
        outcome=outcome,
        changes=changes,
    )


def _wrong_inputs(record: DecisionRecord, known: Known, inputs: str) -> str | None:
    """Say in what the inputs are other than they were, None where they are the same."""
    if known.inputs.digest != record.records:
        now = known.inputs.sections
        changed = [name for name in SECTIONS if record.sections.get(name) != now[name]]
        return f"the {' and '.join(changed) or 'records'} are not those that it was made from"
    if inputs != record.inputs:
        return "what was asked, the time or the round-trip times are not those of the decision"
    return None


def _again(
    record: DecisionRecord, known: Known, estimates: Estimates | None, scored: bool
) -> tuple[Answer, tuple[Change, ...]]:
    """Return what comes of it, and the steps, with scores where they are wanted."""
    draft = Draft(known)
    draft.notes_all = True
    columns = columns_of(known)
    network = NOWHERE if estimates is None else Remembered(columns.ids(), estimates)
    strategy: Literal["spread", "pack"] = "pack" if record.strategy == "pack" else "spread"
    work = Work(draft, columns, record.at, network, strategy)
    with columns.trial():
        _ask(work, record)
    answer = draft.made[0].answer if draft.made else Answer()
    if not scored or record.question.method != "decide":
        return answer, answer.changes
    wanted = [one.workload for one in record.question.wanted]
    before = dataclasses.replace(work, draft=draft.base())
    plan = with_scores(before, draft, wanted, PlanView(changes=answer.changes))
    return answer, plan.changes


def _ask(work: Work, record: DecisionRecord) -> None:
    """Ask what was asked. Raises RefusedError where it is refused now."""
    question = record.question
    workload = question.wanted[0].workload
    match question.method:
        case "decide":
            wanted = [
                Wanted(one.workload, keep=one.keep, limits=one.limits, turn=one.turn)
                for one in question.wanted
            ]
            decide(work, wanted, may_preempt=question.may_preempt)
        case "evacuate":
            draining.evacuated(
                work, workload, question.node, force=question.force, done=question.done
            )
        case "lose":
            replacing.replaced(work, workload, question.nodes, question.done)
        case "move":
            moved(work, workload, question.instance, question.node)
        case "remove":
            desired.delete(work, workload.name)


class Remembered(Network):
    """The round-trip times that one decision could read; of everything else nothing is known."""

    def __init__(self, nodes: Sequence[str], estimates: Estimates) -> None:
        """`nodes` are the ids that the times are of, in their order."""
        super().__init__()
        self._at = {node: index for index, node in enumerate(nodes)}
        self._ms = {place: np.frombuffer(ms, "<f8") for place, ms in estimates.ms.items()}

    @property
    def naming(self) -> object:
        """Nothing else has its rows."""
        return self

    def rows(self, nodes: Sequence[str]) -> Rows:
        """Return where the times of nodes stand, -1 where there is none."""
        return np.array([self._at.get(node, -1) for node in nodes], np.int64)

    def between(self, place: str, nodes: Sequence[str] | Rows) -> Times:
        """Return the times of nodes to a place, and no errors: no decision reads them."""
        rows = nodes if isinstance(nodes, np.ndarray) else self.rows(nodes)
        ms = self._ms.get(place)
        unknown = np.full(len(rows), np.nan)
        if ms is None or not len(ms):
            return unknown, unknown
        found = np.where((rows >= 0) & (rows < len(ms)), ms[np.clip(rows, 0, len(ms) - 1)], np.nan)
        return found, np.where(np.isnan(found), np.nan, 0.0)


# --- differences --------------------------------------------------------------------------


def _differences(then: Answer, now: Answer) -> Iterator[str]:
    """Yield in what two answers differ, what matters most first."""
    yield from _each("", then.changes, now.changes, lambda one: one.instance, _step)
    yield from _each("instance ", then.assignments, now.assignments, lambda one: one.id, _plain)
    yield from _each("end of ", then.ended, now.ended, str, str)
    yield from _mapped("without a node of ", then.unplaced, now.unplaced)
    yield from _mapped("nodes that refuse ", then.refused, now.refused)


def _each(
    what: str,
    then: Sequence[Any],
    now: Sequence[Any],
    name: Callable[[Any], str],
    words: Callable[[Any], str],
) -> Iterator[str]:
    old, new = ({name(one): words(one) for one in some} for some in (then, now))
    yield from _mapped(what, old, new)


def _mapped(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(then.keys() | now.keys()):
        if then.get(key) != now.get(key):
            yield f"{what}{key}: {then.get(key, 'nothing')}, and now {now.get(key, 'nothing')}"


def _step(change: Change) -> str:
    detail = f" ({change.detail})" if change.detail else ""
    return f"{change.action} on {change.node}{detail}"


def _plain(record: object) -> str:
    return str(codec.to_plain(record))
