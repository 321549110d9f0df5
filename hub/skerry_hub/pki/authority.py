"""The authority: a key and its certificate, made at the hub's first start, part of every backup.

Both are in one file, so that there is never one without the other; `ca.pem` is a copy of the
certificate for whoever needs to know it. Boxes and people know it by its pin.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import pathlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from skerry_hub.keys import OrderKeyError, own_file
from skerry_hub.whole_file import write_whole
from skerry_wire.joining import AUTHORITY_PREFIX

PRIVATE = "ca-key"
PUBLIC = "ca.pem"
LIFE = datetime.timedelta(days=30 * 365)
EARLIER = datetime.timedelta(hours=1)
"""What is signed holds from so long ago: clocks differ."""


class AuthorityError(Exception):
    """The authority cannot be read or made; the text says why and what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Authority:
    """Who signs."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def pin(self) -> str:
        """Return what boxes and people know it by."""
        return pin_of(self.certificate.public_bytes(serialization.Encoding.DER))

    def has_signed(self, certificate: x509.Certificate) -> bool:
        """Say whether a certificate is one of this authority's."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def pin_of(der: bytes) -> str:
    """Return the pin of a certificate."""
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def load_or_make(folder: pathlib.Path, now: float) -> Authority:
    """Return the authority of a data folder. Raises AuthorityError."""
    path = folder / PRIVATE
    try:
        found = own_file(path, "authority's key", lambda: fresh(now))
    except OrderKeyError as error:
        raise AuthorityError(str(error)) from None
    authority = read(found, str(path))
    copy = folder / PUBLIC
    try:
        if not copy.exists() or copy.read_bytes() != authority.pem:
            write_whole(copy, authority.pem)
    except OSError as error:
        raise AuthorityError(f"{copy} cannot be written: {error.strerror}") from None
    return authority


def read(data: bytes, where: str) -> Authority:
    """Return the authority that a file holds. Raises AuthorityError."""
    try:
        key = serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
    except (ValueError, TypeError):
        raise AuthorityError(f"{where} is damaged: put back the one of a backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{where} is not a key on a curve")
    if key.public_key() != certificate.public_key():
        raise AuthorityError(f"{where}: its key and its certificate do not belong together")
    return Authority(key, certificate)


def fresh(now: float) -> bytes:
    """Return a new authority, as its file holds it."""
    key = ec.generate_private_key(ec.SECP256R1())
    known = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Its name tells it from other hubs' where several are trusted.
    common = f"{AUTHORITY_PREFIX}{known.digest.hex()[:8]}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    start = datetime.datetime.fromtimestamp(now, datetime.UTC) - EARLIER
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs(), critical=True)
        .add_extension(known, critical=False)
        .sign(key, hashes.SHA256())
    )
    return private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as its file holds it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _signs() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
