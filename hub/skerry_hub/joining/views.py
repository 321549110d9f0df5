"""What the API is asked, and shows, of tokens, boxes that joined, and certificates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated

from skerry_hub.joining.records import Certificate, Enrollment, JoinToken, Labels
from skerry_wire.schema import Range
from skerry_wire.types import NodeId

LONGEST_S = 365 * 86_400
MOST_USES = 100_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JoinTokenRequest:
    """Asks for a token. With `node` it is for that one alone; an admin's gives it a new key."""

    ttl_s: Annotated[float, Range(1, LONGEST_S)] = 3600.0
    uses: Annotated[int, Range(1, MOST_USES)] = 1
    labels: Labels = dataclasses.field(default_factory=dict)
    """Of the boxes that join with it; they are the hub's."""
    node: NodeId | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JoinTokenView:
    """A token, without its text, which nobody has any more but who made it."""

    id: str
    created_at: float
    expires_at: float
    uses: int
    used: int
    state: str
    """valid, used up, expired or revoked."""
    node: str | None = None
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    made_by: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JoinTokenMade:
    """A new token with its text, which is shown once, and all that a box is told on its console."""

    token: str = dataclasses.field(repr=False)
    view: JoinTokenView
    hub: str
    ca_pin: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CertificateView:
    """A certificate of a box. The serial number is in hexadecimal, in lower case."""

    serial: str
    issued_at: float
    expires_at: float
    revoked_at: float | None = None
    join_token: str | None = None
    """The id of the token that it joined with; null for a renewal."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentView:
    """A box that has joined, and its certificates that are not long expired, the newest first."""

    node: str
    joined_at: float
    key_digest: str
    """The SHA-256 of its public key."""
    let_in_by: str = ""
    revoked_at: float | None = None
    revoked_by: str | None = None
    """Who asked for that, where it is known."""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Those of its token, which it got when it first appeared."""
    certificates: tuple[CertificateView, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledView:
    """A box that has joined, in a list; `expires_at` is of its last certificate that holds."""

    node: str
    joined_at: float
    let_in_by: str = ""
    revoked_at: float | None = None
    expires_at: float | None = None


def token_view(token: JoinToken, now: float) -> JoinTokenView:
    """Return what is shown of a token."""
    return JoinTokenView(
        id=token.id,
        created_at=token.created_at,
        expires_at=token.expires_at,
        uses=token.uses,
        used=token.used,
        state=_state(token, now),
        node=token.node,
        labels=token.content.labels,
        made_by=token.content.made_by,
    )


def token_facts(view: JoinTokenView) -> dict[str, str]:
    """Return what the audit log says of a token, to whose id the joins with it lead back."""
    return {
        "subject": view.id,
        "uses": str(view.uses),
        "labels": ",".join(f"{key}={value}" for key, value in sorted(view.labels.items())),
        "node": view.node or "",
        "expires_at": f"{view.expires_at:.0f}",
    }


def enrollment_view(one: Enrollment, certificates: list[Certificate]) -> EnrollmentView:
    """Return what is shown of a box that has joined."""
    return EnrollmentView(
        node=one.node,
        joined_at=one.joined_at,
        key_digest=one.key_digest,
        let_in_by=one.content.let_in_by,
        revoked_at=one.revoked_at,
        revoked_by=one.content.revoked_by or None,
        labels=one.content.labels,
        certificates=tuple(
            CertificateView(
                serial=found.serial,
                issued_at=found.issued_at,
                expires_at=found.expires_at,
                revoked_at=found.revoked_at,
                join_token=found.join_token,
            )
            for found in certificates
        ),
    )


def _state(token: JoinToken, now: float) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if now >= token.expires_at:
        return "expired"
    return "used up" if token.used >= token.uses else "valid"
