"""The text of a join token: `skj_`, its id, and a secret. Only a digest of the whole is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

ID_BYTES = 8
SECRET_BYTES = 32
_FORM = re.compile("skj_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


def text_of(id_: bytes, secret: bytes) -> str:
    """Return the text of a token, from bytes that were drawn."""
    if (len(id_), len(secret)) != (ID_BYTES, SECRET_BYTES):
        raise ValueError(f"a token is made of {ID_BYTES} and {SECRET_BYTES} bytes")
    return f"skj_{id_.hex()}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def id_of(text: str) -> str | None:
    """Return the id that a token tells, None where the text is none."""
    found = _FORM.fullmatch(text)
    return None if found is None else found[1]


def digest_of(text: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_same(text: str, digest: str) -> bool:
    """Say whether a token is the one of a digest, without telling by time how near it is."""
    return hmac.compare_digest(digest_of(text), digest)
