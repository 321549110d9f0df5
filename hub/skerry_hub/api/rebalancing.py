"""A rebalance over HTTP: its routes, and what these answer.

A plan is made here, in a thread of the API, on a snapshot that the writer only hands over: it holds
nobody up. Who wants the moves sends them back, wave by wave; the hub keeps no plan, so one that
nobody goes on with ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import planned
from skerry_hub.api.bodies import asked, body_of, json_of, shown
from skerry_hub.rebalance.moving import move_all
from skerry_hub.rebalance.records import (
    CheckRequest,
    CheckView,
    MovesRequest,
    RebalanceRequest,
    RebalanceView,
)
from skerry_hub.snapshot import Snapshot, snapshot_of, work_of
from skerry_hub.views import Basis, PlanView
from skerry_hub.work import Work
from skerry_hub.writer.calling import BusyError
from skerry_hub.writer.service import Service

LOOK_S = 0.5
"""How often it is looked whether somebody still waits for a plan."""
SCHEMAS = (RebalanceRequest, RebalanceView, MovesRequest, CheckRequest, CheckView)


class RebalanceAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._solving = threading.Lock()

    def plan(self, request: RebalanceRequest, gone: threading.Event | None = None) -> RebalanceView:
        """Return the moves that make the fleet better. Raises BusyError while another is made.

        It ends soon, and raises that too, when who asked is `gone`.
        """
        with self._alone():
            # HiGHS is imported only where somebody plans.
            from skerry_hub.rebalance.plan_view import outcome_of  # noqa: PLC0415
            from skerry_hub.rebalance.planning import GivenUpError, plan  # noqa: PLC0415

            snapshot = self._service.call(self._look, dry=True)
            is_given_up = None if gone is None else gone.is_set
            try:
                found = plan(work_of(snapshot), request, is_given_up)
            except GivenUpError:
                raise BusyError("who asked for the plan has gone away") from None
            basis = Basis(
                inputs=snapshot.inputs or "",
                sections=snapshot.sections,
                outcome=outcome_of(found.waves),
            )
            return dataclasses.replace(found, basis=basis)

    def check(self, request: CheckRequest) -> CheckView:
        """Return how far a plan was carried out. Raises RefusedError where it is stale."""

        def look(work: Work) -> tuple[Snapshot, tuple[str, ...]]:
            changes = planned.changes_since(work.draft.inputs, request.basis)
            return self._look(work), tuple(changes)

        with self._alone():
            from skerry_hub.rebalance.checking import check  # noqa: PLC0415 - HiGHS

            snapshot, changes = self._service.call(look, dry=True)
            return check(work_of(snapshot), request, snapshot.inputs or "", changes)

    def _look(self, work: Work) -> Snapshot:
        # In the writer's thread, where no record comes or goes meanwhile.
        return snapshot_of(self._service.known, work)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others out: a solver takes a whole processor, and much memory."""
        if not self._solving.acquire(blocking=False):
            raise BusyError("another rebalance is being planned; try again when it is done")
        try:
            yield
        finally:
            self._solving.release()

    def move(self, request: MovesRequest) -> PlanView:
        """Do the moves of a wave, all or none, in one transaction. Raises RefusedError."""

        def change(work: Work) -> PlanView:
            done = move_all(work, request.moves)
            for one in request.moves:
                node = work.draft.nodes.get(one.target)
                detail = f"from {one.source}" + (f": {request.note}" if request.note else "")
                work.draft.events.append(
                    self._service.hub_event(
                        node, "rebalanced", detail[:1024], work.now, subject=one.instance
                    )
                )
            return done

        return self._service.call(change)


async def _watch(request: Request, gone: threading.Event) -> None:
    """Tell when who asked has gone away."""
    while not await request.is_disconnected():
        await asyncio.sleep(LOOK_S)
    gone.set()


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add them to the application. Without a service there is only their document."""
    answers: Any = RebalanceAnswers(service) if service is not None else None

    @app.post(
        "/api/v1/rebalance/plan",
        responses=shown(RebalanceView),
        response_class=Response,
        openapi_extra=asked(RebalanceRequest),
    )
    async def plan(request: Request) -> Response:
        """Say which moves would make the fleet better, and how much better none could make it.

        Changes nothing, and takes as long as `time_limit_s` allows; one at a time (503).
        """
        wanted = await body_of(request, RebalanceRequest)
        gone = threading.Event()
        watch = asyncio.create_task(_watch(request, gone))
        try:
            return json_of(await run_in_threadpool(answers.plan, wanted, gone))
        finally:
            watch.cancel()

    @app.post(
        "/api/v1/rebalance/check",
        responses=shown(CheckView),
        response_class=Response,
        openapi_extra=asked(CheckRequest),
    )
    async def check(request: Request) -> Response:
        """Say how far a plan was carried out, and what is left to gain; or that it is stale (409).

        It is where a move cannot be made any more, or the moves do not gain what they did.
        """
        wanted = await body_of(request, CheckRequest)
        return json_of(await run_in_threadpool(answers.check, wanted))

    @app.post(
        "/api/v1/rebalance/moves",
        responses=shown(PlanView),
        response_class=Response,
        openapi_extra=asked(MovesRequest),
    )
    async def move(request: Request) -> Response:
        """Move instances as a wave of a plan says, all of them or none (409).

        Each must be where the plan had it, and its new node must take it now.
        """
        wanted = await body_of(request, MovesRequest)
        return json_of(await run_in_threadpool(answers.move, wanted))
