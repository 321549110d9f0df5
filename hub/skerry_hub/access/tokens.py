"""API tokens: how one is made, what is kept of it, and who has shown one. Pure.

A token's text is shown once. Kept is the SHA-256 of it: it has 256 random bits, which nobody
guesses, so that nothing slower is needed, and who reads the database has no token.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re

from skerry_hub.access.roles import Role
from skerry_hub.access.scope import EVERYTHING, Scope

PREFIX = "ska"
ID_BYTES = 8
SECRET_BYTES = 32
DEFAULT_TTL_S = 90 * 86_400.0
LEAST_TTL_S = 60.0
MOST_TTL_S = 3650 * 86_400.0

_TEXT = re.compile(r"ska_(?P<id>[0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_ANY = re.compile(r"(sk[a-z]_[0-9a-f]{4,16})[A-Za-z0-9_-]{8,}")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,61}[A-Za-z0-9])?")
NAME_WORDS = "1 to 63 of A-Z, a-z, 0-9, ., _, @ and -, a letter or digit at either end"
RESERVED = frozenset({"anonymous", "hub"})
"""Who else is named in the audit log."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token. `made_by` is who had it made."""

    id: str
    name: str
    role: Role
    scope: Scope
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    made_by: str = ""

    def valid(self, now: float) -> bool:
        """Say whether it still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: by a token, or anybody where none is asked for."""

    name: str
    role: Role
    scope: Scope = EVERYTHING
    token: str = ""
    """The id of the token, which tells two of one name apart."""
    expires_at: float | None = None

    @property
    def known_as(self) -> str:
        """Return the name for what keeps who did something; empty for anybody."""
        return self.name if self.token else ""


ANYBODY = Caller(name="anonymous", role=Role.ADMIN)
"""Who asks where `--auth off` is said, on loopback."""


def text_of(id_bytes: bytes, secret: bytes) -> str:
    """Return a token's text, made of random bytes."""
    shown = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return f"{PREFIX}_{id_bytes.hex()}_{shown}"


def id_of(text: str) -> str | None:
    """Return a token's id, None where a text has not the form of one."""
    match = _TEXT.fullmatch(text)
    return match["id"] if match is not None else None


def digest_of(text: str) -> str:
    """Return what is kept of a token's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def without_secrets(text: str) -> str:
    """Return a text in which whatever looks like a token is cut short to its id."""
    return _ANY.sub(r"\1...", text)


def wrong_name(name: str) -> str | None:
    """Return why a token cannot be called so, None when it can."""
    if NAME.fullmatch(name) is None:
        return f"{name[:80]!r} must be {NAME_WORDS}"
    if name in RESERVED:
        return f"{name} is what the audit log calls others"
    return None


_TTL = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhdw])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def ttl_s_of(text: str) -> float | None:
    """Return how long a token is to be valid; None is for ever. Raises ValueError."""
    if text == "never":
        return None
    match = _TTL.fullmatch(text)
    if match is None:
        raise ValueError(f"--ttl: {text[:40]!r} must be such as 12h or 90d, or never")
    return int(match["count"]) * _UNITS[match["unit"]]
