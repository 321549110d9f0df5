"""The hub's end of a request, for tests."""

import os

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from skerry_wire.session import KEY_BYTES, Opener, Sealer, SessionInput, SessionOutput


class FarEnd:
    """Seals what is typed, and opens what comes back. `key` is the answer's."""

    def __init__(self, key=None):
        self.key = key or os.urandom(KEY_BYTES)
        self._sealer, self._opener = Sealer("in", self.seal), Opener("out", self.unseal)

    def seal(self, nonce, data):
        return bindings.crypto_aead_chacha20poly1305_ietf_encrypt(data, None, nonce, self.key)

    def unseal(self, nonce, data):
        try:
            return bindings.crypto_aead_chacha20poly1305_ietf_decrypt(data, None, nonce, self.key)
        except CryptoError:
            raise ValueError from None

    def typed(self, data=b"", **fields):
        """Return a piece of input."""
        return self._sealer.sealed(SessionInput(data=data, **fields))

    def read(self, piece):
        """Return what a piece of the answer holds."""
        return self._opener.opened(SessionOutput, piece)


def sealed_to(public, data):
    """Return what the box of a key alone can read."""
    return bytes(SealedBox(PublicKey(public)).encrypt(data))
