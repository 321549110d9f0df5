"""The certificates that the authority signs: the visible table of what each kind may be.

A name with a colon can never be a node's, so that no box is taken for one of the others. A broker's
lacks `hub.skerry.internal`: one that was broken into cannot stand for the hub.
"""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skerry_hub.pki.authority import EARLIER, Authority
from skerry_wire.joining import BROKER_NAME, HUB_NAME

HUB = "skerry:hub"
HUB_BEATS = "skerry:hub-beats"
"""The hub's second connection: a broker tells connections apart by these names."""
BROKER = "skerry:broker"
NOBODY = "skerry:nobody"
READER_PREFIX = "skerry:reader:"

SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells a certificate from the next for the same: number, time, and how long it holds."""

    serial: int
    now: float
    life_s: float


def stamp(now: float, life_s: float) -> Stamp:
    """Return one with a number that was drawn."""
    return Stamp(serial=x509.random_serial_number(), now=now, life_s=life_s)


def node(authority: Authority, id_: str, public: PublicKey, when: Stamp) -> x509.Certificate:
    """Return a box's: for exactly this id, to show to the broker."""
    if ":" in id_:
        raise ValueError("a node's id has no colon")
    return _signed(authority, id_, public, when, (CLIENT,))


def reader(authority: Authority, name: str, public: PublicKey, when: Stamp) -> x509.Certificate:
    """Return another system's, that may read the fleet's views on the broker."""
    return _signed(authority, READER_PREFIX + name, public, when, (CLIENT,))


def nobody(authority: Authority, public: PublicKey, when: Stamp) -> x509.Certificate:
    """Return one that opens nothing: to try whether a broker refuses what was revoked."""
    return _signed(authority, NOBODY, public, when, (CLIENT,))


def hub(
    authority: Authority, names: Sequence[str], public: PublicKey, when: Stamp
) -> x509.Certificate:
    """Return the hub's: for its API, and to show to the broker."""
    return _signed(authority, HUB, public, when, (SERVER, CLIENT), (*names, HUB_NAME))


def hub_beats(authority: Authority, public: PublicKey, when: Stamp) -> x509.Certificate:
    """Return that of the hub's second connection to the broker."""
    return _signed(authority, HUB_BEATS, public, when, (CLIENT,))


def broker(
    authority: Authority, names: Sequence[str], public: PublicKey, when: Stamp
) -> x509.Certificate:
    """Return the broker's, to show to boxes and hub."""
    return _signed(authority, BROKER, public, when, (SERVER,), (*names, BROKER_NAME))


def pem(certificate: x509.Certificate) -> str:
    """Return it as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(data: bytes) -> int:
    """Return the number of the certificate in a file."""
    return x509.load_pem_x509_certificate(data).serial_number


def common_name(certificate: x509.Certificate) -> str:
    """Return the name that it is for."""
    (found,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found.value)


def issued_at(certificate: x509.Certificate) -> float:
    """Return when it was signed."""
    return (certificate.not_valid_before_utc + EARLIER).timestamp()


def expires_at(certificate: x509.Certificate) -> float:
    """Return until when it holds."""
    return certificate.not_valid_after_utc.timestamp()


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the host names and addresses that it is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset((*found.get_values_for_type(x509.DNSName), *map(str, addresses)))


def _signed(
    authority: Authority,
    common: str,
    public: PublicKey,
    when: Stamp,
    uses: Sequence[x509.ObjectIdentifier],
    names: Sequence[str] = (),
) -> x509.Certificate:
    now = datetime.datetime.fromtimestamp(when.now, datetime.UTC)
    signer = authority.certificate
    end = min(now + datetime.timedelta(seconds=when.life_s), signer.not_valid_after_utc)
    mine = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(signer.subject)
        .public_key(public)
        .serial_number(when.serial)
        .not_valid_before(now - EARLIER)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage(list(uses)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(mine), critical=False
        )
    )
    if names:
        unique = dict.fromkeys(map(as_written, names))
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(name) for name in unique]), critical=False
        )
    return builder.sign(authority.key, hashes.SHA256())


def as_written(name: str) -> str:
    """Return a name or address in the one way in which certificates tell it."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
