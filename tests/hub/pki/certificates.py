"""An authority, keys and requests for tests: made once, because keys cost time."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from skerry_hub.pki import authority

NOW = 1_800_000_000.0
DAY_S = 86_400.0

CA = authority.read(authority.fresh(NOW), "mine")
OTHER_CA = authority.read(authority.fresh(NOW), "other")
SHA256 = hashes.SHA256()
KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def request(key=KEY, *, name="box-1", extensions=(), digest=SHA256) -> str:
    """Return a PKCS#10 request in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    signed = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else digest)
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def company(now: float) -> authority.Authority:
    """Return an authority that is no hub's."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example Company Root")])
    start = datetime.datetime.fromtimestamp(now, datetime.UTC)
    subject = x509.SubjectKeyIdentifier.from_public_key(KEY.public_key())
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - authority.EARLIER)
        .not_valid_after(start + authority.LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(authority._signs(), critical=True)
        .add_extension(subject, critical=False)
    )
    return authority.Authority(KEY, made.sign(KEY, SHA256))


def private(key) -> bytes:
    """Return a private key in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
