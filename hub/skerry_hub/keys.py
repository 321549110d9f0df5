"""The hub's own keys: made at first start, readable by their owner alone, part of every backup.

With one it signs orders: a box trusts the public half; whoever has the private half owns the fleet.
`order_keys` says which, while it is changed. `secret_key` is the other.
"""

from __future__ import annotations

import base64
import pathlib
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from skerry_hub.whole_file import write_whole
from skerry_wire.envelope import key_id_of

if TYPE_CHECKING:
    from skerry_hub.model import Node

PRIVATE = "order-key"
PUBLIC = "order-key.pub"


class Signer(Protocol):
    """What knows with which key to sign for a node: an `OrderKey`, or `order_keys.OrderKeys`."""

    def for_node(self, node: Node | None, /) -> OrderKey:
        """Return the key."""


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

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Return the keys that boxes must trust."""
        return (self.public,)

    def for_node(self, _node: Node | None, /) -> OrderKey:
        """Return the key to sign with for a node: this one for each."""
        return self


def load_or_make(folder: pathlib.Path) -> OrderKey:
    """Return the key of a data folder. Raises OrderKeyError."""
    key = _read(folder / PRIVATE)
    write_public(folder, key)
    return key


def load(folder: pathlib.Path, name: str = PRIVATE) -> OrderKey | None:
    """Return a key of a data folder, None where there is none. Raises OrderKeyError."""
    path = folder / name
    return _read(path) if path.exists() else None


def make(path: pathlib.Path) -> OrderKey:
    """Make a key in a file that is not there yet. Raises OrderKeyError."""
    return _read(path)


def _read(path: pathlib.Path) -> OrderKey:
    found = own_file(path, "order key", _fresh)
    try:
        private = serialization.load_pem_private_key(found, None)
    except (ValueError, TypeError) as error:
        raise OrderKeyError(f"the order key {path} is damaged: {error}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise OrderKeyError(f"the order key {path} is not an Ed25519 key")
    return OrderKey(private)


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


def write_public(folder: pathlib.Path, key: OrderKey) -> None:
    """Have the public half beside the key, for people. Raises OrderKeyError."""
    path = folder / PUBLIC
    text = base64.b64encode(key.public).decode() + "\n"
    try:
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    except OSError as error:
        raise OrderKeyError(f"the public key {path} cannot be written: {error.strerror}") from None
