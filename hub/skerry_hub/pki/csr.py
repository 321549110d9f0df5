"""What a box sends to have its key certified. Of all that it asks for only the key is taken.

The request's own signature proves that who sends it has the key. It is read strictly: there is one
way to write a request that is signed, and everything else is refused.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from skerry_hub.pki.leaves import PublicKey

MOST_BYTES = 8192
BEGIN, END = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"
_KEYS = "its key must be of the curve P-256, or Ed25519"
_SEQUENCE, _BIT_STRING = 0x30, 0x03

# In DER, from RFC 5758 and RFC 8410: neither has parameters.
_ECDSA = {
    name: bytes.fromhex(f"300a06082a8648ce3d0403{number}")
    for name, number in (("sha256", "02"), ("sha384", "03"), ("sha512", "04"))
}
_ED25519 = bytes.fromhex("300506032b6570")


class CsrError(ValueError):
    """A request for a certificate is not one; the text says what is wrong with it."""


def public_key_of(text: str) -> PublicKey:
    """Return the key that a request is for, and that has signed it. Raises CsrError."""
    if len(text) > MOST_BYTES:
        raise CsrError(f"is {len(text)} characters, more than {MOST_BYTES}")
    if not text.startswith(BEGIN + "\n"):
        raise CsrError("must be a PKCS#10 request in PEM, which begins with " + BEGIN)
    try:
        request = x509.load_pem_x509_csr(text.encode())
        public = request.public_key()
        signed = request.is_signature_valid
        digest = request.signature_hash_algorithm
    except UnsupportedAlgorithm:
        raise CsrError(_KEYS) from None
    except (ValueError, TypeError, InvalidSignature, x509.InvalidVersion):
        raise CsrError("is no PKCS#10 request, or damaged") from None
    key, algorithm = _checked(public, "" if digest is None else digest.name)
    # Else what no signature is about could be written in several ways.
    written = pem_of(_der(request.tbs_certrequest_bytes, algorithm, request.signature))
    if text not in (written, written.rstrip("\n")):
        raise CsrError("is not written as PEM of a request alone is")
    if not signed:
        raise CsrError("is not signed by its own key")
    return key


def key_digest(public: PublicKey) -> str:
    """Return what a key is known by: the SHA-256 of it, in hexadecimal."""
    data = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(data).hexdigest()


def pem_of(der: bytes) -> str:
    """Return a request as PEM."""
    data = base64.b64encode(der).decode()
    lines = [data[start : start + 64] for start in range(0, len(data), 64)]
    return "\n".join([BEGIN, *lines, END, ""])


def _checked(public: object, digest: str) -> tuple[PublicKey, bytes]:
    """Return a key of an allowed kind, and how a request names what it signs by.

    Raises CsrError.
    """
    if isinstance(public, ed25519.Ed25519PublicKey):
        return public, _ED25519
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise CsrError(_KEYS)
    if not isinstance(public.curve, ec.SECP256R1) or digest not in _ECDSA:
        raise CsrError(_KEYS + ", and what signs it SHA-256, SHA-384 or SHA-512")
    return public, _ECDSA[digest]


def _der(signed: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """Return a request in DER: what is signed, by what, and the signature, of whole bytes."""
    return _element(_SEQUENCE, signed + algorithm + _element(_BIT_STRING, b"\0" + signature))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
