"""Who may ask, over HTTP: whoami, the API's tokens, and the audit log."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from skerry_hub.access import audit_rows, issuing, token_rows
from skerry_hub.access.access import Access
from skerry_hub.access.roles import ROLES
from skerry_hub.access.scope import ScopeError, scope_of
from skerry_hub.access.tokens import DEFAULT_TTL_S, MOST_TTL_S, Caller, Token
from skerry_hub.api.bodies import asked, body_of, items_of, json_of, shown
from skerry_hub.api.callers import By
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_wire.audit_chain import Mark, Row
from skerry_wire.schema import Range, Text

LISTED = 100
MOST_LISTED = 1_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CallerView:
    """Who asks, as the hub sees it; `auth` is false where it asks nobody for a token."""

    name: str
    role: str
    scope: str = ""
    token: str = ""
    expires_at: float | None = None
    auth: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A new token: for whom, for what, for which labels, and for how long; null is for ever."""

    name: Annotated[str, Text(63)]
    role: Annotated[str, Text(16)]
    scope: Annotated[str, Text(2048)] = ""
    ttl_s: Annotated[float, Range(0, MOST_TTL_S)] | None = DEFAULT_TTL_S


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token, without its text. `used_at`: when it was shown last, since the hub's start."""

    id: str
    name: str
    role: str
    scope: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    made_by: str = ""
    used_at: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenMade:
    """A new token, and its text, which is shown this once."""

    token: TokenView
    text: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """Rows of the audit log, the oldest first, and where the log begins and ends.

    `anchor` stands before the first row that is kept, `head` is the newest. `more`: there are
    further rows than these.
    """

    items: tuple[Row, ...]
    more: bool
    anchor: Mark
    head: Mark


SCHEMAS = (CallerView, TokenRequest, TokenView, TokenMade, AuditView)

Word = Annotated[str | None, Query(max_length=253)]


class AccessAnswers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def who(self, by: Caller) -> CallerView:
        """Return who asks."""
        return CallerView(
            name=by.name,
            role=by.role.word,
            scope=str(by.scope),
            token=by.token,
            expires_at=by.expires_at,
            auth=self._access.callers is not None,
        )

    def tokens(self) -> list[TokenView]:
        """Return all tokens, those that open nothing any more for a while, too."""
        with self._access.store.reading() as connection:
            found = token_rows.every(connection).values()
        return [self._view(one) for one in sorted(found, key=lambda one: one.name)]

    def create(self, by: Caller, request: TokenRequest) -> TokenMade:
        """Make a token."""
        role = ROLES.get(request.role)
        if role is None:
            reason = f"must be one of {', '.join(ROLES)}"
            raise RefusedError(400, Problem(reason=reason, field="role"))
        try:
            scope = scope_of(request.scope)
        except ScopeError as error:
            raise RefusedError(400, Problem(reason=str(error), field="scope")) from None
        wish = issuing.Wish(name=request.name, role=role, scope=scope, ttl_s=request.ttl_s)
        token, text = issuing.create(self._access.store, wish, by.name)
        self._reload()
        return TokenMade(token=self._view(token), text=text)

    def revoke(self, by: Caller, name: str) -> TokenView:
        """Revoke a token: what is asked with it from here on is refused."""
        token = issuing.revoke(self._access.store, name, by.name)
        self._reload()
        return self._view(token)

    def audit(self, wanted: audit_rows.Wanted, limit: int, *, newest: bool) -> AuditView:
        """Return rows of the audit log."""
        look = audit_rows.newest if newest else audit_rows.page
        with self._access.store.reading() as connection:
            rows = look(connection, wanted, limit + 1)
            anchor, head = audit_rows.anchor(connection), audit_rows.head(connection)
        more = len(rows) > limit
        rows = rows[-limit:] if newest else rows[:limit]
        return AuditView(items=tuple(rows), more=more, anchor=anchor, head=head)

    def _reload(self) -> None:
        if self._access.callers is not None:
            self._access.callers.load()

    def _view(self, token: Token) -> TokenView:
        callers = self._access.callers
        return TokenView(
            id=token.id,
            name=token.name,
            role=token.role.word,
            scope=str(token.scope),
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            made_by=token.made_by,
            used_at=None if callers is None else callers.used_at.get(token.id),
        )


def add_routes(app: FastAPI, access: Access | None) -> None:
    """Add them to the application. Without what they answer from there is only their document."""
    answers: Any = AccessAnswers(access) if access is not None else None

    @app.get("/api/v1/whoami", responses=shown(CallerView), response_class=Response)
    async def whoami(by: By) -> Response:
        """Say who asks, by the token that was shown."""
        return json_of(answers.who(by))

    @app.get("/api/v1/access", responses=shown(TokenView, many=True), response_class=Response)
    def tokens() -> Response:
        """List the API's tokens by name, those that ended within 30 days too."""
        return items_of(answers.tokens())

    @app.post(
        "/api/v1/access",
        responses=shown(TokenMade),
        response_class=Response,
        openapi_extra=asked(TokenRequest),
    )
    async def create(by: By, request: Request) -> Response:
        """Make a token of the API; its text is in the answer, and nowhere else."""
        wanted = await body_of(request, TokenRequest)
        made = json_of(await run_in_threadpool(answers.create, by, wanted))
        made.headers["Cache-Control"] = "no-store"
        return made

    @app.delete("/api/v1/access/{token}", responses=shown(TokenView), response_class=Response)
    def revoke(token: Annotated[str, Path(max_length=253)], by: By) -> Response:
        """Revoke the valid token of a name or id; it opens nothing from here on."""
        return json_of(answers.revoke(by, token))

    @app.get("/api/v1/audit", responses=shown(AuditView), response_class=Response)
    def audit(
        after: Annotated[
            int | None,
            Query(ge=0, le=2**62, description="Rows after this number; without: the newest."),
        ] = None,
        since: Annotated[float, Query(ge=0, le=2**40, description="In s since 1970.")] = 0.0,
        who: Word = None,
        action: Annotated[
            str | None, Query(max_length=253, description="A part of the action.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
    ) -> Response:
        """List rows of the audit log, the oldest of them first."""
        wanted = audit_rows.Wanted(
            after=after or 0, since_ms=int(since * 1000), who=who or "", action=action or ""
        )
        return json_of(answers.audit(wanted, limit, newest=after is None))
