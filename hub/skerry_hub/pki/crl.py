"""The list of certificates that hold no more, which the broker reads.

It holds for ten years, and from a day ago: a broker refuses everybody once its list is too old, or
too new for its clock. What makes a list new is that one is written at each revocation.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from skerry_hub.pki.authority import Authority

FILE = "crl.pem"
LIFE = datetime.timedelta(days=3650)
EARLIER = datetime.timedelta(days=1)


def make(authority: Authority, revoked: Iterable[tuple[int, float]], now: float) -> bytes:
    """Return the list in PEM: of serial numbers, and when each was revoked."""
    at = datetime.datetime.fromtimestamp(now, datetime.UTC)
    signer = authority.certificate
    mine = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.subject)
        .last_update(at - EARLIER)
        .next_update(at + LIFE)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(mine), critical=False
        )
        .add_extension(x509.CRLNumber(max(1, int(now * 1000))), critical=False)
    )
    for serial, revoked_at in sorted(revoked):
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(datetime.datetime.fromtimestamp(revoked_at, datetime.UTC))
            .build()
        )
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
