"""The order keys over HTTP: how far a change of them is; to begin and to end one."""

from __future__ import annotations

import base64
import dataclasses
import time
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub.api.bodies import asked, body_of, json_of, shown
from skerry_hub.key_views import KeyChangeView, KeyLagView, OrderKeysView, view_of
from skerry_hub.keys import OrderKeyError
from skerry_hub.order_keys import OrderKeys, RotationError
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_hub.writer.service import Service

PATH = "/api/v1/order-keys"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RotateRequest:
    """How the order key is changed. `stolen`: somebody else may have it.

    Then boxes distrust it as soon as they hear of the next one.
    """

    stolen: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetireRequest:
    """How a change ends. `force`: although some boxes do not trust the next key yet."""

    force: bool = False


SCHEMAS = (OrderKeysView, KeyLagView, KeyChangeView, RotateRequest, RetireRequest)


class KeyAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def _keys(self) -> OrderKeys:
        keys = self._service.key
        if not isinstance(keys, OrderKeys):
            raise RefusedError(409, Problem(reason="this hub has one key for ever"))
        return keys

    def show(self) -> OrderKeysView:
        """Return the keys, and which nodes do not trust the wanted one."""
        keys, nodes = self._keys, dict(self._service.known.nodes)
        following = keys.next
        return view_of(
            keys.record,
            _text(keys.public),
            None if following is None else _text(following.public),
            nodes,
            keys.without(nodes.values()),
        )

    def rotate(self, request: RotateRequest) -> OrderKeysView:
        """Begin a change. Raises RefusedError."""
        try:
            self._keys.rotate(time.time(), stolen=request.stolen)
        except (RotationError, OrderKeyError) as error:
            raise RefusedError(409, Problem(reason=str(error))) from None
        return self.show()

    def retire(self, request: RetireRequest) -> OrderKeysView:
        """End it. Raises RefusedError."""
        nodes = list(self._service.known.nodes.values())
        without = self._keys.without(nodes)
        left = [node.known_as for node in nodes if node.id in without]
        try:
            self._keys.retire(time.time(), left, force=request.force)
        except (RotationError, OrderKeyError) as error:
            raise RefusedError(409, Problem(reason=str(error))) from None
        return self.show()


def _text(public: bytes) -> str:
    return base64.b64encode(public).decode()


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add them to the application. Without a service there is only their document."""
    answers: Any = KeyAnswers(service) if service is not None else None

    @app.get(PATH, responses=shown(OrderKeysView), response_class=Response)
    def order_keys() -> Response:
        """Show by which keys boxes know this hub, and how far a change of them is."""
        return json_of(answers.show())

    @app.post(
        f"{PATH}/rotate",
        responses=shown(OrderKeysView),
        response_class=Response,
        openapi_extra=asked(RotateRequest),
    )
    async def rotate_order_key(request: Request) -> Response:
        """Make another order key, and have every box trust it; then the present one is retired."""
        wanted = await body_of(request, RotateRequest)
        return json_of(await run_in_threadpool(answers.rotate, wanted))

    @app.post(
        f"{PATH}/retire",
        responses=shown(OrderKeysView),
        response_class=Response,
        openapi_extra=asked(RetireRequest),
    )
    async def retire_order_key(request: Request) -> Response:
        """Sign with the next order key alone, and have every box distrust the present one."""
        wanted = await body_of(request, RetireRequest)
        return json_of(await run_in_threadpool(answers.retire, wanted))
