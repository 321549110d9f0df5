"""Keys, requests for certificates, and certificates. The agent's only use of python3-cryptography.

Written for its version 38 (Debian 12) as well as for later ones. A box's key is of the curve P-256.
"""

from __future__ import annotations

import datetime
import ssl

from skerry_agent.joining.failure import JoinError
from skerry_wire.frozen import frozen

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError as error:
    raise JoinError(
        f"the library for certificates is missing ({error}): apt install python3-cryptography"
    ) from None


@frozen(kw_only=True)
class Told:
    """What a certificate says: for whom, and from when until when, in seconds since 1970."""

    name: str
    serial: str
    since: float
    until: float


def make() -> str:
    """Return a new key, as its file holds it."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def request(key: str, node: str) -> str:
    """Return a request for a certificate, signed by the key, which proves that the box has it.

    Raises JoinError.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    signed = x509.CertificateSigningRequestBuilder().subject_name(name)
    pem = signed.sign(_private(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return pem.decode()


def key_in(text: str) -> str | None:
    """Return the key that a file holds beside other things, None where it holds none."""
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    start, stop = text.find(begin), text.find(end)
    return text[start : stop + len(end)] + "\n" if 0 <= start < stop else None


def certificate_in(text: str) -> str | None:
    """Return the first certificate that a file holds, None where it holds none."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start = text.find(begin)
    stop = text.find(end, start)
    return text[start : stop + len(end)] + "\n" if 0 <= start < stop else None


def judge(certificate: str, authority: str, key: str, node: str) -> Told:
    """Return what a new certificate says, once it is this key's, this node's, this authority's.

    Raises JoinError.
    """
    found, above = _certificate(certificate, "certificate"), _certificate(authority, "authority")
    if _public(found) != _public_of(key):
        raise JoinError("the hub's certificate is for another key than this box's; nothing is kept")
    name = _common_name(found)
    if name != node:
        raise JoinError(f"the hub's certificate is for {name!r}, not for {node!r}; nothing is kept")
    signer, digest = above.public_key(), found.signature_hash_algorithm
    if not isinstance(signer, ec.EllipticCurvePublicKey) or digest is None:
        raise JoinError("the hub's authority has a key of another kind than hubs have")
    try:
        signer.verify(found.signature, found.tbs_certificate_bytes, ec.ECDSA(digest))
    except InvalidSignature:
        raise JoinError(
            "the hub's certificate is not signed by its authority; nothing is kept"
        ) from None
    return told(certificate)


def told(certificate: str) -> Told:
    """Return what a certificate says. Raises JoinError."""
    found = _certificate(certificate, "certificate")
    return Told(
        name=_common_name(found),
        serial=f"{found.serial_number:x}",
        since=_moment(found, "not_valid_before"),
        until=_moment(found, "not_valid_after"),
    )


def belongs(key: str, certificate: str) -> bool:
    """Say whether a certificate is for a key. Raises JoinError."""
    return _public(_certificate(certificate, "certificate")) == _public_of(key)


def names_of(der: bytes) -> tuple[str, ...]:
    """Return the names that a server's certificate is for; nothing where they cannot be read."""
    try:
        found = x509.load_der_x509_certificate(der)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    return (*hosts, *(str(one) for one in names.get_values_for_type(x509.IPAddress)))


def check_authority(text: str, what: str) -> None:
    """Raise JoinError unless a text is certificates that can vouch for a server."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise JoinError(f"the hub's answer holds no usable {what}; nothing is kept") from None


def _private(key: str) -> ec.EllipticCurvePrivateKey:
    try:
        found = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise JoinError("the box's key is damaged: join with --new-identity, which makes another")
    return found


def _certificate(text: str, what: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except (ValueError, TypeError):
        raise JoinError(f"the {what} is damaged, or none") from None


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _public_of(key: str) -> bytes:
    return (
        _private(key)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else ""


def _moment(certificate: x509.Certificate, name: str) -> float:
    # Version 42 has both as moments of UTC, and warns of those that do not say of what they are.
    found = getattr(certificate, f"{name}_utc", None) or getattr(certificate, name)
    return float(found.replace(tzinfo=datetime.UTC).timestamp())
