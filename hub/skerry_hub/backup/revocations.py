"""Takes over a list of revoked certificates: what is shut out by it stays so after a restore."""

from __future__ import annotations

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from skerry_hub import tables
from skerry_hub.backup.parts import BackupError

KEPT_S = 10 * 365 * 86_400.0
"""How long a number is listed of which no certificate is known: no box's holds longer."""


def take_over(connection: sa.Connection, crl: bytes, authority: bytes, now: float) -> int:
    """Mark what a list names; return how many were not marked before. Raises BackupError.

    A box is shut out with the certificate of its present key. Numbers of which the backup knows no
    certificate are kept for the list that the hub writes.
    """
    table, boxes = tables.certificates, tables.enrollments
    count = 0
    for serial, at in _listed(crl, authority).items():
        found = connection.execute(sa.select(table).where(table.c.serial == serial)).first()
        if found is None:
            connection.execute(sa.insert(table).values(_unknown(serial, at, now)))
        elif found.revoked_at is None:
            of_it = table.c.serial == serial
            connection.execute(sa.update(table).where(of_it).values(revoked_at=at))
            its = (boxes.c.key_digest == found.key_digest) & boxes.c.revoked_at.is_(None)
            connection.execute(sa.update(boxes).where(its).values(revoked_at=at))
        else:
            continue
        count += 1
    return count


def _listed(crl: bytes, authority: bytes) -> dict[str, float]:
    """Return the numbers of a list, and when each was revoked; the hub itself must have signed."""
    try:
        found = x509.load_pem_x509_crl(crl)
        key = x509.load_pem_x509_certificate(authority).public_key()
    except ValueError:
        raise BackupError("the list of revoked certificates is none") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not found.is_signature_valid(key):
        raise BackupError("the list of revoked certificates is another hub's, or was changed")
    return {f"{one.serial_number:x}": one.revocation_date_utc.timestamp() for one in found}


def _unknown(serial: str, at: float, now: float) -> dict[str, object]:
    return {
        "serial": serial,
        "node": "",
        "key_digest": "",
        "issued_at": at,
        "expires_at": now + KEPT_S,
        "revoked_at": at,
        "join_token": None,
        "certificate": "",
    }
