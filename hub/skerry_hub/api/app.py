"""The HTTP API. Thin: it reads the request, asks `Answers`, and writes JSON."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable
from typing import Annotated, Any

import orjson
import prometheus_client
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import devices, metrics, views
from skerry_hub.access.access import Access
from skerry_hub.api import (
    access_routes,
    approvals,
    cordoning,
    decisions,
    documents,
    health,
    instance_requests,
    joining,
    order_keys,
    rebalancing,
    refusals,
    rollouts,
    round_trips,
    secrets,
    snapshots,
)
from skerry_hub.api.answers import Answers
from skerry_hub.api.bodies import (
    JSON,
    REF,
    answered,
    asked,
    body_of,
    items_of,
    json_of,
    problems_of,
    shown,
    shown_in_part,
    shown_of_node,
)
from skerry_hub.api.callers import By
from skerry_hub.api.guarding import Guard
from skerry_hub.api.origins import SameOrigin
from skerry_hub.api.requests import ApplyRequest, DrainRequest, LabelRequest, TaintRequest
from skerry_hub.device_list import Wanted
from skerry_hub.health_views import HealthView
from skerry_hub.joining.enrolling import Enrolling
from skerry_hub.joining.rates import Rates
from skerry_hub.model import Explanation, Liveness
from skerry_hub.placement.explain import SHOWN
from skerry_hub.rollout.state import KnownRollouts
from skerry_hub.store_error import StoreError
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_hub.writer.service import Service
from skerry_wire import __version__, jsonschema

Selector = Annotated[str | None, Query(max_length=4096, description="labels: `a=b,c!=d,e,!f`")]
Name = Annotated[str, Path(max_length=253)]
Only = Annotated[str | None, Query(max_length=253)]
DeviceKinds = Annotated[
    str | None,
    Query(
        max_length=1024,
        description=f"Some of {', '.join((*devices.KINDS, *devices.GROUPS))}, with commas. "
        "Without it: what is plugged in or placed by, so none of the kinds from pci to sensor.",
    ),
]
Vendor = Annotated[
    str | None, Query(max_length=253, description="A part of the vendor's name, in any case.")
]

DEVICES = 10_000
MOST_DEVICES = 100_000
"""Devices in one answer: of a large fleet they are hundreds of megabytes."""


def create(
    service: Service | None,
    access: Access | None = None,
    enrolling: Enrolling | None = None,
    rates: Rates | None = None,
) -> FastAPI:
    """Return the application. Without a service it only knows its own document.

    `access` guards it; `enrolling` lets boxes join, as often as `rates` allow.
    """
    if (service is None) is not (access is None):
        raise ValueError("a service is never without what guards it")
    app = FastAPI(
        title="Skerry hub",
        version=__version__,
        description="Fleet, workloads, placement. Errors have a body `Problems`.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    answers: Any = Answers(service) if service is not None else None
    app.add_middleware(health.Warned, service=service)
    if service is not None and access is not None:
        app.add_middleware(
            Guard,
            access=access,
            known=lambda: service.known,
            routes=lambda: app.routes,
        )
    app.add_middleware(SameOrigin)
    health.add_routes(app, service)
    _add_metrics(app, service)
    _add_nodes(app, answers)
    joining.add_forget(app, answers, service, enrolling)
    cordoning.add_routes(app, answers)
    round_trips.add_routes(app, service)
    rebalancing.add_routes(app, service)
    rollouts.add_routes(app, service)
    snapshots.add_routes(app, service)
    _add_workloads(app, answers)
    secrets.add_routes(app, service)
    order_keys.add_routes(app, service)
    approvals.add_routes(app, service)
    documents.add_routes(app, answers.documents if service is not None else answers)
    decisions.add_routes(app, service)
    instance_requests.add_routes(app, service)
    joining.add_routes(app, service, enrolling, rates)
    _add_changes(app, service)
    access_routes.add_routes(app, access)
    refusals.add(app)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return create(None).openapi()


# --- routes -------------------------------------------------------------------------------


def _add_metrics(app: FastAPI, service: Service | None) -> None:
    @app.get("/metrics", response_class=Response, summary="For Prometheus")
    def show_metrics() -> Response:
        if service is not None:
            _gauge(service)
        text = prometheus_client.generate_latest(metrics.REGISTRY)
        return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)


def _gauge(service: Service) -> None:
    nodes = list(service.known.nodes.values())
    for liveness in Liveness:
        count = sum(node.liveness is liveness for node in nodes)
        metrics.NODES.labels(liveness.value).set(count)
    metrics.HELD.set(sum(node.diverged is not None for node in nodes))
    metrics.WORKLOADS.set(len(service.known.workloads))
    metrics.INSTANCES.set(len(service.known.assignments))
    metrics.CONNECTED.set(int(service.connected))
    for part in service.health.parts:
        metrics.PART_OK.labels(part.name).set(int(part.ok))
        metrics.PART_SINCE.labels(part.name).set(part.since)
    _gauge_rollouts(service.known.updates)
    try:
        metrics.OUTBOX.set(service.store.outbox_count())
    except StoreError:
        metrics.OUTBOX.set(math.nan)  # the rest is worth more than ever when the store fails


def _gauge_rollouts(updates: KnownRollouts) -> None:
    states = collections.Counter(one.state for one in list(updates.rollouts.values()))
    for state in ("progressing", "paused", "done"):
        metrics.ROLLOUTS.labels(state).set(states[state])
    members = collections.Counter(one.state for one in list(updates.members.values()))
    for member in ("waiting", "updating", "failed"):
        metrics.ROLLOUT_INSTANCES.labels(member).set(members[member])


def _add_nodes(app: FastAPI, answers: Answers) -> None:
    @app.get("/api/v1/nodes", responses=shown(views.NodeView, many=True), response_class=Response)
    def nodes(by: By, selector: Selector = None) -> Response:
        """List nodes by hostname."""
        return items_of(answers.nodes(selector, by.scope))

    @app.get("/api/v1/nodes/{node}", responses=shown(views.NodeDetail), response_class=Response)
    def node(node: Name, by: By) -> Response:
        """Show one node; `node` is its id, or its hostname if no other has it."""
        return json_of(answers.node(node, by.scope))

    @app.post(
        "/api/v1/nodes/{node}/labels",
        responses=shown(views.NodeView),
        response_class=Response,
        openapi_extra=asked(LabelRequest),
    )
    async def label(node: Name, by: By, request: Request) -> Response:
        """Change the labels that operators gave a node."""
        wanted = await body_of(request, LabelRequest)
        return json_of(await run_in_threadpool(answers.of_nodes.label, node, wanted, by.scope))

    @app.post(
        "/api/v1/nodes/{node}/probe",
        responses=shown_of_node(views.NodeView),
        response_class=Response,
    )
    def probe(node: Name) -> Response:
        """Have a node look at its hardware again now; answers when the node has taken it up."""
        return json_of(answers.of_nodes.probe(node))

    @app.post(
        "/api/v1/nodes/{node}/adopt",
        responses=shown_of_node(views.NodeView),
        response_class=Response,
    )
    def adopt(node: Name) -> Response:
        """End the hold of a diverged node: what it runs is wanted."""
        return json_of(answers.of_nodes.adopt(node))

    @app.post(
        "/api/v1/nodes/{node}/overwrite", responses=shown(views.NodeView), response_class=Response
    )
    def overwrite(node: Name) -> Response:
        """End the hold of a diverged node: what this hub wants stands."""
        return json_of(answers.of_nodes.overwrite(node))

    @app.get(
        "/api/v1/instances", responses=shown(views.InstanceView, many=True),
        response_class=Response,
    )  # fmt: skip
    def instances(
        by: By, selector: Selector = None, node: Only = None, workload: Only = None
    ) -> Response:
        """List instances; the selector is of their workloads' labels."""
        return items_of(answers.instances(selector, node, workload, by.scope))

    @app.get("/api/v1/devices", responses=shown_in_part(views.DeviceView), response_class=Response)
    def show_devices(
        by: By,
        selector: Selector = None,
        node: Only = None,
        kind: DeviceKinds = None,
        vendor: Vendor = None,
        usable: bool | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_DEVICES)] = DEVICES,
    ) -> Response:
        """List the devices of nodes by hostname; the selector is of the nodes' labels.

        `more` says that the limit cut the list.
        """
        try:
            kinds = devices.kinds_of(kind)
        except ValueError as error:
            raise RefusedError(400, Problem(reason=str(error), field="kind")) from None
        wanted = Wanted(kinds=kinds, vendor=vendor, usable=usable)
        found, more = answers.devices(selector, node, wanted, limit, by.scope)
        return items_of(found, more=more)

    @app.get("/api/v1/events", responses=shown(views.EventView, many=True), response_class=Response)
    def events(
        by: By,
        node: Only = None,
        workload: Only = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
    ) -> Response:
        """List the newest events, oldest first; equal ones are counted, not repeated."""
        return items_of(answers.events(node, workload, limit, by.scope))


def _add_workloads(app: FastAPI, answers: Answers) -> None:
    @app.get(
        "/api/v1/workloads", responses=shown(views.WorkloadView, many=True),
        response_class=Response,
    )  # fmt: skip
    def workloads(by: By, selector: Selector = None) -> Response:
        """List workloads by name."""
        return items_of(answers.workloads(selector, by.scope))

    path = "/api/v1/workloads/{workload}"

    @app.get(path, responses=shown(views.WorkloadDetail), response_class=Response)
    def workload(workload: Name) -> Response:
        """Show one workload."""
        return json_of(answers.workload(workload))

    @app.delete(path, responses=shown(views.PlanView), response_class=Response)
    def delete(workload: Name) -> Response:
        """Want a workload no more."""
        return json_of(answers.delete_workload(workload))

    @app.get(path + "/explain", responses=shown(Explanation), response_class=Response)
    def explain(
        workload: Name,
        by: By,
        node: Only = None,
        instance: Annotated[
            str | None, Query(max_length=253, description="Why this one is where it is.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = SHOWN,
    ) -> Response:
        """Say what the nodes, or one, have against a workload, and why its instances are there.

        At most `limit` that take it are shown, and as many that do not; all are counted.
        """
        return json_of(answers.explain(workload, node, instance, limit, by.scope))

    def change(dry: bool) -> Callable[..., Any]:
        async def handle(request: Request, by: By) -> Response:
            wanted = await body_of(request, ApplyRequest)
            done = run_in_threadpool(answers.apply, wanted, by.scope, by.known_as, dry=dry)
            return json_of(await done)

        return handle

    for name, dry, words in (
        ("plan", True, "Say what applying compose files and documents would change."),
        ("apply", False, "Take compose files and documents as what is wanted."),
    ):
        app.post(
            f"/api/v1/{name}",
            name=name,
            description=words,
            responses=shown(views.PlanView),
            response_class=Response,
            openapi_extra=asked(ApplyRequest),
        )(change(dry))


def _add_changes(app: FastAPI, service: Service | None) -> None:
    schema = {"type": "object", "properties": {"change": {"type": "integer"}}}

    @app.get(
        "/api/v1/changes",
        response_class=Response,
        summary="Wait for a change",
        responses=answered({**schema, "required": ["change"]}),
    )
    async def changes(
        after: Annotated[int, Query(ge=0)] = 0,
        timeout_s: Annotated[float, Query(ge=0, le=60)] = 25.0,
    ) -> Response:
        """Answer with the change counter as soon as it is another than `after`."""
        if service is None:
            return problems_of(503, Problem(reason="there is no hub"))
        count = await service.changes.wait(after, timeout_s)
        return Response(orjson.dumps({"change": count}), media_type=JSON)


# --- the document -------------------------------------------------------------------------

_SCHEMAS = (
    ApplyRequest, LabelRequest, TaintRequest, DrainRequest, Explanation, views.NodeView,
    views.NodeDetail, views.InstanceView, views.DeviceView, views.EventView, views.WorkloadView,
    views.WorkloadDetail, views.PlanView, views.Problem, views.RoundTripView, HealthView,
    *documents.SCHEMAS,
    *rebalancing.SCHEMAS,
    *rollouts.SCHEMAS,
    *decisions.SCHEMAS, *instance_requests.SCHEMAS,
    *secrets.SCHEMAS, *order_keys.SCHEMAS, *approvals.SCHEMAS,
    *joining.SCHEMAS, *access_routes.SCHEMAS,
)  # fmt: skip


def _document(app: FastAPI) -> dict[str, Any]:
    from fastapi.openapi.utils import get_openapi  # noqa: PLC0415

    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(jsonschema.definitions(_SCHEMAS, ref=REF))
        documents.add_content(schemas)
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
