"""An apply decided, and as a plan with its scores: the same for a hub and without one. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from skerry_hub import approvals, desired, documenting, planned
from skerry_hub.documents import Document
from skerry_hub.model import Workload
from skerry_hub.scoring import with_scores
from skerry_hub.views import Basis, DocumentPlan, PlanView, Problem
from skerry_hub.work import Work
from skerry_hub.workloads.source import Source

PutAll = Callable[[Work, Sequence[Document]], tuple[DocumentPlan, ...]]


def put_all(work: Work, documents: Sequence[Document]) -> tuple[DocumentPlan, ...]:
    """Keep documents."""
    return tuple(documenting.put(work, document) for document in documents)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for. With a `basis` it is done as it was planned, or refused.

    `only_outcome`: as long as the outcome is as planned, whatever it is decided from.
    """

    documents: tuple[Document, ...] = ()
    workloads: tuple[Workload, ...] = ()
    prune: bool = False
    basis: Basis | None = None
    only_outcome: bool = False
    sources: Mapping[str, Source] = dataclasses.field(default_factory=dict)
    """Where the workloads are asked for, by their names."""
    warnings: tuple[Problem, ...] = ()
    """What of it means less here than it says."""


def decide(work: Work, wish: Wish, put: PutAll = put_all) -> PlanView:
    """Decide, documents first: workloads are placed as they say. Raises RefusedError."""
    if wish.basis is not None and not wish.only_outcome:
        planned.check_inputs(work, wish.basis)
    done = put(work, wish.documents)
    plan = desired.apply(work, wish.workloads, prune=wish.prune, sources=wish.sources)
    if wish.basis is not None:
        planned.check_outcome(work, wish.basis)
    basis = planned.basis_of(work)
    told = (*wish.warnings, *approvals.warnings(work.draft, wish.workloads))
    return dataclasses.replace(plan, documents=done, basis=basis, warnings=told)


def scored(work: Work, wish: Wish, plan: PlanView) -> PlanView:
    """Return a decided plan with its scores; the columns must be as they were before it."""
    before = dataclasses.replace(work, draft=work.draft.base())
    put_all(before, wish.documents)
    return with_scores(before, work.draft, wish.workloads, plan)
