"""The box's own key: what is sealed to it, this box alone can open.

An X25519 key pair, made once and kept where only the executor's user reads. A secret for this box
is a libsodium sealed box (https://doc.libsodium.org/public-key_cryptography/sealed_boxes): nobody
on its way can open it, the agent and the broker neither.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import pathlib

from skerry_executor import whole_file
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import Sealed, fingerprint_of

FILE = "sealing-key"
KEY_BYTES = 32
_MAGIC = b"skerry-executor sealing key 1\n"
_MAX_FILE_BYTES = 1024


class SealingError(Exception):
    """The key cannot be had, or does not open a secret; says why, and nothing of any content."""


@frozen()
class SealingKey:
    """The key pair, as 32 bytes each."""

    private: bytes = dataclasses.field(repr=False)
    public: bytes

    def open(self, sealed: Sealed) -> bytes:
        """Return the content of a secret that was sealed to this box. Raises SealingError."""
        if not sealed.box:
            raise SealingError(
                f"secret {sealed.name} did not come with the order: the hub does not know this "
                "box's key yet, or keeps no such version (skerry describe secret)"
            )
        content = self.opened(sealed.box)
        if content is None:
            raise SealingError(
                f"secret {sealed.name} is sealed to another key than this box's "
                f"({fingerprint_of(self.public)}): skerry node trust-key makes the hub take it"
            )
        return content

    def opened(self, box: bytes) -> bytes | None:
        """Return what is in a sealed box; None where it is not for this key."""
        # Imported late: most boxes have none, and a run is started for each visit.
        from nacl.exceptions import CryptoError  # noqa: PLC0415
        from nacl.public import PrivateKey, SealedBox  # noqa: PLC0415

        try:
            return bytes(SealedBox(PrivateKey(self.private)).decrypt(box))
        except (CryptoError, ValueError):
            return None


def load_or_make(folder: pathlib.Path) -> SealingKey:
    """Return the key of a state folder, made at the first time. Raises SealingError."""
    path = folder / FILE
    try:
        with open(path, "rb") as file:
            return _parse(path, file.read(_MAX_FILE_BYTES + 1))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SealingError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return _made(path)
    except OSError as error:
        raise SealingError(f"{path} cannot be written: {error.strerror}") from None


def _made(path: pathlib.Path) -> SealingKey:
    from nacl.public import PrivateKey  # noqa: PLC0415

    private = PrivateKey.generate()
    key = SealingKey(bytes(private), bytes(private.public_key))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The public half stands beside the private one, so that telling it needs no cryptography.
    words = b" ".join(base64.b64encode(half) for half in (key.private, key.public))
    whole_file.write(path, _MAGIC + words + b"\n", durable=True)
    return key


def _parse(path: pathlib.Path, data: bytes) -> SealingKey:
    words = data.removeprefix(_MAGIC).split()
    try:
        if not data.startswith(_MAGIC) or len(words) != 2:
            raise ValueError
        private, public = (base64.b64decode(word, validate=True) for word in words)
        if len(private) != KEY_BYTES or len(public) != KEY_BYTES:
            raise ValueError
    except (ValueError, binascii.Error):
        raise SealingError(
            f"{path} is damaged: put back a copy, or remove it; a new key is made then, which "
            "must be trusted with skerry node trust-key"
        ) from None
    return SealingKey(private, public)
