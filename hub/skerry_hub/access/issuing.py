"""Tokens made and revoked: in the store, and in its audit log in the same transaction."""

from __future__ import annotations

import dataclasses
import secrets
import time

from skerry_hub.access import audit_rows, token_rows
from skerry_hub.access.audit import entry_of
from skerry_hub.access.roles import Role
from skerry_hub.access.scope import EVERYTHING, Scope
from skerry_hub.access.tokens import (
    DEFAULT_TTL_S,
    ID_BYTES,
    LEAST_TTL_S,
    MOST_TTL_S,
    SECRET_BYTES,
    Token,
    digest_of,
    text_of,
    wrong_name,
)
from skerry_hub.store import Store
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What token is wanted. `ttl_s`: for how long; None is for ever."""

    name: str
    role: Role
    scope: Scope = EVERYTHING
    ttl_s: float | None = DEFAULT_TTL_S


def create(store: Store, wish: Wish, made_by: str) -> tuple[Token, str]:
    """Make a token; return what is kept of it, and its text, which is kept nowhere.

    Raises RefusedError, StoreError.
    """
    reason = wrong_name(wish.name)
    if reason is not None:
        raise RefusedError(400, Problem(reason=reason, field="name"))
    if wish.role is Role.ADMIN and wish.scope:
        reason = (
            "an admin has no scope: what an admin does is about the whole fleet, and a token with "
            "a scope may do none of it. Leave the scope out, or make an operator's token"
        )
        raise RefusedError(400, Problem(reason=reason, field="scope"))
    if wish.ttl_s is not None and not LEAST_TTL_S <= wish.ttl_s <= MOST_TTL_S:
        reason = f"must be {LEAST_TTL_S:g} to {MOST_TTL_S:g} seconds, or null for no end"
        raise RefusedError(400, Problem(reason=reason, field="ttl_s"))
    now = time.time()
    id_bytes = secrets.token_bytes(ID_BYTES)
    text = text_of(id_bytes, secrets.token_bytes(SECRET_BYTES))
    token = Token(
        id=id_bytes.hex(),
        name=wish.name,
        role=wish.role,
        scope=wish.scope,
        created_at=now,
        expires_at=None if wish.ttl_s is None else now + wish.ttl_s,
        made_by=made_by,
    )
    entry = entry_of(made_by, "access create", {**_facts(token), "phase": "done"})
    with store.aside() as connection:
        if not token_rows.add(connection, token, digest_of(text)):
            reason = f"there is a valid token of the name {wish.name} already: revoke it first"
            raise RefusedError(409, Problem(reason=reason, field="name"))
        audit_rows.append(connection, [entry], int(now * 1000))
    return token, text


def revoke(store: Store, name: str, revoked_by: str) -> Token:
    """Revoke the valid token of a name or id. Raises RefusedError, StoreError."""
    now = time.time()
    with store.aside() as connection:
        token = token_rows.revoke(connection, name, now)
        if token is None:
            reason = f"there is no valid token {name[:80]}"
            raise RefusedError(404, Problem(reason=reason))
        entry = entry_of(revoked_by, "access revoke", {**_facts(token), "phase": "done"})
        audit_rows.append(connection, [entry], int(now * 1000))
    return dataclasses.replace(token, revoked_at=now)


def _facts(token: Token) -> dict[str, str]:
    expires = "never" if token.expires_at is None else f"{token.expires_at:.0f}"
    return {
        "subject": token.name,
        "id": token.id,
        "granted": token.role.word,
        "granted_scope": str(token.scope),
        "expires_at": expires,
    }
