"""What the store keeps of a draft for replay: its part of the log, and its decisions. Pure."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from skerry_hub.decisions import (
    Answer,
    Asked,
    DecisionRecord,
    Estimates,
    Made,
    estimates_digest,
    inputs_digest,
    outcome_digest,
)
from skerry_hub.fleet_log import Entry, LogError, entry_of, packed, unpacked
from skerry_hub.inputs import Change, Inputs
from skerry_hub.model import Assignment
from skerry_hub.model import Change as Effect
from skerry_hub.overlay import Step
from skerry_hub.state import Draft
from skerry_wire import __version__, codec
from skerry_wire.errors import WireError

T = TypeVar("T")
TOO_MANY = "they were too many to be kept"
MOST_ESTIMATES = 64 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """What a transaction adds: `log` is None where placement sees no change and none decided.

    `blobs`: hardware that nodes had, and round-trip times, by digest.
    """

    log: bytes | None
    blobs: dict[str, bytes]
    decisions: tuple[tuple[DecisionRecord, Answer], ...]


def recorded(draft: Draft, inputs: Inputs | None) -> Recorded:
    """Return what a draft adds. `inputs` are those before it; they may be None with no decision."""
    blobs: dict[str, bytes] = {}
    entries: list[Entry] = []
    positions: list[int] = []
    for step in draft.steps:
        positions.append(len(entries))
        entry = entry_of(step, blobs)
        if entry is not None:
            entries.append(entry)
    positions.append(len(entries))
    decisions = []
    if draft.made and inputs is not None:
        for made, now in zip(draft.made, _as_it_was(draft, inputs), strict=True):
            if made.estimates is not None:
                blobs[estimates_digest(made.estimates)] = pressed(made.estimates)
            decisions.append((_record(made, positions[made.first], *now), made.answer))
    log = packed(entries) if entries or decisions else None
    return Recorded(log, blobs, tuple(decisions))


def _as_it_was(draft: Draft, inputs: Inputs) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the digests of the records before each decision: of all, and of each section."""
    sums, done = inputs.fork(), 0
    for made in draft.made:
        for step in draft.steps[done : made.first]:
            sums.step(_change(step))
        done = made.first
        yield sums.digest, sums.sections


def _change(step: Step) -> Change:
    key = step.key if isinstance(step.key, tuple) else None
    return Change(step.section, str(step.key), step.before, step.after, key)


def _record(made: Made, position: int, records: str, sections: dict[str, str]) -> DecisionRecord:
    return DecisionRecord(
        cause=made.cause or "other",
        at=made.at,
        engine=__version__,
        strategy=made.strategy,
        question=made.question,
        position=position,
        records=records,
        sections=sections,
        estimates=estimates_digest(made.estimates),
        estimates_lost=TOO_MANY if made.too_many_estimates else "",
        inputs=inputs_digest(made, records),
        outcome=outcome_digest(made.answer),
    )


# --- bytes --------------------------------------------------------------------------------


def content_of(record: DecisionRecord, answer: Answer) -> bytes:
    """Return a decision as bytes; its lists may be of any length."""
    question = dataclasses.replace(record.question, wanted=())
    return packed(
        [
            ["record", codec.to_plain(dataclasses.replace(record, question=question))],
            *(["wanted", codec.to_plain(one)] for one in record.question.wanted),
            *(["unplaced", list(one)] for one in answer.unplaced.items()),
            *(["refused", [name, dict(one)]] for name, one in answer.refused.items()),
            *(["assignment", codec.to_plain(one)] for one in answer.assignments),
            *(["change", codec.to_plain(one)] for one in answer.changes),
            *(["ended", one] for one in answer.ended),
        ]
    )


def read_content(data: bytes, what: str) -> tuple[DecisionRecord, Answer]:
    """Return the decision that bytes hold. Raises LogError."""
    parts: dict[str, list[Any]] = {}
    for entry in unpacked(data, what):
        if not (isinstance(entry, list) and len(entry) == 2):
            raise LogError(f"the {what} is damaged")
        parts.setdefault(str(entry[0]), []).append(entry[1])
    try:
        return _record_of(parts), Answer(
            assignments=_all(Assignment, parts.get("assignment", ())),
            changes=_all(Effect, parts.get("change", ())),
            ended=tuple(map(str, parts.get("ended", ()))),
            unplaced=_pairs(parts.get("unplaced", ()), int),
            refused=_pairs(parts.get("refused", ()), lambda told: _pairs(told.items(), int)),
        )
    except (WireError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise LogError(f"the {what} is damaged: {error}") from None


def _record_of(parts: Mapping[str, Sequence[Any]]) -> DecisionRecord:
    (plain,) = parts["record"]
    record = codec.from_plain(DecisionRecord, plain)
    wanted = _all(Asked, parts["wanted"])
    return dataclasses.replace(record, question=dataclasses.replace(record.question, wanted=wanted))


def _pairs(found: Iterable[Any], read: Callable[[Any], T]) -> dict[str, T]:
    return {str(name): read(value) for name, value in found}


def _all(kind: type[T], plain: Sequence[Any]) -> tuple[T, ...]:
    return tuple(codec.from_plain(kind, one) for one in plain)


def pressed(estimates: Estimates) -> bytes:
    """Return round-trip times as bytes."""
    return zlib.compress(codec.pack(list(map(list, sorted(estimates.ms.items())))), 1)


def read_estimates(digest: str, data: bytes) -> Estimates:
    """Return the round-trip times that bytes hold. Raises LogError where they are not these."""
    try:
        press = zlib.decompressobj()
        plain = codec.unpack(press.decompress(data, MOST_ESTIMATES), MOST_ESTIMATES)
        found = Estimates(ms={str(place): bytes(ms) for place, ms in plain})
    except (zlib.error, WireError, ValueError, TypeError) as error:
        raise LogError(
            f"the round-trip times {digest} that were kept are damaged: {error}"
        ) from None
    if estimates_digest(found) != digest:
        raise LogError(f"the round-trip times {digest} that were kept are damaged")
    return found
