"""Keeps secrets unreadable in the store, and seals them to nodes.

The key is a file beside the order key, and as much a part of a backup: without it what the store
has of secrets is lost. Nothing here tells a content, not even in an error.

In the store: ChaCha20-Poly1305, bound to name and version. To a node: a libsodium sealed box
(https://doc.libsodium.org/public-key_cryptography/sealed_boxes), whose ephemeral key is not drawn
but derived from key, name, version, node and content: the same secret gives the same box, so that
an order says nothing new because it was made again, and no two contents share an ephemeral key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import pathlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from skerry_hub.keys import OrderKeyError, own_file

FILE = "secret-key"
KEY_BYTES = 32
_NONCE_BYTES = 12
_BOX_NONCE_BYTES = 24


class SecretKeyError(Exception):
    """A secret of the store cannot be opened; names it and says what to do."""


class SecretKey:
    """The hub's key for secrets."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(hmac.digest(key, b"store", "sha256"))
        self._seed = hmac.digest(key, b"seal", "sha256")

    def locked(self, name: str, version: str, content: bytes) -> bytes:
        """Return a version's content as the store keeps it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, _bound(name, version))

    def content(self, name: str, version: str, locked: bytes) -> bytes:
        """Return a version's content. Raises SecretKeyError."""
        nonce, rest = locked[:_NONCE_BYTES], locked[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, _bound(name, version))
        except (InvalidTag, ValueError):
            raise SecretKeyError(
                f"secret {name} was not kept with this hub's {FILE}: put back the one of the backup"
            ) from None

    def sealed(self, name: str, version: str, content: bytes, public: bytes) -> bytes:
        """Return a sealed box that only the owner of an X25519 key opens.

        Raises SecretKeyError where that is no key.
        """
        said = b"\0".join((_bound(name, version), public, content))
        try:
            ephemeral = PrivateKey(hmac.digest(self._seed, said, "sha256"))
            mine = bytes(ephemeral.public_key)
            nonce = hashlib.blake2b(mine + public, digest_size=_BOX_NONCE_BYTES).digest()
            return mine + Box(ephemeral, PublicKey(public)).encrypt(content, nonce).ciphertext
        except (CryptoError, ValueError, TypeError):
            raise SecretKeyError("the node's sealing key is none") from None


def load_or_make(folder: pathlib.Path) -> SecretKey:
    """Return the key of a data folder. Raises OrderKeyError."""
    path = folder / FILE
    found = own_file(path, "key of secrets", lambda: base64.b64encode(_fresh()) + b"\n")
    try:
        key = base64.b64decode(found.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise OrderKeyError(f"the key of secrets {path} is damaged: put back a copy")
    return SecretKey(key)


def _fresh() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _bound(name: str, version: str) -> bytes:
    return f"{name}\0{version}".encode()
