"""What a box and the hub say to each other before they share a broker: joining, and renewing.

JSON over HTTPS, at the paths below. Nothing in it is secret but the token; the box's private key
never leaves it. A certificate is for a node's id alone, whatever else a request asks for.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Range, Text
from skerry_wire.types import NodeId

JOIN_PATH = "/api/v1/join"
RENEW_PATH = "/api/v1/renew"
CA_PATH = "/ca.pem"
"""The hub's authority, for everybody: who fetches it compares it with a pin that he was given."""

HUB_NAME = "hub.skerry.internal"
"""The name that a certificate of the hub has besides its own, and a broker's has not: a broker
that was broken into cannot stand for the hub."""

BROKER_NAME = "broker.skerry.internal"
"""The name that a broker's has besides its own: whoever shows it is not the hub."""

AUTHORITY_PREFIX = "Skerry authority "
"""With this begins the name of every hub's authority, which signs brokers and boxes too."""

MAX_BODY_BYTES = 64 * 1024
"""Largest request and answer, checked before it is read."""

M = TypeVar("M")

Pem = Annotated[str, Text(16 * 1024, r"[\x09\x0a\x0d\x20-\x7e]*")]
Token = Annotated[str, Text(128, "[A-Za-z0-9_-]{16,128}")]
Pin = Annotated[str, Text(71, "sha256:[0-9a-f]{64}")]
"""The SHA-256 of the DER of the authority's certificate."""

PublicKey = Annotated[str, Text(64, "[A-Za-z0-9+/]{43}=")]
"""A public key of 32 bytes in base64: Ed25519, or X25519 where it is to seal."""

Trait = Annotated[str, Text(32, "[0-9a-f]{16}")]
"""A digest of something that tells one machine from another, salted with the node's id."""

Url = Annotated[str, Text(512, r"[\x21-\x7e]+")]


@frozen(kw_only=True)
class JoinRequest:
    """A box asks for a certificate. `node` is the id that it has, or would like to have.

    `sealing_key` is the executor's: told here, no broker can put another in its place. `keeps_id`:
    the box is that node already and becomes no other, so a token for another one is not for it.
    """

    token: Token
    csr: Pem
    node: NodeId
    machine: Annotated[tuple[Trait, ...], Items(64)] = ()
    sealing_key: PublicKey | None = None
    keeps_id: bool = False


@frozen(kw_only=True)
class RenewRequest:
    """A box asks for a new certificate for the key that it has joined with, which signs the CSR."""

    csr: Pem


@frozen(kw_only=True)
class Enrolled:
    """What a box needs to reach its broker, and whose orders it may take.

    `lifetime_s` and `renew_after_s` count from now: the box's clock may be wrong.
    """

    node: NodeId
    certificate: Pem
    ca: Pem
    broker: Url
    broker_ca: Pem
    hubs: Annotated[tuple[Url, ...], Items(8)]
    order_keys: Annotated[tuple[PublicKey, ...], Items(8)]
    lifetime_s: Annotated[float, Range(1, 2**32)]
    renew_after_s: Annotated[float, Range(1, 2**32)]


def to_json(message: Any) -> bytes:
    """Return a message as JSON."""
    return json.dumps(codec.to_plain(message), separators=(",", ":")).encode()


def from_json(kind: type[M], data: bytes) -> M:
    """Return the message of `kind` that JSON holds. Raises WireError."""
    if len(data) > MAX_BODY_BYTES:
        raise WireError("", f"is {len(data)} bytes, more than {MAX_BODY_BYTES}")
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError("", f"is not JSON: {str(error)[:80]}") from None
    return codec.from_plain(kind, plain)
