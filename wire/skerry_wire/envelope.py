"""What is signed: orders, targets, grants, requests, key changes, approvals; how it is packed.

The encoding of what is signed is DSSE's (https://github.com/secure-systems-lab/dsse), so that no
two pairs of type and payload give the same bytes: one never stands for the other. The signature
itself is made by the hub (that of an approval by a second person) and verified by the executor,
each with its own cryptographic library: this package has none.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

from skerry_wire import codec
from skerry_wire.approval import MAX_APPROVAL_BYTES, Approval
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope, Grant, InstanceRequest, Order, Targets
from skerry_wire.order_keys import KeyChange

PLAIN = "skerry.order.v1"
COMPRESSED = "skerry.order.v1+zlib"
TARGETS = "skerry.targets.v1"
GRANT = "skerry.grant.v1"
REQUEST = "skerry.request.v1"
KEYS = "skerry.keys.v1"
APPROVAL = "skerry.approval.v1"
COMPRESS_ABOVE_BYTES = 1024
MAX_ORDER_BYTES = 4 * 1024 * 1024
"""Largest order after decompression."""


def signing_bytes(payload_type: str, payload: bytes) -> bytes:
    """Return what the signature covers."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key_id_of(public_key: bytes) -> str:
    """Return the name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def digest_of(payload: bytes) -> str:
    """Return the digest by which a report names an order's payload."""
    return hashlib.sha256(payload).hexdigest()


def seal(order: Order, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Pack and sign an order. Raises WireError when it would not fit a message."""
    payload, kind = codec.pack(order), PLAIN
    if len(payload) > MAX_ORDER_BYTES:
        raise WireError("", f"the order is {len(payload)} bytes, more than {MAX_ORDER_BYTES}")
    if len(payload) > COMPRESS_ABOVE_BYTES:
        payload, kind = zlib.compress(payload, 9), COMPRESSED
    return _sealed(kind, payload, key_id, sign)


def seal_targets(targets: Targets, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Pack and sign the targets of one node."""
    return _sealed(TARGETS, codec.pack(targets), key_id, sign)


def seal_grant(grant: Grant, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Pack and sign the renewal of a node's leases."""
    return _sealed(GRANT, codec.pack(grant), key_id, sign)


def seal_request(request: InstanceRequest, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Pack and sign what is asked about an instance."""
    return _sealed(REQUEST, codec.pack(request), key_id, sign)


def seal_key_change(change: KeyChange, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Pack and sign a change of the keys that boxes trust."""
    return _sealed(KEYS, codec.pack(change), key_id, sign)


def seal_approval(approval: Approval, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Pack and sign an approval. Raises WireError when an order could not carry it."""
    sealed = _sealed(APPROVAL, codec.pack(approval), key_id, sign)
    size = len(codec.pack(sealed))
    if size > MAX_APPROVAL_BYTES:
        raise WireError("devices", f"the approval is {size} bytes, more than {MAX_APPROVAL_BYTES}")
    return sealed


def signed_anew(sealed: Envelope, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Return the same type and payload, signed with another key."""
    return _sealed(sealed.type, sealed.payload, key_id, sign)


def _sealed(kind: str, payload: bytes, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    signature = sign(signing_bytes(kind, payload))
    envelope = codec.from_plain(
        Envelope, {"type": kind, "key_id": key_id, "payload": payload, "signature": signature}
    )
    codec.encode(envelope)
    return envelope


def open_payload(envelope: Envelope) -> Order:
    """Return the order of an envelope whose signature has been verified. Raises WireError."""
    payload = envelope.payload
    if envelope.type not in (PLAIN, COMPRESSED):
        raise WireError("type", f"{envelope.type} is no order")
    if envelope.type == COMPRESSED:
        payload = _decompress(payload)
    return codec.decode(Order, payload, strict=True, most=MAX_ORDER_BYTES)


def open_targets(envelope: Envelope) -> Targets:
    """Return the targets of an envelope whose signature has been verified. Raises WireError."""
    if envelope.type != TARGETS:
        raise WireError("type", f"{envelope.type} is no list of targets")
    return codec.decode(Targets, envelope.payload)


def open_grant(envelope: Envelope) -> Grant:
    """Return the grant of an envelope whose signature has been verified. Raises WireError."""
    if envelope.type != GRANT:
        raise WireError("type", f"{envelope.type} is no grant")
    return codec.decode(Grant, envelope.payload, strict=True)


def open_request(envelope: Envelope) -> InstanceRequest:
    """Return the request of an envelope whose signature has been verified. Raises WireError."""
    if envelope.type != REQUEST:
        raise WireError("type", f"{envelope.type} is no request")
    return codec.decode(InstanceRequest, envelope.payload, strict=True)


def open_key_change(envelope: Envelope) -> KeyChange:
    """Return the change of an envelope whose signature has been verified. Raises WireError."""
    if envelope.type != KEYS:
        raise WireError("type", f"{envelope.type} is no change of keys")
    return codec.decode(KeyChange, envelope.payload, strict=True)


def open_approval(envelope: Envelope) -> Approval:
    """Return the approval of an envelope whose signature has been verified. Raises WireError."""
    if envelope.type != APPROVAL:
        raise WireError("type", f"{envelope.type} is no approval")
    return codec.decode(Approval, envelope.payload, strict=True)


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, MAX_ORDER_BYTES)
    except zlib.error as error:
        raise WireError("payload", f"does not decompress: {error}") from None
    if stream.unconsumed_tail or not stream.eof or stream.unused_data:
        raise WireError("payload", f"is cut off, or more than {MAX_ORDER_BYTES} bytes inflated")
    return plain
