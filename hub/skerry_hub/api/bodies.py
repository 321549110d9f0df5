"""The bodies of requests and answers: read and checked, written, and described for the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from fastapi import Request, Response

from skerry_hub.views import Problem
from skerry_hub.writer.broadcast import to_json
from skerry_wire import codec
from skerry_wire.errors import WireError

MAX_BODY_BYTES = 4 * 1024 * 1024
JSON = "application/json"
REF = "#/components/schemas/"

T = TypeVar("T")


class TooLargeError(Exception):
    """The body of a request is larger than MAX_BODY_BYTES."""


def json_of(view: object, status: int = 200) -> Response:
    """Return a view as an answer."""
    return Response(to_json(view), status_code=status, media_type=JSON)


def items_of(found: Sequence[object], *, more: bool | None = None) -> Response:
    """Return a list as an answer; `more` where it may have been cut."""
    end = b"]}" if more is None else b'],"more":' + orjson.dumps(more) + b"}"
    body = b'{"items":[' + b",".join(map(to_json, found)) + end
    return Response(body, media_type=JSON)


def problems_of(status: int, *problems: Problem) -> Response:
    """Return a refusal."""
    body = {"problems": [codec.to_plain(one, nulls=True) for one in problems]}
    return Response(orjson.dumps(body), status_code=status, media_type=JSON)


async def body_of(request: Request, kind: type[T]) -> T:
    """Return the checked body of a request. Raises WireError and TooLargeError."""
    return codec.from_plain(kind, await plain_of(request), strict=True)


async def plain_of(request: Request) -> Any:
    """Return the JSON of a request, not checked yet. Raises WireError and TooLargeError."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise TooLargeError
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise WireError("", f"the body is not JSON: {error}") from None


def shown(kind: type, *, many: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return what the document says of an answer that is a view, or a list of them."""
    schema: dict[str, Any] = {"$ref": REF + kind.__name__}
    if many:
        items = {"type": "array", "items": schema}
        schema = {"type": "object", "properties": {"items": items}, "required": ["items"]}
    return answered(schema)


def shown_of_node(kind: type) -> dict[int | str, dict[str, Any]]:
    """Return the answers of what a node is asked for: it may not answer in time."""
    found = shown(kind)
    return {**found, "504": found["503"]}


def shown_in_part(kind: type) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a list that ends at a limit: `more` says that it did."""
    found = shown(kind, many=True)
    schema = found[200]["content"][JSON]["schema"]
    schema["properties"]["more"] = {"type": "boolean"}
    schema["required"].append("more")
    return found


def answered(schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Return what the document says of an answer of this shape."""
    problems = {"description": "refused", "content": {JSON: {"schema": {"$ref": REF + "Problems"}}}}
    return {
        200: {"description": "done", "content": {JSON: {"schema": schema}}},
        "4XX": problems,
        "503": problems,
    }


def asked(kind: type) -> dict[str, Any]:
    """Return what the document says of the body of a request."""
    content = {JSON: {"schema": {"$ref": REF + kind.__name__}}}
    return {"requestBody": {"required": True, "content": content}}
