"""The routes with which boxes join and renew, for everybody; and those about tokens and boxes.

The first are asked by strangers: what they send is limited in size, time and number before
anything is made of it.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Callable
from typing import Annotated, TypeVar

import structlog
from fastapi import FastAPI, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import metrics
from skerry_hub.access.roles import Role
from skerry_hub.api import scoping
from skerry_hub.api.answers import Answers
from skerry_hub.api.bodies import JSON, asked, body_of, items_of, json_of, problems_of, shown
from skerry_hub.api.callers import By, Facts
from skerry_hub.joining.enrolling import Enrolling
from skerry_hub.joining.rates import Rates
from skerry_hub.joining.shutting_out import Shutting
from skerry_hub.joining.views import (
    EnrolledView,
    EnrollmentView,
    JoinTokenMade,
    JoinTokenRequest,
    JoinTokenView,
    token_facts,
)
from skerry_hub.views import PlanView, Problem
from skerry_hub.work import RefusedError
from skerry_hub.writer.service import Service
from skerry_wire import joining
from skerry_wire.errors import WireError
from skerry_wire.joining import Enrolled, JoinRequest, RenewRequest

log = structlog.get_logger("joining")

SCHEMAS = (
    JoinRequest, RenewRequest, Enrolled, JoinTokenRequest, JoinTokenMade, JoinTokenView,
    EnrollmentView, EnrolledView,
)  # fmt: skip
BODY_S = 10.0
"""How long a box may take to send its request."""
PEM = "application/x-pem-file"

Name = Annotated[str, Path(max_length=253)]
M = TypeVar("M")


class Door:
    """Answers strangers: limits first, then the request, then what becomes of it."""

    def __init__(self, enrolling: Enrolling | None, rates: Rates) -> None:
        self._enrolling = enrolling
        self._rates = rates

    @property
    def enrolling(self) -> Enrolling:
        """Return who lets boxes in. Raises RefusedError where nobody does."""
        if self._enrolling is None:
            raise RefusedError(503, Problem(reason="no box can join here"))
        return self._enrolling

    async def answer(
        self, request: Request, kind: type[M], act: Callable[[Enrolling, M], Enrolled]
    ) -> Response:
        """Answer a request of this kind."""
        address = request.client.host if request.client is not None else ""
        wait_s = self._rates.wait_s(address, time.monotonic())
        if wait_s > 0:
            answer = problems_of(429, Problem(reason="too many ask to join: try again later"))
            metrics.JOINING.labels(request.url.path, "429").inc()
            answer.headers["Retry-After"] = str(math.ceil(wait_s))
            return answer
        try:
            asked_for = _read(kind, await _limited(request))
            enrolled = await run_in_threadpool(act, self.enrolling, asked_for)
        except (RefusedError, WireError) as error:
            self._rates.refused(address, time.monotonic())
            status = error.status if isinstance(error, RefusedError) else 400
            log.info("refused", route=request.url.path, address=address, status=status)
            metrics.JOINING.labels(request.url.path, str(status)).inc()
            raise
        metrics.JOINING.labels(request.url.path, "200").inc()
        return Response(joining.to_json(enrolled), media_type=JSON)


def _read(kind: type[M], data: bytes) -> M:
    """Return a request. Raises RefusedError and WireError."""
    try:
        return joining.from_json(kind, data)
    except WireError as error:
        if error.field != "token":
            raise
        # Its own words quote what is wrong, and a mistyped token is nearly one.
        raise RefusedError(400, Problem(reason="must be a join token", field="token")) from None


async def _limited(request: Request) -> bytes:
    """Return a body. Raises RefusedError before more than the limit is read, or waited for."""
    too_large = RefusedError(
        413, Problem(reason=f"the request is larger than {joining.MAX_BODY_BYTES} bytes")
    )
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > joining.MAX_BODY_BYTES:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > joining.MAX_BODY_BYTES:
                    raise too_large
    except TimeoutError:
        reason = f"the request did not come within {BODY_S:g} s"
        raise RefusedError(408, Problem(reason=reason)) from None
    return bytes(data)


def add_routes(
    app: FastAPI,
    service: Service | None,
    enrolling: Enrolling | None,
    rates: Rates | None = None,
) -> None:
    """Add them to the application."""
    door = Door(enrolling, rates or Rates())
    _add_for_everybody(app, door)
    _add_tokens(app, door)
    _add_boxes(app, door, service)


def add_forget(
    app: FastAPI, answers: Answers, service: Service | None, enrolling: Enrolling | None
) -> None:
    """Add the route with which a node is forgotten."""

    @app.delete("/api/v1/nodes/{node}", responses=shown(PlanView), response_class=Response)
    def forget(node: Name, by: By) -> Response:
        """Forget a node; its instances are placed anew. One that has joined is shut out."""
        if service is None or enrolling is None:
            return json_of(answers.of_nodes.forget(node, by.scope))
        forget_it = functools.partial(answers.of_nodes.forget, scope=by.scope)
        return json_of(Shutting(service, enrolling).forget(node, forget_it, by.name))


def _add_for_everybody(app: FastAPI, door: Door) -> None:
    pem = {PEM: {"schema": {"type": "string"}}}

    @app.get(
        joining.CA_PATH,
        response_class=Response,
        summary="The hub's authority",
        responses={200: {"description": "done", "content": pem}},
    )
    def authority() -> Response:
        """Return the certificate of the hub's authority, to be compared with a pin."""
        return Response(door.enrolling.authority.pem, media_type=PEM)

    @app.post(
        joining.JOIN_PATH,
        responses=shown(Enrolled),
        response_class=Response,
        openapi_extra=asked(JoinRequest),
    )
    async def join(request: Request) -> Response:
        """Give a box a certificate for the key that has signed its request, by a token."""
        return await door.answer(request, JoinRequest, Enrolling.join)

    @app.post(
        joining.RENEW_PATH,
        responses=shown(Enrolled),
        response_class=Response,
        openapi_extra=asked(RenewRequest),
    )
    async def renew(request: Request) -> Response:
        """Give a box that has joined a new certificate for its key."""
        return await door.answer(request, RenewRequest, Enrolling.renew)


def _add_tokens(app: FastAPI, door: Door) -> None:
    where = "/api/v1/join-tokens"

    @app.post(
        where,
        responses=shown(JoinTokenMade),
        response_class=Response,
        openapi_extra=asked(JoinTokenRequest),
    )
    async def make_token(by: By, facts: Facts, request: Request) -> Response:
        """Make a token with which boxes join; its text is in this answer alone.

        For a node that the hub knows, or that has joined before, only an admin makes one.
        """
        wanted = await body_of(request, JoinTokenRequest)
        scoping.check_join_token(by.scope, wanted)
        may_replace = by.role >= Role.ADMIN
        make = functools.partial(door.enrolling.make_token, wanted, by.name)
        made = await run_in_threadpool(make, may_replace=may_replace)
        facts |= token_facts(made.view)
        return json_of(made)

    @app.get(where, responses=shown(JoinTokenView, many=True), response_class=Response)
    def tokens(by: By) -> Response:
        """List join tokens, the oldest first."""
        found = door.enrolling.tokens()
        return items_of([one for one in found if by.scope.has_labels(one.labels)])

    @app.delete(where + "/{token}", responses=shown(JoinTokenView), response_class=Response)
    def revoke_token(token: Name, by: By, facts: Facts) -> Response:
        """Make a join token invalid; who has joined with it stays."""
        found = [one for one in door.enrolling.tokens() if one.id == token]
        if by.scope and not any(by.scope.has_labels(one.labels) for one in found):
            raise RefusedError(404, Problem(reason=f"there is no join token {token[:80]}"))
        revoked = door.enrolling.revoke_token(token)
        facts |= token_facts(revoked)
        return json_of(revoked)


def _add_boxes(app: FastAPI, door: Door, service: Service | None) -> None:
    where = "/api/v1/nodes/{node}"

    def shutting() -> Shutting:
        if service is None:
            raise RefusedError(503, Problem(reason="there is no hub"))
        return Shutting(service, door.enrolling)

    @app.get(
        "/api/v1/enrollments", responses=shown(EnrolledView, many=True), response_class=Response
    )
    def enrollments() -> Response:
        """List the boxes that have joined, by id, revoked ones too."""
        return items_of(door.enrolling.enrollments())

    @app.get(where + "/enrollment", responses=shown(EnrollmentView), response_class=Response)
    def enrollment(node: Name) -> Response:
        """Show how a node has joined, and its certificates."""
        return json_of(shutting().enrollment(node))

    @app.post(where + "/revoke", responses=shown(EnrollmentView), response_class=Response)
    def revoke(node: Name, by: By) -> Response:
        """Shut a node out: its certificates hold no more, and its session ends."""
        return json_of(shutting().revoke(node, by.name))
