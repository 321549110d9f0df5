"""Secrets over HTTP: their routes, and what these answer. A content comes in and never goes out."""

from __future__ import annotations

import base64
import dataclasses
import re
import secrets
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub import desired, secret_use
from skerry_hub.api.bodies import asked, body_of, items_of, json_of, shown
from skerry_hub.api.requests import TrustRequest
from skerry_hub.model import Node
from skerry_hub.naming import find_node
from skerry_hub.secret_key import SecretKey
from skerry_hub.secret_records import (
    MAX_SECRET_BYTES,
    REGISTRY,
    Secret,
    SecretVersion,
    registry_secret,
)
from skerry_hub.secret_use import Uses, uses_of
from skerry_hub.secret_views import SecretVersionView, SecretView, secret_view
from skerry_hub.showing import node_view
from skerry_hub.views import NodeView, Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.service import Service
from skerry_wire.images import DEFAULT_REGISTRY
from skerry_wire.schema import Text
from skerry_wire.types import LABEL

Name = Annotated[str, Path(max_length=63)]
Host = Annotated[str, Path(max_length=260, description="A registry as `host[:port]`.")]
_DOCKER = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecretRequest:
    """A secret's content in base64. With `update` there must be one of this name, else none."""

    content: Annotated[str, Text(4 * (MAX_SECRET_BYTES // 3 + 1))]
    update: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """Who pulls from a registry."""

    username: Annotated[str, Text(255)]
    password: Annotated[str, Text(16 * 1024)] = dataclasses.field(repr=False)


SCHEMAS = (SecretRequest, LoginRequest, TrustRequest, SecretView, SecretVersionView)


class SecretAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def listed(self, *, registries: bool) -> list[SecretView]:
        """Return secrets, or the credentials for registries, by name."""
        uses = self._uses()
        every = list((self._service.known.secrets or {}).values())
        wanted = (one for one in every if bool(one.registry) is registries)
        return [
            secret_view(*uses, one)
            for one in sorted(wanted, key=lambda one: (one.registry, one.name))
        ]

    def one(self, name: str) -> SecretView:
        """Return what is shown of a secret."""
        secret = (self._service.known.secrets or {}).get(name)
        if secret is None:
            raise RefusedError(404, Problem(reason=f"there is no secret {name[:80]}"))
        return secret_view(*self._uses(), secret)

    def _uses(self) -> tuple[Uses, Uses]:
        """Return who uses what now, and once all updates are done.

        The writer goes on meanwhile, hence the copies.
        """
        known = self._service.known
        wanted = [kept.workload for kept in list(known.workloads.values())]
        return uses_of([*wanted, *list(known.updates.contents.values())]), uses_of(wanted)

    def put(self, name: str, request: SecretRequest) -> SecretView:
        """Keep a new secret, or a new version of one."""
        if re.fullmatch(LABEL, name) is None:
            why = "must be lower-case letters, digits and inner hyphens, at most 63"
            raise RefusedError(400, Problem(reason=why, field="name"))
        return self._put(name, "", _content(request.content), update=request.update)

    def delete(self, name: str) -> SecretView:
        """Take a secret away that no workload uses."""

        def change(work: Work) -> Secret:
            secret = secret_use.delete(work, name)
            self._tell(work, "secret_deleted", secret)
            return secret

        return secret_view(*self._uses(), self._service.call(change))

    def login(self, host: str, request: LoginRequest) -> SecretView:
        """Keep the credentials with which nodes pull from a registry."""
        host = _registry(host)
        if not request.username or ":" in request.username:
            raise RefusedError(400, Problem(reason="is empty, or has a colon", field="username"))
        if not request.password:
            raise RefusedError(400, Problem(reason="is empty", field="password"))
        content = f"{request.username}:{request.password}".encode()
        if len(content) > MAX_SECRET_BYTES:
            raise RefusedError(400, Problem(reason="is too long", field="password"))
        return self._put(registry_secret(host), host, content, update=None)

    def logout(self, host: str) -> SecretView:
        """Forget the credentials for a registry."""
        host = _registry(host)
        if registry_secret(host) not in (self._service.known.secrets or {}):
            raise RefusedError(404, Problem(reason=f"there are no credentials for {host[:80]}"))
        return self.delete(registry_secret(host))

    def trust_key(self, name: str, request: TrustRequest) -> NodeView:
        """Seal secrets for a node to the key that it tells now."""

        def change(work: Work) -> Node:
            before = find_node(work.draft, name)
            node = desired.trust_key(work, before, request.fingerprint)
            event = self._service.hub_event(
                node, "sealing_key_trusted", request.fingerprint, work.now
            )
            work.draft.events.append(event)
            return node

        node = self._service.call(change)
        service = self._service
        return node_view(service.known, service.columns, node, service.judgement)

    def _put(self, name: str, registry: str, content: bytes, update: bool | None) -> SecretView:
        version_id = secrets.token_hex(8)
        locked = self._key.locked(name, version_id, content)

        def change(work: Work) -> Secret:
            before = work.draft.secrets.get(name) if work.draft.secrets is not None else None
            if update is False and before is not None:
                why = f"there is a secret {name} already: skerry secret update changes it"
                raise RefusedError(409, Problem(reason=why))
            if update and before is None:
                raise RefusedError(404, Problem(reason=f"there is no secret {name}"))
            version = SecretVersion(
                id=version_id, at=work.now, size_bytes=len(content), locked=locked
            )
            secret = secret_use.put(work, name, registry, version)
            self._tell(work, "secret_put", secret)
            return secret

        return secret_view(*self._uses(), self._service.call(change))

    @property
    def _key(self) -> SecretKey:
        if self._service.secret_key is None:
            raise RefusedError(409, Problem(reason="this hub has no key for secrets"))
        return self._service.secret_key

    def _tell(self, work: Work, kind: str, secret: Secret) -> None:
        what = f"credentials for {secret.registry}, " if secret.registry else ""
        detail = f"{what}version {secret.newest.id}, {secret.newest.size_bytes} bytes"
        subject = f"Secret/{secret.name}"
        work.draft.events.append(self._service.hub_event(None, kind, detail, work.now, subject))


def _content(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        raise RefusedError(400, Problem(reason="is not base64", field="content")) from None
    if not found:
        raise RefusedError(400, Problem(reason="is empty", field="content"))
    if len(found) > MAX_SECRET_BYTES:
        reason = f"is {len(found)} bytes, more than {MAX_SECRET_BYTES}"
        raise RefusedError(400, Problem(reason=reason, field="content"))
    return found


def _registry(host: str) -> str:
    host = host.lower()
    if host in _DOCKER:
        return DEFAULT_REGISTRY
    if REGISTRY.fullmatch(host) is None:
        reason = f"{host[:80]!r} is not the address of a registry: host, or host:port"
        raise RefusedError(400, Problem(reason=reason, field="registry"))
    return host


def add_routes(app: FastAPI, service: Service | None) -> None:
    """Add them to the application."""
    answers: Any = SecretAnswers(service) if service is not None else None
    _add_secrets(app, answers)
    _add_registries(app, answers)

    @app.post(
        "/api/v1/nodes/{node}/trust-key",
        responses=shown(NodeView),
        response_class=Response,
        openapi_extra=asked(TrustRequest),
    )
    async def trust_key(node: Annotated[str, Path(max_length=253)], request: Request) -> Response:
        """Seal secrets for a node to the key that it tells now, if it has this fingerprint."""
        wanted = await body_of(request, TrustRequest)
        return json_of(await run_in_threadpool(answers.trust_key, node, wanted))


def _add_secrets(app: FastAPI, answers: SecretAnswers) -> None:
    path = "/api/v1/secrets/{name}"

    @app.get("/api/v1/secrets", responses=shown(SecretView, many=True), response_class=Response)
    def secrets_() -> Response:
        """List secrets by name, without their contents."""
        return items_of(answers.listed(registries=False))

    @app.get(path, responses=shown(SecretView), response_class=Response)
    def secret(name: Name) -> Response:
        """Show one secret, without its content."""
        return json_of(answers.one(name))

    @app.post(
        path,
        responses=shown(SecretView),
        response_class=Response,
        openapi_extra=asked(SecretRequest),
    )
    async def put(name: Name, request: Request) -> Response:
        """Keep a new secret, or a new version of one. Workloads take it when they are applied."""
        wanted = await body_of(request, SecretRequest)
        return json_of(await run_in_threadpool(answers.put, name, wanted))

    @app.delete(path, responses=shown(SecretView), response_class=Response)
    def delete(name: Name) -> Response:
        """Take a secret away that no workload uses."""
        return json_of(answers.delete(name))


def _add_registries(app: FastAPI, answers: SecretAnswers) -> None:
    path = "/api/v1/registries/{registry}"

    @app.get("/api/v1/registries", responses=shown(SecretView, many=True), response_class=Response)
    def registries() -> Response:
        """List the registries for which there are credentials."""
        return items_of(answers.listed(registries=True))

    @app.post(
        path,
        responses=shown(SecretView),
        response_class=Response,
        openapi_extra=asked(LoginRequest),
    )
    async def login(registry: Host, request: Request) -> Response:
        """Keep the credentials with which nodes pull images from a registry."""
        wanted = await body_of(request, LoginRequest)
        return json_of(await run_in_threadpool(answers.login, registry, wanted))

    @app.delete(path, responses=shown(SecretView), response_class=Response)
    def logout(registry: Host) -> Response:
        """Forget the credentials for a registry."""
        return json_of(answers.logout(registry))
