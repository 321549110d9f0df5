"""Whether an order that a node says it holds is one that this hub signed."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope, Order


class NotOursError(Exception):
    """It is none of this hub; says why."""


def opened(data: bytes, keys: Iterable[bytes]) -> tuple[Order, str]:
    """Return the order of an envelope, and its digest. Raises NotOursError.

    `keys` are the public keys that this hub signs with: two, while one takes the other's place.
    """
    by_id = {envelope.key_id_of(key): key for key in keys}
    try:
        sealed = codec.decode(Envelope, data)
        if sealed.key_id not in by_id:
            raise NotOursError(f"key {sealed.key_id} signed it, which is none of this hub")
        Ed25519PublicKey.from_public_bytes(by_id[sealed.key_id]).verify(
            sealed.signature, envelope.signing_bytes(sealed.type, sealed.payload)
        )
        return envelope.open_payload(sealed), envelope.digest_of(sealed.payload)
    except (WireError, InvalidSignature) as error:
        raise NotOursError(str(error) or "the signature does not fit") from None
