"""The box's end of a sealed request, for tests of the hub."""

from nacl import bindings
from nacl.public import PrivateKey, SealedBox

from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope
from skerry_wire.session import Opener, Sealer, SessionInput, SessionOutput

BOX = PrivateKey.generate()
PUBLIC = bytes(BOX.public_key)


class SealedEnd:
    """Has the key of a request; seals what is said to it, and opens what is typed."""

    def __init__(self, key):
        seal = bindings.crypto_aead_chacha20poly1305_ietf_encrypt
        unseal = bindings.crypto_aead_chacha20poly1305_ietf_decrypt
        self._sealer = Sealer("out", lambda nonce, data: seal(data, None, nonce, key))
        self._opener = Opener("in", lambda nonce, data: unseal(data, None, nonce, key))

    @classmethod
    def of(cls, data):
        """Open a request as it came."""
        signed = codec.decode(Envelope, SealedBox(BOX).decrypt(data))
        request = envelope.open_request(signed)
        end = cls(request.answer_key)
        end.envelope, end.request = signed, request
        return end

    def says(self, **fields):
        """Return the next piece of the answer."""
        return self._sealer.sealed(SessionOutput(**fields))

    def typed(self, piece):
        """Return what a piece of input holds."""
        return self._opener.opened(SessionInput, piece)

    def replies(self, plain):
        """Return replies for what is to be said, by part from 0; a first error is a refusal."""
        if plain and plain[0].get("error"):
            return plain
        by_part = {one.get("part", 0): one for one in plain}
        sealed = {part: self._sealed(by_part[part]) for part in sorted(by_part)}
        return [{"part": (part := one.get("part", 0)), "body": sealed[part]} for one in plain]

    def _sealed(self, one):
        return self.says(**{name: value for name, value in one.items() if name != "part"})
