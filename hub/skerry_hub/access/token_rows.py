"""API tokens in the database. Raises what its connection does."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from skerry_hub import tables
from skerry_hub.access.roles import ROLES
from skerry_hub.access.scope import ScopeError, scope_of
from skerry_hub.access.tokens import Token
from skerry_hub.store_error import StoreError

KEPT_S = 30 * 86_400.0
"""For so long a token that opens nothing any more is listed."""


def add(connection: sa.Connection, token: Token, digest: str) -> bool:
    """Keep a token; say whether no other that is valid has its name."""
    table = tables.api_tokens
    if connection.dialect.name == "postgresql":
        # SQLite's transaction is the only one that writes anyway.
        connection.execute(sa.text("LOCK TABLE api_tokens IN EXCLUSIVE MODE"))
    _forget_old(connection, token.created_at)
    named = sa.select(table.c.id).where(
        table.c.name == token.name,
        table.c.revoked_at.is_(None),
        sa.or_(table.c.expires_at.is_(None), table.c.expires_at > token.created_at),
    )
    if connection.execute(named).first() is not None:
        return False
    content = json.dumps({"scope": str(token.scope), "made_by": token.made_by})
    connection.execute(
        sa.insert(table).values(
            id=token.id,
            digest=digest,
            name=token.name,
            role=token.role.word,
            created_at=token.created_at,
            expires_at=token.expires_at,
            content=content,
        )
    )
    return True


def _forget_old(connection: sa.Connection, now: float) -> None:
    table = tables.api_tokens
    over = sa.or_(table.c.expires_at < now - KEPT_S, table.c.revoked_at < now - KEPT_S)
    connection.execute(sa.delete(table).where(over))


def every(connection: sa.Connection) -> dict[str, Token]:
    """Return all tokens, by the digest of their text. Raises StoreError where one is damaged."""
    rows = connection.execute(sa.select(tables.api_tokens).order_by(tables.api_tokens.c.name))
    return {row.digest: _token(row) for row in rows}


def revoke(connection: sa.Connection, name: str, now: float) -> Token | None:
    """Revoke the valid token of an id or name; None where there is none."""
    table = tables.api_tokens
    found = [one for one in every(connection).values() if one.valid(now)]
    token = next((one for one in found if name in (one.id, one.name)), None)
    if token is None:
        return None
    row = table.c.id == token.id
    connection.execute(sa.update(table).where(row).values(revoked_at=now))
    return token


def _token(row: Any) -> Token:
    try:
        content = json.loads(row.content)
        return Token(
            id=row.id,
            name=row.name,
            role=ROLES[row.role],
            # What cannot be read must never become a scope without limits.
            scope=scope_of(content["scope"]),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            made_by=str(content.get("made_by", "")),
        )
    except (KeyError, TypeError, ValueError, ScopeError) as error:
        reason = f"the API token {row.id} in the database is damaged: {error!r}"
        raise StoreError(reason) from None
