"""The routes that keep workloads off a node: taints, cordon, drain."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import views
from skerry_hub.api.answers import Answers
from skerry_hub.api.bodies import asked, body_of, json_of, shown
from skerry_hub.api.callers import By
from skerry_hub.api.requests import DrainRequest, TaintRequest

Name = Annotated[str, Path(max_length=253)]


def add_routes(app: FastAPI, answers: Answers) -> None:
    """Add them to the application."""

    @app.post(
        "/api/v1/nodes/{node}/taints",
        responses=shown(views.NodeView),
        response_class=Response,
        openapi_extra=asked(TaintRequest),
    )
    async def taint(node: Name, request: Request) -> Response:
        """Give a node taints, or take them away; of one key and effect there is one."""
        wanted = await body_of(request, TaintRequest)
        return json_of(await run_in_threadpool(answers.of_nodes.taint, node, wanted))

    @app.post(
        "/api/v1/nodes/{node}/cordon", responses=shown(views.NodeView), response_class=Response
    )
    def cordon(node: Name) -> Response:
        """Let nothing new come to a node; what is there stays."""
        return json_of(answers.of_nodes.cordon(node))

    @app.post(
        "/api/v1/nodes/{node}/uncordon", responses=shown(views.NodeView), response_class=Response
    )
    def uncordon(node: Name) -> Response:
        """Let a node take again what it fits."""
        return json_of(answers.of_nodes.uncordon(node))

    @app.post(
        "/api/v1/nodes/{node}/drain",
        responses=shown(views.PlanView),
        response_class=Response,
        openapi_extra=asked(DrainRequest),
    )
    async def drain(node: Name, by: By, request: Request) -> Response:
        """Cordon a node and move what it runs to others.

        What no other node takes stays and is explained in `unplaced`; with `force` it is removed.
        Instances of global workloads stay.
        """
        wanted = await body_of(request, DrainRequest)
        return json_of(await run_in_threadpool(answers.of_nodes.drain, node, wanted, by.scope))
