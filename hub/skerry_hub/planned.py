"""What holds an apply to a plan that was made before: the same inputs, and the same outcome. Pure.

An apply decides again, in the transaction that would carry it out. It is refused as stale where
anything that could matter is other than it was, and where the outcome is, whatever the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from skerry_hub.inputs import SECTIONS, Inputs
from skerry_hub.state import Draft
from skerry_hub.views import Basis, Problem
from skerry_hub.work import RefusedError, Work
from skerry_wire import codec

MOST_NAMED = 10
FIELD = "basis"


def basis_of(work: Work) -> Basis:
    """Return what an outcome was decided from, and the outcome, from the draft that has it."""
    inputs = work.draft.inputs
    return Basis(inputs=inputs.digest, sections=inputs.sections, outcome=outcome_of(work.draft))


def outcome_of(draft: Draft) -> str:
    """Return the digest of everything that a draft would change of what is wanted."""
    whole = [list(part) for part in _parts(draft)]
    return hashlib.sha256(codec.pack(whole)).hexdigest()[:32]


def _parts(draft: Draft) -> Iterator[Iterator[Any]]:
    yield _contents({key: one and one.workload for key, one in draft.workloads.changes.items()})
    yield _contents(draft.assignments.changes)
    documents = draft.documents.changes.items()
    yield _contents({"/".join(key): one and one.document for key, one in documents})


def _contents(changes: Mapping[str, Any]) -> Iterator[Any]:
    for key in sorted(changes):
        record = changes[key]
        yield [key, None if record is None else codec.to_plain(record)]


def check_inputs(work: Work, planned: Basis) -> None:
    """Refuse a plan that was decided from other than there is now. Raises RefusedError.

    To be asked before anything is changed.
    """
    inputs = work.draft.inputs
    if planned.inputs != inputs.digest:
        raise RefusedError(409, *_problems(inputs, planned))


def check_outcome(work: Work, planned: Basis) -> None:
    """Refuse a plan of which another outcome would come now. Raises RefusedError.

    To be asked when everything is decided, and before it is carried out.
    """
    if planned.outcome == outcome_of(work.draft):
        return
    reason = "the plan is stale: another outcome would come of it now"
    if planned.inputs == work.draft.inputs.digest:
        reason += ", from the same records: by other round-trip times, by the time "
        reason += "that it is, or since the plan was edited after it was made"
    raise RefusedError(409, Problem(reason=reason, field=f"{FIELD}.outcome"))


def changes_since(inputs: Inputs, planned: Basis) -> Iterator[str]:
    """Yield what changed since a plan was made, by name as far as it is known."""
    found = inputs.since(planned.inputs)
    if found is None:
        now = inputs.sections
        changed = [name for name in SECTIONS if planned.sections.get(name) != now[name]]
        names = ", ".join(changed) or "something"
        yield f"{names} changed since, too long ago, or too much, to be named"
        return
    changes, more = found
    yield from map(str, changes[:MOST_NAMED])
    more += max(0, len(changes) - MOST_NAMED)
    if more:
        yield f"{more} further changes"


def _problems(inputs: Inputs, planned: Basis) -> Iterator[Problem]:
    for change in changes_since(inputs, planned):
        yield Problem(reason=f"the plan is stale: {change}", field=f"{FIELD}.inputs")
