"""The hub's own keys: made at first start, readable by their owner alone, part of every backup.

With one it signs orders: a box trusts the public half; whoever has the private half owns the fleet.
`secret_key` is the other.
"""

from __future__ import annotations

import base64
import pathlib
import stat
from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from skerry_hub.whole_file import write_whole
from skerry_wire.envelope import key_id_of

PRIVATE = "order-key"
PUBLIC = "order-key.pub"


class OrderKeyError(Exception):
    """The key cannot be read or made; the text says why and what to do."""


class OrderKey:
    """An Ed25519 key. `public` are its 32 bytes, `id` is the name by which boxes know it."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.id = key_id_of(self.public)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data."""
        return self._private.sign(data)


def load_or_make(folder: pathlib.Path) -> OrderKey:
    """Return the key of a data folder. Raises OrderKeyError."""
    path = folder / PRIVATE
    found = own_file(path, "order key", _fresh)
    try:
        private = serialization.load_pem_private_key(found, None)
    except (ValueError, TypeError) as error:
        raise OrderKeyError(f"the order key {path} is damaged: {error}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise OrderKeyError(f"the order key {path} is not an Ed25519 key")
    key = OrderKey(private)
    _write_public(folder / PUBLIC, key)
    return key


def own_file(path: pathlib.Path, what: str, make: Callable[[], bytes]) -> bytes:
    """Return the content of a file that its owner alone may read; `make` gives it at first.

    Raises OrderKeyError.
    """
    try:
        found = path.read_bytes() if path.exists() else _written(path, make())
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise OrderKeyError(f"the {what} {path} cannot be used: {error.strerror}") from None
    if mode & 0o077:
        raise OrderKeyError(
            f"the {what} {path} can be read by others (mode {mode:04o}): chmod 600 {path}"
        )
    return found


def _fresh() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _written(path: pathlib.Path, data: bytes) -> bytes:
    write_whole(path, data)
    return data


def _write_public(path: pathlib.Path, key: OrderKey) -> None:
    text = base64.b64encode(key.public).decode() + "\n"
    try:
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    except OSError as error:
        raise OrderKeyError(f"the public key {path} cannot be written: {error.strerror}") from None
