"""What a box sends to have its key certified. Of all that it asks for only the key is taken.

The request's own signature proves that who sends it has the key. It is read strictly: there is one
way to write a request, and everything else is refused.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from skerry_hub.pki.leaves import PublicKey

MOST_BYTES = 8192
_BEGIN = "-----BEGIN CERTIFICATE REQUEST-----\n"
_DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_KEYS = "its key must be of the curve P-256, or Ed25519"


class CsrError(ValueError):
    """A request for a certificate is not one; the text says what is wrong with it."""


def public_key_of(text: str) -> PublicKey:
    """Return the key that a request is for, and that has signed it. Raises CsrError."""
    if len(text) > MOST_BYTES:
        raise CsrError(f"is {len(text)} characters, more than {MOST_BYTES}")
    if not text.startswith(_BEGIN):
        raise CsrError("must be a PKCS#10 request in PEM, which begins with " + _BEGIN.strip())
    try:
        request = x509.load_pem_x509_csr(text.encode())
        written = request.public_bytes(serialization.Encoding.PEM).decode()
        public = request.public_key()
        digest = request.signature_hash_algorithm
        signed = request.is_signature_valid
    except UnsupportedAlgorithm:
        raise CsrError(_KEYS) from None
    except (ValueError, TypeError, InvalidSignature, x509.InvalidVersion):
        raise CsrError("is no PKCS#10 request, or damaged") from None
    if text not in (written, written.rstrip("\n")):
        raise CsrError("is not written as PEM of a request alone is")
    if isinstance(public, ec.EllipticCurvePublicKey):
        if not isinstance(public.curve, ec.SECP256R1) or not isinstance(digest, _DIGESTS):
            raise CsrError(_KEYS + ", and what signs it SHA-256, SHA-384 or SHA-512")
    elif not isinstance(public, ed25519.Ed25519PublicKey):
        raise CsrError(_KEYS)
    if not signed:
        raise CsrError("is not signed by its own key")
    return public


def key_digest(public: PublicKey) -> str:
    """Return what a key is known by: the SHA-256 of it, in hexadecimal."""
    data = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(data).hexdigest()
