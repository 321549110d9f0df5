"""How the hub is: whether it lives, whether it is ready, and a warning where it hears nothing.

As Kubernetes' own servers have it: `/livez` fails where only a new start would help, `/readyz`
where a part does not work, with a line for each.
"""

from __future__ import annotations

import orjson
from fastapi import FastAPI, Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry_hub.api.bodies import JSON, answered, json_of, problems_of, shown
from skerry_hub.api.guarding import CALLER
from skerry_hub.health_views import HealthView, PartView
from skerry_hub.moment import moment
from skerry_hub.views import Problem
from skerry_hub.writer.service import Service
from skerry_wire import __version__

REASON_MOST = 200
NO_STORE = {"Cache-Control": "no-store"}


class Warned:
    """Adds a header `Warning` to answers of the API while the hub hears no box."""

    def __init__(self, app: ASGIApp, service: Service | None) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with a warning."""
        service = self._service
        wanted = scope["type"] == "http" and scope["path"].startswith("/api/")
        broker = service.broker_part if service is not None and wanted else None
        if broker is None or broker.ok:
            await self._app(scope, receive, send)
            return
        text = warning_of(broker)

        async def warned(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Warning"] = text
            await send(message)

        await self._app(scope, receive, warned)


def warning_of(broker: PartView) -> str:
    """Return the header, in the form of RFC 7234, section 5.5."""
    reason = "".join(one for one in broker.reason or "" if " " <= one <= "~" and one not in '"\\')[
        :REASON_MOST
    ]
    return f'299 skerry "{deaf_because(broker)} ({reason}): what it shows is from then"'


def deaf_because(broker: PartView) -> str:
    """Return why no box can be heard, empty where they can."""
    if broker.ok:
        return ""
    since = moment(broker.since)
    return f"the hub hears no box since {since}, for want of a connection to its broker"


def line_of(part: PartView, *, why: bool = True) -> str:
    """Return a part's line of `/readyz`; with `why`, the reason that it fails."""
    if part.ok:
        return f"[+]{part.name} ok since {moment(part.since)}"
    reason = f": {part.reason}" if why else ""
    return f"[-]{part.name} failed since {moment(part.since)}{reason}"


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add what probes ask. No thread of the pool: those may all wait for a store that fails.

    Everybody is told whether all is well; what is wrong, only who has a token.
    """

    def alive(request: Request) -> Response:
        if service is None or not service.alive:
            return _text(503, "the writer has ended\n")
        held = "".join(f"{one}: nothing is moved\n" for one in service.held_losses)
        if CALLER not in request.scope:
            held = ""
        return _text(200, f"ok\n{held}")

    @app.get(
        "/livez", response_class=Response, summary="Whether the hub works, or must be restarted"
    )
    async def livez(request: Request) -> Response:
        return alive(request)

    @app.get("/healthz", response_class=Response, summary="The same as /livez")
    async def healthz(request: Request) -> Response:
        return alive(request)

    @app.get("/readyz", response_class=Response, summary="Whether each part of the hub works")
    async def readyz(request: Request) -> Response:
        if service is None:
            return _text(503, "there is no hub\n")
        health = service.health
        lines = [line_of(one, why=CALLER in request.scope) for one in health.parts]
        lines.append("readyz check passed" if health.ready else "readyz check failed")
        return _text(200 if health.ready else 503, "\n".join(lines) + "\n")

    @app.get("/api/v1/health", responses=shown(HealthView), response_class=Response)
    async def health() -> Response:
        """Say how each part of the hub is, and since when: what `/readyz` says to machines."""
        if service is None:
            return problems_of(503, Problem(reason="there is no hub"))
        return json_of(service.health)

    schema = {"type": "object", "properties": {"version": {"type": "string"}}}

    @app.get(
        "/api/v1/version",
        response_class=Response,
        summary="The hub's version",
        responses=answered({**schema, "required": ["version"]}),
    )
    async def version() -> Response:
        return Response(orjson.dumps({"version": __version__}), media_type=JSON)


def _text(status: int, text: str) -> Response:
    return Response(text, status_code=status, media_type="text/plain", headers=NO_STORE)
