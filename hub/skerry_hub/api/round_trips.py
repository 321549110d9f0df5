"""The round-trip times over HTTP: their route, and what it answers."""

from __future__ import annotations

import itertools
from typing import Annotated, Any

from fastapi import FastAPI, Query, Response

from skerry_hub import round_trip_list
from skerry_hub.access.scope import EVERYTHING, Scope, sees_node
from skerry_hub.api.bodies import items_of, shown_in_part
from skerry_hub.api.callers import By
from skerry_hub.documents import KINDS, Endpoint
from skerry_hub.latency import ENDPOINT, NODE, place_of
from skerry_hub.naming import find_node
from skerry_hub.state import Known
from skerry_hub.views import Problem, RoundTripView
from skerry_hub.work import RefusedError
from skerry_hub.writer.service import Service
from skerry_wire.messages import BROKER

LISTED = 10_000
MOST_LISTED = 100_000

NodeName = Annotated[
    str | None,
    Query(max_length=253, description="Only of this node; to every endpoint, measured or not."),
]
TargetName = Annotated[
    str | None,
    Query(
        max_length=253,
        description="Only to this target, measured or not: `broker`, `endpoint/<name>`, "
        "`node/<id or hostname>`.",
    ),
]


class RoundTripAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def listed(
        self, node: str | None, to: str | None, limit: int, scope: Scope = EVERYTHING
    ) -> tuple[list[RoundTripView], bool]:
        """Return times by hostname and target, and whether there are more than the limit."""
        known, network = self._service.known, self._service.measuring.network
        for name in (node, to.removeprefix(NODE) if to and to.startswith(NODE) else None):
            if name and not sees_node(scope, known, name):
                reason = f"there is no node {name[:80]} within {scope}"
                raise RefusedError(404, Problem(reason=reason))
        every_node = (one for one in list(known.nodes.values()) if scope.has_node(one))
        nodes = [find_node(known, node)] if node else list(every_node)
        nodes.sort(key=lambda one: (one.hostname, one.id))
        if to is not None:
            every = round_trip_list.to_place(network, nodes, _place(known, to))
        elif node is not None:
            every = iter(round_trip_list.to_targets(known, network, nodes[0]))
        else:
            every = round_trip_list.measured(network, nodes)
        found = list(itertools.islice(round_trip_list.narrowed(scope, known, every), limit + 1))
        return found[:limit], len(found) > limit


def _place(known: Known, to: str) -> str:
    """Return the place that an operator means. Raises RefusedError."""
    if to.startswith(NODE):
        return find_node(known, to.removeprefix(NODE)).id
    name = to.removeprefix(ENDPOINT)
    place = place_of(to)
    if place is None:
        reason = f"{to[:80]!r} is none of {BROKER}, {ENDPOINT}NAME, {NODE}NAME"
        raise RefusedError(400, Problem(reason=reason, field="to"))
    if to != BROKER and (_KIND, name) not in known.documents:
        raise RefusedError(404, Problem(reason=f"there is no {_KIND} {name[:80]}"))
    return place


_KIND = next(name for name, record in KINDS.items() if record is Endpoint)


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add it to the application. Without a service there is only its document."""
    answers: Any = RoundTripAnswers(service) if service is not None else None

    @app.get("/api/v1/round-trips", responses=shown_in_part(RoundTripView), response_class=Response)
    def round_trips(
        by: By,
        node: NodeName = None,
        to: TargetName = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
    ) -> Response:
        """List round-trip times: what nodes measured, or from a node or to a target estimates too.

        `more` says that the limit cut the list.
        """
        found, more = answers.listed(node, to, limit, by.scope)
        return items_of(found, more=more)
