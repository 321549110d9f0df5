"""Join tokens, boxes that joined and their certificates as rows.

A part of `store`, which alone speaks SQL beside it. They are not written by the writer's thread,
but in transactions of their own (`Store.aside`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

import sqlalchemy as sa

from skerry_hub import setting_rows, tables
from skerry_hub.joining.records import (
    Certificate,
    Enrollment,
    EnrollmentContent,
    JoinToken,
    TokenContent,
)
from skerry_hub.store_error import StoreError
from skerry_wire import codec
from skerry_wire.errors import WireError

FORGOTTEN_AT = "certificates_forgotten_at"
C = TypeVar("C")


class EnrollmentRows:
    """What one transaction may read and write of them."""

    def __init__(self, connection: sa.Connection, *, looking: bool = False) -> None:
        """With `looking`, nothing is to be written, so nobody is kept from writing meanwhile."""
        self._connection = connection
        self._looking = looking

    def _held(self, query: sa.Select[Any]) -> sa.Select[Any]:
        return query if self._looking else query.with_for_update()

    # --- tokens ---------------------------------------------------------------------------

    def token(self, id_: str) -> JoinToken | None:
        """Return a token; until the transaction ends nobody else uses it."""
        table = tables.join_tokens
        query = self._held(sa.select(table).where(table.c.id == id_))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _token(row)

    def tokens(self) -> list[JoinToken]:
        """Return all that are kept, the oldest first."""
        table = tables.join_tokens
        query = sa.select(table).order_by(table.c.created_at, table.c.id)
        return [_token(row) for row in self._connection.execute(query)]

    def add_token(self, token: JoinToken) -> None:
        """Keep a new one."""
        self._connection.execute(
            sa.insert(tables.join_tokens).values(
                id=token.id,
                digest=token.digest,
                created_at=token.created_at,
                expires_at=token.expires_at,
                uses=token.uses,
                used=token.used,
                node=token.node,
                revoked_at=token.revoked_at,
                content=_text(token.content),
            )
        )

    def use_token(self, id_: str, now: float) -> bool:
        """Count a use, and say whether there was one left."""
        table = tables.join_tokens
        left = (
            (table.c.id == id_)
            & (table.c.used < table.c.uses)
            & (table.c.expires_at > now)
            & table.c.revoked_at.is_(None)
        )
        done = self._connection.execute(sa.update(table).where(left).values(used=table.c.used + 1))
        return bool(done.rowcount)

    def revoke_token(self, id_: str, now: float) -> None:
        """Note that a token is valid no more."""
        table = tables.join_tokens
        mine = (table.c.id == id_) & table.c.revoked_at.is_(None)
        self._connection.execute(sa.update(table).where(mine).values(revoked_at=now))

    # --- boxes ----------------------------------------------------------------------------

    def knows_node(self, node: str) -> bool:
        """Say whether the hub has heard of a node, joined or not."""
        table = tables.nodes
        query = sa.select(table.c.id).where(table.c.id == node)
        return self._connection.scalar(query) is not None

    def enrollment(self, node: str) -> Enrollment | None:
        """Return what is kept of a box, by its id."""
        return self._enrollment(tables.enrollments.c.node == node)

    def enrollment_of_key(self, key_digest: str) -> Enrollment | None:
        """Return what is kept of a box, by its key."""
        return self._enrollment(tables.enrollments.c.key_digest == key_digest)

    def _enrollment(self, which: sa.ColumnElement[bool]) -> Enrollment | None:
        query = self._held(sa.select(tables.enrollments).where(which))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _enrollment(row)

    def enrollments(self) -> list[Enrollment]:
        """Return all, by id."""
        table = tables.enrollments
        query = sa.select(table).order_by(table.c.node)
        return [_enrollment(row) for row in self._connection.execute(query)]

    def last_until(self) -> dict[str, float]:
        """Return until when the last certificate of each box holds that is not revoked."""
        table = tables.certificates
        query = sa.select(table.c.node, sa.func.max(table.c.expires_at))
        holds = query.where(table.c.revoked_at.is_(None)).group_by(table.c.node)
        return {row[0]: row[1] for row in self._connection.execute(holds)}

    def put_enrollment(self, one: Enrollment) -> None:
        """Keep it in place of what there was of its id.

        Raises sqlalchemy.exc.IntegrityError where another box has its key, or came first.
        """
        table = tables.enrollments
        values: dict[str, Any] = {
            "key_digest": one.key_digest,
            "joined_at": one.joined_at,
            "revoked_at": one.revoked_at,
            "content": _text(one.content),
        }
        mine = table.c.node == one.node
        if not self._connection.execute(sa.update(table).where(mine).values(**values)).rowcount:
            self._connection.execute(sa.insert(table).values(node=one.node, **values))

    # --- certificates ---------------------------------------------------------------------

    def add_certificate(self, one: Certificate) -> None:
        """Keep a new one."""
        self._connection.execute(
            sa.insert(tables.certificates).values(
                serial=one.serial,
                node=one.node,
                key_digest=one.key_digest,
                issued_at=one.issued_at,
                expires_at=one.expires_at,
                revoked_at=one.revoked_at,
                join_token=one.join_token,
                certificate=one.pem,
            )
        )

    def newest_certificate(
        self, key_digest: str, now: float, token: str | None = None
    ) -> Certificate | None:
        """Return the newest of a key that is not revoked; with a token, the newest by that.

        What a clock that was wrong has issued in the future is not among them: it would hide those
        that were issued since.
        """
        table = tables.certificates
        query = sa.select(table).where(
            table.c.key_digest == key_digest,
            table.c.revoked_at.is_(None),
            table.c.issued_at <= now,
        )
        if token is not None:
            query = query.where(table.c.join_token == token)
        newest = query.order_by(table.c.issued_at.desc(), table.c.serial).limit(1)
        row = self._connection.execute(newest).one_or_none()
        return None if row is None else _certificate(row)

    def certificates(self, node: str) -> list[Certificate]:
        """Return those of a box that are not long expired, the newest first."""
        table = tables.certificates
        query = sa.select(table).where(table.c.node == node)
        newest_first = query.order_by(table.c.issued_at.desc(), table.c.serial)
        return [_certificate(row) for row in self._connection.execute(newest_first)]

    def revoke_certificates(self, node: str, now: float) -> int:
        """Note that all of a box hold no more; return how many these were."""
        table = tables.certificates
        mine = (table.c.node == node) & table.c.revoked_at.is_(None)
        return self._connection.execute(
            sa.update(table).where(mine).values(revoked_at=now)
        ).rowcount

    def revoked(self) -> Iterator[tuple[int, float]]:
        """Yield the serial numbers that hold no more, and since when."""
        table = tables.certificates
        query = sa.select(table.c.serial, table.c.revoked_at).where(table.c.revoked_at.is_not(None))
        for row in self._connection.execute(query):
            yield int(row.serial, 16), row.revoked_at

    def replaced(self) -> dict[str, float]:
        """Return who has joined with another key since, and when his former one was shut out."""
        of, box = tables.certificates, tables.enrollments
        query = (
            sa.select(of.c.node, sa.func.max(of.c.revoked_at))
            .join(box, box.c.node == of.c.node)
            .where(
                box.c.revoked_at.is_(None),
                of.c.revoked_at.is_not(None),
                of.c.key_digest != box.c.key_digest,
            )
            .group_by(of.c.node)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def newest_made(self) -> float | None:
        """Return when the newest certificate or token was made; None where there is none."""
        of, by = tables.certificates.c.issued_at, tables.join_tokens.c.created_at
        found = [self._connection.scalar(sa.select(sa.func.max(one))) for one in (of, by)]
        return max((float(one) for one in found if one is not None), default=None)

    def forgotten_at(self, otherwise: float) -> float:
        """Return the time of the last `trim`; at the first time, keep `otherwise`, return it."""
        return float(setting_rows.setting(self._connection, FORGOTTEN_AT, repr(otherwise)))

    def put_forgotten_at(self, at: float) -> None:
        """Keep the time of a `trim`."""
        setting_rows.put_setting(self._connection, FORGOTTEN_AT, repr(at))

    def trim(self, before: float) -> None:
        """Remove certificates and tokens that have expired before a time."""
        for table in (tables.certificates, tables.join_tokens):
            self._connection.execute(sa.delete(table).where(table.c.expires_at < before))


def _text(content: object) -> str:
    return json.dumps(codec.to_plain(content), separators=(",", ":"))


def _content(kind: type[C], text: str, what: str) -> C:
    try:
        return codec.from_plain(kind, json.loads(text))
    except (ValueError, WireError) as error:
        raise StoreError(f"the database holds a damaged record, {what}: {error}") from None


def _token(row: sa.Row[Any]) -> JoinToken:
    return JoinToken(
        id=row.id,
        digest=row.digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        uses=row.uses,
        used=row.used,
        node=row.node,
        revoked_at=row.revoked_at,
        content=_content(TokenContent, row.content, f"join token {row.id}"),
    )


def _enrollment(row: sa.Row[Any]) -> Enrollment:
    return Enrollment(
        node=row.node,
        key_digest=row.key_digest,
        joined_at=row.joined_at,
        revoked_at=row.revoked_at,
        content=_content(EnrollmentContent, row.content, f"enrollment of {row.node}"),
    )


def _certificate(row: sa.Row[Any]) -> Certificate:
    return Certificate(
        serial=row.serial,
        node=row.node,
        key_digest=row.key_digest,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        join_token=row.join_token,
        pem=row.certificate,
    )
