"""The routes that ask a box about its instances: logs, exec, restart, top.

Logs and exec answer with lines of JSON as they come: `{"stream": "out", "data": BASE64}` for what
was written, an empty line now and then while nothing is, and at the end one `{"end": true, "error":
null, "exit_code": null}`. What is refused before is answered with `Problems`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Send

from skerry_hub.access.tokens import Caller
from skerry_hub.api.bodies import answered, asked, body_of, json_of, shown
from skerry_hub.api.callers import By
from skerry_hub.model import Node
from skerry_hub.naming import find_instance, find_node
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_hub.writer.requesting import Requesting, Wish, no_session, refusal
from skerry_hub.writer.service import Service
from skerry_hub.writer.sessions import Session
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.lifecycle import Usages
from skerry_wire.messages import Terminal
from skerry_wire.schema import Items, Range, Text
from skerry_wire.session import MAX_INPUT_BYTES, SessionInput, SessionOutput
from skerry_wire.workload import Arguments

LINES = "application/x-ndjson"
MOST_TOP_BYTES = 2**20

Name = Annotated[str, Path(max_length=253)]
Container = Annotated[str, Query(max_length=63, description="Without one: the first.")]
Within = Annotated[float, Query(ge=1, le=3600, description="Seconds that it may take.")]
Stdin = Annotated[str, Text(4 * 24 * 1024)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    """A command to run within a container of an instance. `stdin` is base64, 64 KiB at most."""

    command: Annotated[Arguments, Items(1024)]
    container: Annotated[str, Text(63)] = ""
    stdin: Stdin = dataclasses.field(default="", repr=False)
    within_s: Annotated[float, Range(1, 3600)] = 60.0
    session: bool = False
    """Take input while it runs: the first line of the answer names the session."""
    terminal: Terminal | None = None
    """Of a session: give the command a terminal of this size."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Input of a session: bytes in base64, 8 KiB at most, another size of its terminal, or its end.

    Without any of these it says that somebody is there, which is to be said every ten seconds.
    """

    data: Annotated[str, Text(4 * (MAX_INPUT_BYTES + 2) // 3)] = dataclasses.field(
        default="", repr=False
    )
    terminal: Terminal | None = None
    eof: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InputTaken:
    """A piece of input that is on its way to the box."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """An instance whose containers were stopped and started."""

    instance: str
    node: str
    hostname: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A line of an answer that comes bit by bit; of the last one, `end` is true."""

    session: str | None = None
    stream: str | None = None
    data: str | None = None
    end: bool = False
    error: str | None = None
    exit_code: int | None = None


SCHEMAS = (ExecRequest, Input, InputTaken, Restarted, Written, Usages)


class _Lines(StreamingResponse):
    """Ends what it reads from when its client leaves, wherever it is by then."""

    async def stream_response(self, send: Send) -> None:
        async with contextlib.aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().stream_response(send)


class InstanceAnswers:
    """One method for each thing that can be asked. Belongs to the event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def _requesting(self) -> Requesting:
        return self._service.requesting

    async def lines(self, instance: str, wish: Wish, by: Caller | None = None) -> Response:
        """Return what an instance is asked for as it comes; input is taken from who asks alone."""
        node = self._node_of(instance)
        session = Session(node) if wish.input else None
        if session is not None and by is not None:
            session.owner = by.token
        outputs = self._requesting.ask(node, wish, session)
        try:
            first = await anext(outputs)
            if first is not None and first.error is not None:
                raise refusal(node, first.error)
        except BaseException:
            await _close(outputs)
            raise
        head = b"" if session is None else orjson.dumps({"session": session.id}) + b"\n"
        return _Lines(_lines(head, first, outputs), media_type=LINES)

    async def put(self, name: str, number: int, message: SessionInput, by: Caller) -> InputTaken:
        """Pass on input of a session."""
        session = self._requesting.session(name)
        if session.owner != by.token:
            raise no_session()
        await session.put(number, message)
        return InputTaken(number=number)

    async def restart(self, instance: str, wish: Wish) -> Restarted:
        """Have the containers of an instance stopped and started."""
        node = self._node_of(instance)
        await self._whole(node, wish)
        return Restarted(instance=instance, node=node.id, hostname=node.hostname)

    async def top(self, name: str, wish: Wish) -> Usages:
        """Return what the containers on a node use."""
        node = find_node(self._service.known, name)
        data = await self._whole(node, wish)
        try:
            return codec.decode(Usages, data, most=MOST_TOP_BYTES)
        except WireError as error:
            reason = f"the answer of {node.known_as} cannot be read: {error}"
            raise RefusedError(502, Problem(reason=reason)) from None

    async def _whole(self, node: Node, wish: Wish) -> bytes:
        data = bytearray()
        outputs = self._requesting.ask(node, wish)
        try:
            async for output in outputs:
                if output is None:
                    continue
                if output.error is not None:
                    raise refusal(node, output.error)
                data += output.data
                if len(data) > MOST_TOP_BYTES:
                    raise refusal(node, "its answer is too long")
        finally:
            await _close(outputs)
        return bytes(data)

    def _node_of(self, instance: str) -> Node:
        return find_instance(self._service.known, instance)


async def _close(outputs: AsyncIterator[SessionOutput | None]) -> None:
    close = getattr(outputs, "aclose", None)
    if close is not None:
        await close()


async def _lines(
    head: bytes, first: SessionOutput | None, outputs: AsyncIterator[SessionOutput | None]
) -> AsyncIterator[bytes]:
    try:
        yield head + _line(first)
        async for output in outputs:
            yield _line(output)
    except RefusedError as error:
        # The status is out already.
        reason = "; ".join(problem.reason for problem in error.problems)
        yield orjson.dumps({"end": True, "error": reason, "exit_code": None}) + b"\n"
    finally:
        await _close(outputs)


def _line(output: SessionOutput | None) -> bytes:
    if output is None:
        return b"\n"
    line = b""
    if output.data:
        data = base64.b64encode(output.data).decode()
        line = orjson.dumps({"stream": output.stream, "data": data}) + b"\n"
    if not output.end:
        return line
    end = {"end": True, "error": output.error, "exit_code": output.exit_code}
    return line + orjson.dumps(end) + b"\n"


def _described() -> dict[int | str, dict[str, Any]]:
    found = answered({"$ref": "#/components/schemas/Written"})
    content = {LINES: found[200]["content"].pop("application/json")}
    return _of_box({**found, 200: {"description": "lines", "content": content}})


def _of_box(found: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Return the answers of what a box is asked for: none in time, or one that is cut off."""
    return {**found, "502": found["503"], "504": found["503"]}


def _bytes(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise RefusedError(400, Problem(reason="is not base64", field=field)) from None


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add them to the application. Without a service there is only their document."""
    answers: Any = InstanceAnswers(service) if service is not None else None
    lines: Mapping[str, Any] = {"response_class": Response, "responses": _described()}

    @app.get("/api/v1/instances/{instance}/logs", **lines)
    async def logs(
        instance: Name,
        container: Container = "",
        follow: bool = False,
        tail: Annotated[int | None, Query(ge=0, le=100_000)] = None,
        since_s: Annotated[float | None, Query(ge=0, le=2**32)] = None,
        within_s: Within = 60.0,
    ) -> Response:
        """Send what a container wrote: the last `tail` lines, of the last `since_s` seconds.

        With `follow`, what it goes on to write, too, until `within_s` is over.
        """
        wish = Wish(
            verb="logs", instance=instance, container=container, follow=follow, tail=tail,
            since_s=since_s, within_s=within_s,
        )  # fmt: skip
        return await answers.lines(instance, wish)  # type: ignore[no-any-return]

    @app.post("/api/v1/instances/{instance}/exec", openapi_extra=asked(ExecRequest), **lines)
    async def execute(instance: Name, by: By, request: Request) -> Response:
        """Run a command within a container, where the policy of its box allows it.

        With a session, its input comes by `PUT /api/v1/sessions/{session}/input/{number}`.
        """
        wanted = await body_of(request, ExecRequest)
        wish = Wish(
            verb="exec", instance=instance, container=wanted.container, command=wanted.command,
            stdin=_bytes(wanted.stdin, "stdin"), within_s=wanted.within_s,
            terminal=wanted.terminal, input=wanted.session,
        )  # fmt: skip
        if not wanted.session and wanted.terminal is not None:
            raise RefusedError(400, Problem(reason="needs a session", field="terminal"))
        if wanted.session and wish.stdin:
            reason = "is no part of a session: its input comes while it runs"
            raise RefusedError(400, Problem(reason=reason, field="stdin"))
        return await answers.lines(instance, wish, by)  # type: ignore[no-any-return]

    @app.put(
        "/api/v1/sessions/{session}/input/{number}",
        openapi_extra=asked(Input),
        responses=shown(InputTaken),
        response_class=Response,
    )
    async def put_input(
        session: Annotated[str, Path(max_length=64)],
        number: Annotated[int, Path(ge=0, le=2**32)],
        by: By,
        request: Request,
    ) -> Response:
        """Give the command of a session its next input, counted from 0; a second time is fine.

        It waits while the command does not read: after 15 s it is refused with 503, and comes
        again.
        """
        wanted = await body_of(request, Input)
        data = _bytes(wanted.data, "data")
        if len(data) > MAX_INPUT_BYTES:
            reason = f"is {len(data)} bytes, more than {MAX_INPUT_BYTES}"
            raise RefusedError(400, Problem(reason=reason, field="data"))
        message = SessionInput(data=data, terminal=wanted.terminal, eof=wanted.eof)
        return json_of(await answers.put(session, number, message, by))

    @app.post(
        "/api/v1/instances/{instance}/restart",
        responses=_of_box(shown(Restarted)),
        response_class=Response,
    )
    async def restart(
        instance: Name, container: Container = "", within_s: Within = 120.0
    ) -> Response:
        """Stop and start the containers of an instance, or one; answers when that is done."""
        wish = Wish(verb="restart", instance=instance, container=container, within_s=within_s)
        return json_of(await answers.restart(instance, wish))

    @app.get("/api/v1/nodes/{node}/top", responses=_of_box(shown(Usages)), response_class=Response)
    async def top(node: Name, within_s: Within = 30.0) -> Response:
        """Measure what each container on a node uses now; takes a second or two."""
        return json_of(await answers.top(node, Wish(verb="top", within_s=within_s)))
