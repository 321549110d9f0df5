"""What is wrong with a request, or the hub, as an answer: a status, and problems in words."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from skerry_hub.api.bodies import MAX_BODY_BYTES, TooLargeError, problems_of
from skerry_hub.store_error import StoreError
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_hub.writer.calling import BusyError
from skerry_wire.errors import WireError


def add(app: FastAPI) -> None:
    """Have whatever is raised answered in one form."""

    async def refused(_request: Request, error: Exception) -> Response:
        match error:
            case RefusedError():
                return problems_of(error.status, *error.problems)
            case WireError():
                return problems_of(400, Problem(reason=error.reason, field=error.field or None))
            case TooLargeError():
                reason = f"the request is larger than {MAX_BODY_BYTES} bytes"
                return problems_of(413, Problem(reason=reason))
            case RequestValidationError():
                return problems_of(400, *map(_invalid, error.errors()[:20]))
            case HTTPException():
                return problems_of(error.status_code, Problem(reason=str(error.detail)))
            case BusyError() | StoreError():
                return problems_of(503, Problem(reason=str(error)))
        return problems_of(500, Problem(reason="the hub failed: its log says more"))

    kinds: tuple[type[Exception], ...] = (
        RefusedError, WireError, TooLargeError, RequestValidationError, HTTPException,
        BusyError, StoreError, Exception,
    )  # fmt: skip
    for kind in kinds:
        app.add_exception_handler(kind, refused)


def _invalid(error: Any) -> Problem:
    return Problem(reason=str(error.get("msg")), field=".".join(map(str, error.get("loc", ()))))
