"""Rollouts and histories of workloads over HTTP: their routes, and what these answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import desired
from skerry_hub.access.scope import EVERYTHING, Scope, narrowed_plan
from skerry_hub.api import scoping
from skerry_hub.api.bodies import asked, body_of, items_of, json_of, shown
from skerry_hub.api.callers import By
from skerry_hub.api.health import deaf_because
from skerry_hub.naming import find_workload
from skerry_hub.rollout.advancing import pause, resume
from skerry_hub.rollout.records import RevisionRecord
from skerry_hub.rollout.showing import (
    changes_of,
    history_views,
    revision_to_undo,
    rollout_detail,
    rollout_view,
)
from skerry_hub.rollout.views import RevisionDetail, RevisionView, RolloutDetail, RolloutView
from skerry_hub.views import PlanView, Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.service import Service
from skerry_wire.schema import Range

Name = Annotated[str, Path(max_length=253)]
Number = Annotated[int, Path(ge=1)]
PATH = "/api/v1/workloads/{workload}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UndoRequest:
    """Which revision to go back to; without `to`, the one that was before what it has now.

    While a rollout goes on or is paused, that is the newest that all instances had.
    """

    to: Annotated[int, Range(1, 2**53 - 1)] | None = None


SCHEMAS = (RolloutView, RolloutDetail, RevisionView, RevisionDetail, UndoRequest)


class RolloutAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def all(self, scope: Scope = EVERYTHING) -> list[RolloutView]:
        """Return the rollouts of all workloads that have one, by name; the last one of each."""
        known, deaf = self._service.known, deaf_because(self._service.broker_part)
        found = [known.workloads.get(name) for name in sorted(known.updates.rollouts)]
        within = [kept for kept in found if kept is not None and scope.has_workload(kept.workload)]
        views = [rollout_view(known, kept, deaf) for kept in within]
        return [view for view in views if view is not None]

    def one(self, name: str) -> RolloutDetail:
        """Return how far a workload's rollout is."""
        deaf = deaf_because(self._service.broker_part)
        return rollout_detail(self._service.known, find_workload(self._service.known, name), deaf)

    def pause(self, name: str) -> RolloutDetail:
        """Let no further instance be updated."""
        return self._changed(name, lambda work: pause(work, name))

    def resume(self, name: str) -> RolloutDetail:
        """Let it go on."""
        return self._changed(name, lambda work: resume(work, name))

    def _changed(self, name: str, change: Callable[[Work], None]) -> RolloutDetail:
        self._service.call(change)
        return self.one(name)

    def undo(self, name: str, request: UndoRequest, scope: Scope = EVERYTHING) -> PlanView:
        """Want again what a workload was. Raises RefusedError."""
        find_workload(self._service.known, name)
        revisions = self._service.store.revisions(name)
        number = request.to
        if number is None:
            number = revision_to_undo(self._service.known.updates.rollouts.get(name), revisions)
        revision = _numbered(name, revisions, number)
        scoping.check_workloads(scope, [revision.content])

        def change(work: Work) -> PlanView:
            plan = desired.undo(work, revision)
            scoping.check_changes(scope, work, plan)
            return plan

        return narrowed_plan(scope, self._service.known, self._service.call(change))

    def history(self, name: str) -> list[RevisionView]:
        """Return a workload's revisions, the newest first."""
        find_workload(self._service.known, name)
        return history_views(self._service.known, self._service.store.revisions(name))

    def revision(self, name: str, number: int) -> RevisionDetail:
        """Return one revision with its content. Raises RefusedError where it is not kept."""
        find_workload(self._service.known, name)
        revisions = self._service.store.revisions(name)
        found = _numbered(name, revisions, number)
        views = history_views(self._service.known, revisions)
        view = next(one for one in views if one.number == number)
        newest = revisions[0].content
        return RevisionDetail(
            revision=view,
            content=found.content,
            undo_changes=changes_of(newest, found.content),
        )


def _numbered(name: str, revisions: list[RevisionRecord], number: int | None) -> RevisionRecord:
    """Return a revision by its number. Raises RefusedError."""
    if number is None:
        reason = f"{name} has no revision before the one that it has"
        raise RefusedError(409, Problem(reason=reason, field="to"))
    found = next((one for one in revisions if one.number == number), None)
    if found is None:
        kept = ", ".join(str(one.number) for one in reversed(revisions))
        reason = f"{name} has no revision {number} any more, or never had; kept are {kept}"
        raise RefusedError(404, Problem(reason=reason, field="to"))
    return found


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add them to the application. Without a service there is only their document."""
    answers: Any = RolloutAnswers(service) if service is not None else None

    @app.get("/api/v1/rollouts", responses=shown(RolloutView, many=True), response_class=Response)
    def rollouts(by: By) -> Response:
        """List the newest rollout of each workload that was updated step by step, by name."""
        return items_of(answers.all(by.scope))

    @app.get(PATH + "/rollout", responses=shown(RolloutDetail), response_class=Response)
    def rollout(workload: Name) -> Response:
        """Show how far the instances of a workload have come to its newest content."""
        return json_of(answers.one(workload))

    @app.post(PATH + "/rollout/pause", responses=shown(RolloutDetail), response_class=Response)
    def pause_rollout(workload: Name) -> Response:
        """Let no further instance be updated; those that their nodes are at come to their end."""
        return json_of(answers.pause(workload))

    @app.post(PATH + "/rollout/resume", responses=shown(RolloutDetail), response_class=Response)
    def resume_rollout(workload: Name) -> Response:
        """Let a paused rollout go on, whatever failed until now."""
        return json_of(answers.resume(workload))

    @app.post(
        PATH + "/rollout/undo",
        responses=shown(PlanView),
        response_class=Response,
        openapi_extra=asked(UndoRequest),
    )
    async def undo_rollout(workload: Name, by: By, request: Request) -> Response:
        """Want again what a workload was at an earlier revision, as a new one."""
        wanted = await body_of(request, UndoRequest)
        return json_of(await run_in_threadpool(answers.undo, workload, wanted, by.scope))

    @app.get(PATH + "/revisions", responses=shown(RevisionView, many=True), response_class=Response)
    def revisions(workload: Name) -> Response:
        """List the revisions of a workload that are kept, the newest first."""
        return items_of(answers.history(workload))

    @app.get(PATH + "/revisions/{number}", responses=shown(RevisionDetail), response_class=Response)
    def revision(workload: Name, number: Number) -> Response:
        """Show one revision with its whole content."""
        return json_of(answers.revision(workload, number))
