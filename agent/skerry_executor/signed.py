"""Whether an envelope was signed with a key that the box trusts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from skerry_executor.order import signature_fits
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope


def opened(data: bytes, keys: Mapping[str, bytes]) -> Envelope | str:
    """Return the Envelope that the bytes hold, or why it is refused. Its payload is not read."""
    try:
        sealed = codec.decode(Envelope, data)
    except WireError as error:
        return f"it is not signed: {error}"
    key = keys.get(sealed.key_id)
    if key is None:
        return f"key {sealed.key_id} is not among the box's trusted keys"
    if not signature_fits(sealed, key):
        return f"the signature is not that of key {sealed.key_id}"
    return sealed
