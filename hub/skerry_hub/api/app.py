"""The HTTP API. Thin: it reads the request, asks `Answers`, and writes JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import orjson
import prometheus_client
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from skerry_hub import metrics, views
from skerry_hub.api.answers import Answers
from skerry_hub.api.requests import ApplyRequest, LabelRequest
from skerry_hub.desired import RefusedError
from skerry_hub.model import Explanation, Liveness
from skerry_hub.store import StoreError
from skerry_hub.views import Problem
from skerry_hub.writer.broadcast import to_json
from skerry_hub.writer.service import BusyError, Service
from skerry_wire import __version__, codec, jsonschema
from skerry_wire.errors import WireError

MAX_BODY_BYTES = 4 * 1024 * 1024
JSON = "application/json"
REF = "#/components/schemas/"

T = TypeVar("T")

Selector = Annotated[str | None, Query(max_length=4096, description="labels: `a=b,c!=d,e,!f`")]
Name = Annotated[str, Path(max_length=253)]
Only = Annotated[str | None, Query(max_length=253)]


class SameOrigin:
    """Refuses what a page of another site makes an operator's browser send.

    The API needs no password where it listens on loopback only, and a browser there reaches it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and origin.partition("://")[2] != headers.get("host"):
                refusal = _problems(403, Problem(reason="requests of other sites are refused"))
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class TooLargeError(Exception):
    """The body of a request is larger than MAX_BODY_BYTES."""


def create(service: Service | None) -> FastAPI:
    """Return the application. Without a service it only knows its own document."""
    app = FastAPI(
        title="Skerry hub",
        version=__version__,
        description="Fleet, workloads, placement. Errors have a body `Problems`.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    answers: Any = Answers(service) if service is not None else None
    app.add_middleware(SameOrigin)
    _add_health(app, service)
    _add_nodes(app, answers)
    _add_workloads(app, answers)
    _add_changes(app, service)
    _add_errors(app)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return create(None).openapi()


# --- answers ------------------------------------------------------------------------------


def _json(view: object, status: int = 200) -> Response:
    return Response(to_json(view), status_code=status, media_type=JSON)


def _items(found: Sequence[object]) -> Response:
    body = b'{"items":[' + b",".join(map(to_json, found)) + b"]}"
    return Response(body, media_type=JSON)


def _problems(status: int, *problems: Problem) -> Response:
    body = {"problems": [codec.to_plain(one, nulls=True) for one in problems]}
    return Response(orjson.dumps(body), status_code=status, media_type=JSON)


async def _body(request: Request, kind: type[T]) -> T:
    """Return the checked body of a request. Raises WireError and TooLargeError."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise TooLargeError
    try:
        plain = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise WireError("", f"the body is not JSON: {error}") from None
    return codec.from_plain(kind, plain, strict=True)


# --- routes -------------------------------------------------------------------------------


def _shown(kind: type, *, many: bool = False) -> dict[int | str, dict[str, Any]]:
    schema: dict[str, Any] = {"$ref": REF + kind.__name__}
    if many:
        items = {"type": "array", "items": schema}
        schema = {"type": "object", "properties": {"items": items}, "required": ["items"]}
    return _answered(schema)


def _answered(schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    problems = {"description": "refused", "content": {JSON: {"schema": {"$ref": REF + "Problems"}}}}
    return {
        200: {"description": "done", "content": {JSON: {"schema": schema}}},
        "4XX": problems,
        "503": problems,
    }


def _asked(kind: type) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": REF + kind.__name__}}}
    return {"requestBody": {"required": True, "content": content}}


def _add_health(app: FastAPI, service: Service | None) -> None:
    # No thread of the pool: those may all wait for a store that fails.
    @app.get("/healthz", response_class=Response, summary="Whether the hub works")
    async def healthz() -> Response:
        if service is None or not service.alive:
            return Response("the writer has ended\n", status_code=503, media_type="text/plain")
        return Response("ok\n", media_type="text/plain")

    @app.get("/metrics", response_class=Response, summary="For Prometheus")
    def show_metrics() -> Response:
        if service is not None:
            _gauge(service)
        text = prometheus_client.generate_latest(metrics.REGISTRY)
        return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    schema = {"type": "object", "properties": {"version": {"type": "string"}}}

    @app.get(
        "/api/v1/version",
        response_class=Response,
        summary="The hub's version",
        responses=_answered({**schema, "required": ["version"]}),
    )
    async def version() -> Response:
        return Response(orjson.dumps({"version": __version__}), media_type=JSON)


def _gauge(service: Service) -> None:
    nodes = list(service.known.nodes.values())
    for liveness in Liveness:
        count = sum(node.liveness is liveness for node in nodes)
        metrics.NODES.labels(liveness.value).set(count)
    metrics.HELD.set(sum(node.diverged is not None for node in nodes))
    metrics.WORKLOADS.set(len(service.known.workloads))
    metrics.INSTANCES.set(len(service.known.assignments))
    metrics.CONNECTED.set(int(service.connected))
    try:
        metrics.OUTBOX.set(service.store.outbox_count())
    except StoreError:
        metrics.OUTBOX.set(math.nan)  # the rest is worth more than ever when the store fails


def _add_nodes(app: FastAPI, answers: Answers) -> None:
    @app.get("/api/v1/nodes", responses=_shown(views.NodeView, many=True), response_class=Response)
    def nodes(selector: Selector = None) -> Response:
        """List nodes by hostname."""
        return _items(answers.nodes(selector))

    @app.get("/api/v1/nodes/{node}", responses=_shown(views.NodeDetail), response_class=Response)
    def node(node: Name) -> Response:
        """Show one node; `node` is its id, or its hostname if no other has it."""
        return _json(answers.node(node))

    @app.delete("/api/v1/nodes/{node}", responses=_shown(views.PlanView), response_class=Response)
    def forget(node: Name) -> Response:
        """Forget a node; its instances are placed anew."""
        return _json(answers.forget(node))

    @app.post(
        "/api/v1/nodes/{node}/labels",
        responses=_shown(views.NodeView),
        response_class=Response,
        openapi_extra=_asked(LabelRequest),
    )
    async def label(node: Name, request: Request) -> Response:
        """Change the labels that operators gave a node."""
        wanted = await _body(request, LabelRequest)
        return _json(await run_in_threadpool(answers.label, node, wanted))

    @app.post(
        "/api/v1/nodes/{node}/adopt", responses=_shown(views.NodeView), response_class=Response
    )
    def adopt(node: Name) -> Response:
        """End the hold of a diverged node: what it runs is wanted."""
        return _json(answers.adopt(node))

    @app.post(
        "/api/v1/nodes/{node}/overwrite", responses=_shown(views.NodeView), response_class=Response
    )
    def overwrite(node: Name) -> Response:
        """End the hold of a diverged node: what this hub wants stands."""
        return _json(answers.overwrite(node))

    @app.get(
        "/api/v1/instances", responses=_shown(views.InstanceView, many=True),
        response_class=Response,
    )  # fmt: skip
    def instances(selector: Selector = None, node: Only = None, workload: Only = None) -> Response:
        """List instances; the selector is of their workloads' labels."""
        return _items(answers.instances(selector, node, workload))

    @app.get(
        "/api/v1/events", responses=_shown(views.EventView, many=True), response_class=Response
    )
    def events(
        node: Only = None,
        workload: Only = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
    ) -> Response:
        """List the newest events, oldest first."""
        return _items(answers.events(node, workload, limit))


def _add_workloads(app: FastAPI, answers: Answers) -> None:
    @app.get(
        "/api/v1/workloads", responses=_shown(views.WorkloadView, many=True),
        response_class=Response,
    )  # fmt: skip
    def workloads(selector: Selector = None) -> Response:
        """List workloads by name."""
        return _items(answers.workloads(selector))

    path = "/api/v1/workloads/{workload}"

    @app.get(path, responses=_shown(views.WorkloadDetail), response_class=Response)
    def workload(workload: Name) -> Response:
        """Show one workload."""
        return _json(answers.workload(workload))

    @app.delete(path, responses=_shown(views.PlanView), response_class=Response)
    def delete(workload: Name) -> Response:
        """Want a workload no more."""
        return _json(answers.delete_workload(workload))

    @app.get(path + "/explain", responses=_shown(Explanation), response_class=Response)
    def explain(workload: Name, node: Only = None) -> Response:
        """Say what every node, or one, has against a workload."""
        return _json(answers.explain(workload, node))

    def change(dry: bool) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            wanted = await _body(request, ApplyRequest)
            return _json(await run_in_threadpool(answers.apply, wanted, dry=dry))

        return handle

    for name, dry, words in (
        ("plan", True, "Say what applying compose files would change."),
        ("apply", False, "Take compose files as what is wanted."),
    ):
        app.post(
            f"/api/v1/{name}",
            name=name,
            description=words,
            responses=_shown(views.PlanView),
            response_class=Response,
            openapi_extra=_asked(ApplyRequest),
        )(change(dry))


def _add_changes(app: FastAPI, service: Service | None) -> None:
    schema = {"type": "object", "properties": {"change": {"type": "integer"}}}

    @app.get(
        "/api/v1/changes",
        response_class=Response,
        summary="Wait for a change",
        responses=_answered({**schema, "required": ["change"]}),
    )
    async def changes(
        after: Annotated[int, Query(ge=0)] = 0,
        timeout_s: Annotated[float, Query(ge=0, le=60)] = 25.0,
    ) -> Response:
        """Answer with the change counter as soon as it is another than `after`."""
        if service is None:
            return _problems(503, Problem(reason="there is no hub"))
        count = await service.changes.wait(after, timeout_s)
        return Response(orjson.dumps({"change": count}), media_type=JSON)


# --- errors -------------------------------------------------------------------------------


def _add_errors(app: FastAPI) -> None:
    async def refused(_request: Request, error: Exception) -> Response:
        match error:
            case RefusedError():
                return _problems(error.status, *error.problems)
            case WireError():
                return _problems(400, Problem(reason=error.reason, field=error.field or None))
            case TooLargeError():
                reason = f"the request is larger than {MAX_BODY_BYTES} bytes"
                return _problems(413, Problem(reason=reason))
            case RequestValidationError():
                return _problems(400, *map(_invalid, error.errors()[:20]))
            case HTTPException():
                return _problems(error.status_code, Problem(reason=str(error.detail)))
            case BusyError() | StoreError():
                return _problems(503, Problem(reason=str(error)))
        return _problems(500, Problem(reason="the hub failed: its log says more"))

    kinds: tuple[type[Exception], ...] = (
        RefusedError, WireError, TooLargeError, RequestValidationError, HTTPException,
        BusyError, StoreError, Exception,
    )  # fmt: skip
    for kind in kinds:
        app.add_exception_handler(kind, refused)


def _invalid(error: Any) -> Problem:
    return Problem(reason=str(error.get("msg")), field=".".join(map(str, error.get("loc", ()))))


# --- the document -------------------------------------------------------------------------

_SCHEMAS = (
    ApplyRequest, LabelRequest, Explanation, views.NodeView, views.NodeDetail, views.InstanceView,
    views.EventView, views.WorkloadView, views.WorkloadDetail, views.PlanView, views.Problem,
)  # fmt: skip


def _document(app: FastAPI) -> dict[str, Any]:
    from fastapi.openapi.utils import get_openapi  # noqa: PLC0415

    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(jsonschema.definitions(_SCHEMAS, ref=REF))
        problems = {"type": "array", "items": {"$ref": REF + "Problem"}}
        schemas["Problems"] = {
            "type": "object",
            "properties": {"problems": problems},
            "required": ["problems"],
        }
        # FastAPI's own words for bad parameters are never sent: they become `Problems`, too.
        for path in found["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        app.openapi_schema = found
    return app.openapi_schema
