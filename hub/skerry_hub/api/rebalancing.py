"""A rebalance over HTTP: its routes, and what these answer.

A plan is solved here, in a thread of the API, from a picture that the writer took: it holds nobody
up. Who wants the moves sends them back, wave by wave; the hub keeps no plan, so one that nobody
goes on with ends by itself.
"""

from __future__ import annotations

import threading
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub.api.bodies import asked, body_of, json_of, shown
from skerry_hub.rebalance.moving import move_all, refused_of
from skerry_hub.rebalance.picture import picture_of
from skerry_hub.rebalance.records import MovesRequest, RebalanceRequest, RebalanceView
from skerry_hub.views import PlanView
from skerry_hub.work import Work
from skerry_hub.writer.service import BusyError, Service

MOST_CHECKED = 500
"""Moves that the engine is asked about for a plan; the rest when they are made."""
SCHEMAS = (RebalanceRequest, RebalanceView, MovesRequest)


class RebalanceAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._solving = threading.Lock()

    def plan(self, request: RebalanceRequest) -> RebalanceView:
        """Return the moves that make the fleet better. Raises BusyError while another is made."""
        # A solver takes a whole processor, and much memory.
        if not self._solving.acquire(blocking=False):
            raise BusyError("another rebalance is being planned; try again when it is done")
        try:
            from skerry_hub.rebalance.planning import solved, view_of  # noqa: PLC0415 - HiGHS

            call = self._service.call
            picture = call(
                lambda work: picture_of(work, request.objective, request.move_cost_percent),
                dry=True,
            )
            done = solved(picture, request)
            if done is None:
                return view_of(picture, None, request)
            moves = done.moves(MOST_CHECKED)
            refused = call(lambda work: refused_of(work, moves), dry=True)
            return view_of(picture, done, request, refused)
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
        return json_of(await run_in_threadpool(answers.plan, wanted))

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
