"""Stands before every route: who asks, may they, how often, how much; and the audit log.

What a route asks of its callers is `access.roles.RULES`. A route that is not there is refused, and
so is whatever is no HTTP. A body is read here as a whole, within its limits of size and time; what
changes something has its row in the audit log before the route runs, and what came of it before the
answer goes out.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry_hub.access.access import Access
from skerry_hub.access.limits import network_of
from skerry_hub.access.roles import BODY_BYTES, RULES, Reach, Rule
from skerry_hub.access.scope import sees_instance, sees_node, sees_workload
from skerry_hub.access.tokens import ANYBODY, Caller
from skerry_hub.api.bodies import problems_of
from skerry_hub.state import Known
from skerry_hub.store_error import StoreError
from skerry_hub.views import Problem

log = structlog.get_logger("access")

CALLER = "skerry.caller"
"""Where a request's scope has who asks."""
FACTS = "skerry.facts"
"""Where it has what a route tells of what came of it: for the audit log, never a secret."""
HEAD_BYTES = 32 * 1024
"""Most of a request before its body: the line, and all headers."""
MOST_HEADERS = 100
SCHEME = "bearer "

WITHOUT = "this needs a token: `skerry login URL`, or a program's header `Authorization: Bearer`"
NOT_VALID = (
    "the token is not valid (any more): log in with another one (`skerry login URL`), which an "
    "administrator makes with `skerry access create` or `skerry-hub access create`"
)


class RefusedRequestError(Exception):
    """A request is refused before its route is asked."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = dict(headers or {})


class ClientGoneError(Exception):
    """Who asked has gone away before the request was whole."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: the method, the route as the document has it, and what its path names."""

    method: str
    route: str
    rule: Rule | None
    named: Mapping[str, str]


class Guard:
    """The middleware. `known` gives what the hub knows, by which scopes are judged."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        known: Callable[[], Known],
        routes: Callable[[], Sequence[Any]],
    ) -> None:
        self._app = app
        self._access = access
        self._known = known
        self._routes = routes
        self._by_method: dict[str, list[tuple[Any, str]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            _check_head(scope)
            asked = self._asked(scope["method"], scope["path"])
            if asked is not None and asked.rule is not None and asked.rule.reach is Reach.OPEN:
                await self._open(asked, scope, receive, send)
                return
            caller = await self._caller(scope)
            scope[CALLER] = caller
            await self._guarded(asked, caller, scope, receive, send)
        except RefusedRequestError as error:
            answer = problems_of(error.status, Problem(reason=str(error)))
            answer.headers.update(error.headers)
            await answer(scope, receive, send)
        except ClientGoneError:
            return

    # --- what is asked ---------------------------------------------------------------------

    def _asked(self, method: str, path: str) -> Asked | None:
        """Return what the router will find, None where it finds nothing that it would run."""
        if self._by_method is None:
            self._by_method = self._index()
        for route, template in self._by_method.get(method, ()):
            match = route.path_regex.match(path)
            if match is not None:
                key = f"{'GET' if method == 'HEAD' else method} {template}"
                return Asked(method, template, RULES.get(key), match.groupdict())
        return None

    def _index(self) -> dict[str, list[tuple[Any, str]]]:
        found: dict[str, list[tuple[Any, str]]] = {}
        for route in self._routes():
            for method in getattr(route, "methods", None) or ():
                found.setdefault(method, []).append((route, route.path_format))
        return found

    async def _open(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Let everybody in, as often as one address may."""
        callers, text = self._access.callers, _token_of(scope)
        caller = ANYBODY if callers is None else None
        if callers is not None and text:
            caller = await callers.find(text, time.time())
        if caller is not None:
            scope[CALLER] = caller
        elif asked.method in ("GET", "HEAD"):
            self._check_rate(self._access.of_addresses.take(_asker(scope), time.monotonic()))
        # What a body may be is the business of the routes for boxes, which know strangers.
        await self._app(scope, receive, send)

    # --- who asks --------------------------------------------------------------------------

    async def _caller(self, scope: Scope) -> Caller:
        if self._access.callers is None:
            return ANYBODY
        now = time.monotonic()
        text = _token_of(scope)
        caller = await self._access.callers.find(text, time.time()) if text else None
        if caller is None:
            self._check_rate(self._access.of_failures.take(_asker(scope), now))
            self._access.count_failure()
            headers = {"WWW-Authenticate": "Bearer"}
            raise RefusedRequestError(401, NOT_VALID if text else WITHOUT, headers)
        self._check_rate(self._access.of_tokens.take(caller.token, now))
        return caller

    def _check_rate(self, wait_s: int) -> None:
        if wait_s:
            reason = f"too many requests: try again in {wait_s} s"
            raise RefusedRequestError(429, reason, {"Retry-After": str(wait_s)})

    def _check_allowed(self, asked: Asked, caller: Caller) -> Rule:
        """Return the route's rule. Raises RefusedRequestError where it forbids."""
        rule = asked.rule
        if rule is None:
            reason = f"nobody may ask {asked.method} {asked.route}: this hub has no rule for it"
            raise RefusedRequestError(403, reason)
        if caller.role < rule.role:
            reason = (
                f"{caller.name} has the role {caller.role.word}, and this needs {rule.role.word}"
            )
            raise RefusedRequestError(403, reason)
        if not caller.scope:
            return rule
        if rule.reach is Reach.FLEET:
            reason = (
                f"the token of {caller.name} is for {caller.scope} alone, and this is about the "
                "whole fleet"
            )
            raise RefusedRequestError(403, reason)
        known, named = self._known(), asked.named
        match rule.reach:
            case Reach.NODE if not sees_node(caller.scope, known, named["node"]):
                _unknown("node", named["node"], caller)
            case Reach.WORKLOAD if not sees_workload(caller.scope, known, named["workload"]):
                _unknown("workload", named["workload"], caller)
            case Reach.INSTANCE if not sees_instance(caller.scope, known, named["instance"]):
                _unknown("instance", named["instance"], caller)
        return rule

    # --- letting it through ----------------------------------------------------------------

    async def _guarded(
        self, asked: Asked | None, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if asked is None:
            # There is no such route, or not with this method, which the router says best.
            body = await self._body(BODY_BYTES, scope, receive)
            await self._app(scope, _again(body, receive), send)
            return
        try:
            rule = self._check_allowed(asked, caller)
        except RefusedRequestError as error:
            if self._is_kept(asked, caller):
                facts = {**_facts(caller, scope), "phase": "denied", "reason": str(error)}
                await self._write(caller, asked, facts)
            raise
        if asked.method in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body = await self._body(rule.body_bytes, scope, receive)
        receive = _again(body, receive)
        if not rule.audited:
            await self._app(scope, receive, send)
            return
        digest = "withheld" if rule.private else hashlib.sha256(body).hexdigest()
        intent = {**_facts(caller, scope), "phase": "intent"}
        if body:
            intent["body"] = digest
        number = await self._write(caller, asked, intent)
        told: dict[str, str] = {}
        scope[FACTS] = told
        await self._app(scope, receive, self._noting(number, caller, asked, told, send))

    def _is_kept(self, asked: Asked, caller: Caller) -> bool:
        """Say whether the audit log has that something was tried."""
        tried = asked.rule is not None and asked.rule.audited
        return tried and not self._access.of_denials.take(caller.token, time.monotonic())

    def _noting(
        self, number: int, caller: Caller, asked: Asked, told: Mapping[str, str], send: Send
    ) -> Send:
        """Return a way to answer which notes the outcome before the answer begins.

        `told` is what the route has said of it by then.
        """

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = str(message["status"])
                facts = {**told, "phase": "outcome", "of": str(number), "status": status}
                try:
                    await self._access.audit.write(caller.name, _action(asked), facts)
                except StoreError as error:
                    # It is done, or not, and the answer says which; the log has that it was begun.
                    log.error("an outcome is not in the audit log", of=number, reason=str(error))
            await send(message)

        return noting

    async def _write(self, caller: Caller, asked: Asked, facts: Mapping[str, str]) -> int:
        try:
            row = await self._access.audit.write(caller.name, _action(asked), facts)
        except StoreError as error:
            reason = f"nothing was done: the audit log cannot be written: {error}"
            raise RefusedRequestError(503, reason, {"Retry-After": "5"}) from None
        return row.seq

    async def _body(self, most: int, scope: Scope, receive: Receive) -> bytes:
        """Return a request's whole body. Raises RefusedRequestError, ClientGoneError."""
        too_large = RefusedRequestError(413, f"the request is larger than {most} bytes")
        length = Headers(scope=scope).get("content-length")
        if length is not None and length.isdecimal() and int(length) > most:
            raise too_large
        data = bytearray()
        try:
            async with asyncio.timeout(self._access.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    data += message.get("body", b"")
                    if len(data) > most:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(data)
        except TimeoutError:
            reason = f"the request was not whole within {self._access.body_s:g} s"
            raise RefusedRequestError(408, reason, {"Connection": "close"}) from None


def _check_head(scope: Scope) -> None:
    """Refuse a head that is too large. uvicorn does, but for one that comes in one piece."""
    headers = scope["headers"]
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    size += len(scope["query_string"]) + len(scope["path"])
    if size > HEAD_BYTES or len(headers) > MOST_HEADERS:
        reason = f"the headers are more than {HEAD_BYTES} bytes, or than {MOST_HEADERS}"
        raise RefusedRequestError(431, reason, {"Connection": "close"})


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a way to receive a body that was read already, and after it what is told anew."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _token_of(scope: Scope) -> str:
    """Return the token that a request shows, empty where it shows none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            text: str = value.decode("latin-1")
            if text[: len(SCHEME)].lower() == SCHEME:
                return text[len(SCHEME) :].strip()
            return "?"
    return ""


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _asker(scope: Scope) -> str:
    return network_of(_address(scope))


def _action(asked: Asked) -> str:
    return f"{asked.method} {asked.route}"


def _facts(caller: Caller, scope: Scope) -> dict[str, str]:
    query = scope["query_string"].decode("latin-1")[:1024]
    return {
        "role": caller.role.word,
        "token": caller.token,
        "scope": str(caller.scope),
        "address": _address(scope),
        "subject": scope["path"][:1024] + (f"?{query}" if query else ""),
    }


def _unknown(kind: str, name: str, caller: Caller) -> None:
    reason = f"there is no {kind} {name[:80]} within {caller.scope}, which {caller.name} is for"
    raise RefusedRequestError(404, reason)
