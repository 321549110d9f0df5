"""What the hub keeps of tokens, of boxes that joined, and of their certificates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated

from skerry_wire.joining import PublicKey, Trait
from skerry_wire.schema import Items, Text
from skerry_wire.types import NodeId

Labels = Annotated[Mapping[Annotated[str, Text(253)], Annotated[str, Text(63)]], Items(64)]
Who = Annotated[str, Text(253)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenContent:
    """What of a token is only shown, or handed on."""

    labels: Labels = dataclasses.field(default_factory=dict)
    made_by: Who = ""
    replaces: bool = False
    """An admin made it: a node that is there may get another key by it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """With which boxes join. The text itself is not kept, only its digest.

    With a `node` it is for that one alone; where an admin made it, also if that has joined before
    with another key.
    """

    id: str
    digest: str
    created_at: float
    expires_at: float
    uses: int
    used: int = 0
    node: str | None = None
    revoked_at: float | None = None
    content: TokenContent = dataclasses.field(default_factory=TokenContent)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentContent:
    """What of a box that joined is only shown, handed on, or compared at its next join."""

    labels: Labels = dataclasses.field(default_factory=dict)
    machine: Annotated[tuple[Trait, ...], Items(64)] = ()
    let_in_by: Who = ""
    sealing_key: PublicKey | None = None
    """The executor's, as root told it."""
    revoked_by: Who = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """A box that has joined: its id, and the key by which it is known."""

    node: NodeId
    key_digest: str
    joined_at: float
    revoked_at: float | None = None
    content: EnrollmentContent = dataclasses.field(default_factory=EnrollmentContent)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """That a box was shut out: when, and by whom, where that is known."""

    at: float
    by: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that a box got. The serial number is in hexadecimal."""

    serial: str
    node: str
    key_digest: str
    issued_at: float
    expires_at: float
    revoked_at: float | None = None
    join_token: str | None = None
    pem: str = dataclasses.field(default="", repr=False)
