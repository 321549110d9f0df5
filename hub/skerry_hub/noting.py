"""Notes the decisions that a draft makes: what changes something, or finds no place. Pure.

Called where a decision has been carried into the draft. It reads what the draft has, and adds to
its list; what placement decided is never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from skerry_hub.decisions import Answer, Estimates, Made, Question, shortages
from skerry_hub.latency import endpoint, some
from skerry_hub.model import Assignment, Change, Explanation, Workload
from skerry_hub.overlay import Step
from skerry_hub.placement.nearness import origins_of
from skerry_hub.work import Work

MOST_ESTIMATE_BYTES = 16 * 1024 * 1024
"""Of the round-trip times of one decision: 20 places for 100,000 nodes."""


def note(
    work: Work,
    first: int,
    question: Question,
    changes: Iterable[Change],
    unplaced: Iterable[Explanation] = (),
) -> None:
    """Note a decision that began when the draft had made `first` steps, if it is worth keeping.

    It is where an assignment is other than before, and where the number that found no place is
    other than at the last decision about the workload.
    """
    draft = work.draft
    assignments, ended = _net(draft.steps[first:])
    # Of what is lost nothing is looked for that was missing before.
    names = [one.workload.name for one in question.wanted if question.method != "lose"]
    counts, refused = shortages(names, unplaced)
    is_as_before = question.method == "remove" or all(
        draft.unplaced(name) == count for name, count in counts.items()
    )
    if is_as_before and not (assignments or ended or draft.notes_all):
        return
    told = (one for one in changes if one.action != "keep" or one.detail)
    answer = Answer(
        assignments=tuple(assignments[key] for key in sorted(assignments)),
        ended=tuple(sorted(ended)),
        changes=tuple(sorted(told, key=lambda one: (one.workload, one.instance, one.action))),
        unplaced=counts,
        refused=refused,
    )
    estimates = _estimates(work, [one.workload for one in question.wanted], answer)
    too_many = estimates is not None and estimates.size > MOST_ESTIMATE_BYTES
    draft.made.append(
        Made(
            cause=draft.cause,
            at=work.now,
            strategy=work.strategy,
            question=question,
            answer=answer,
            first=first,
            estimates=None if too_many else estimates,
            too_many_estimates=too_many,
        )
    )


def _net(steps: Sequence[Step]) -> tuple[dict[str, Assignment], set[str]]:
    """Return the assignments that steps made other than they were, and those that they ended."""
    before: dict[str, Assignment | None] = {}
    after: dict[str, Assignment | None] = {}
    for step in steps:
        if step.section == "assignments":
            before.setdefault(step.key, step.before)
            after[step.key] = step.after
    changed = {key: one for key, one in after.items() if one != before[key]}
    return (
        {key: one for key, one in changed.items() if one is not None},
        {key for key, one in changed.items() if one is None},
    )


def _estimates(work: Work, wanted: Sequence[Workload], answer: Answer) -> Estimates | None:
    """Return the round-trip times that the decision could read, None where it reads none."""
    others = (work.draft.workloads.get(name) for name in sorted(answer.workloads))
    workloads = {one.name: one for one in wanted}
    for kept in others:
        if kept is not None:
            workloads.setdefault(kept.workload.name, kept.workload)
    places = _places(work, workloads)
    if not places:
        return None
    ids = work.columns.ids()
    rows = work.network.rows(ids)
    times = {place: work.network.between(place, rows)[0] for place in sorted(places)}
    return Estimates(ms={place: ms.astype("<f8").tobytes() for place, ms in times.items()})


def _places(work: Work, workloads: Mapping[str, Workload]) -> set[str]:
    world = work.world
    found: set[str] = set()
    for workload in workloads.values():
        for term in workload.placement.latency:
            if term.to == "endpoint":
                found.add(endpoint(term.name))
            else:
                found.update(some(sorted(origins_of(world, workload, term))))
    return found
