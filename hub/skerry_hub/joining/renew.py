"""Whether a box gets a new certificate for its key, and when it should ask. Pure.

Neither an old certificate nor its validity counts, only that the key is one of a box that joined
and was not revoked: so a box that was off for a year comes back.
"""

from __future__ import annotations

from skerry_hub.joining.records import Certificate, Enrollment
from skerry_hub.pki.own_certificates import RENEWED_AT
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError

NOT_ENROLLED = (
    "this box has not joined, or was revoked: join it again, with a token that is made now for its "
    "node alone (`skerry token create --node ID`)"
)
OFTEN_S = 3600.0
"""A key gets at most one new certificate in this time, or in a third of one's life."""
SOONEST_S = 1.0


def check(known: Enrollment | None) -> Enrollment:
    """Return the box that renews. Raises RefusedError, which tells nobody which of both it is."""
    if known is None or known.revoked_at is not None:
        raise RefusedError(403, Problem(reason=NOT_ENROLLED))
    return known


def still_new(newest: Certificate | None, now: float, life_s: float) -> bool:
    """Say whether the newest certificate is so new that it is given once more."""
    if newest is None:
        return False
    # One from the future was issued by a clock that was wrong.
    return 0 <= now - newest.issued_at < min(OFTEN_S, life_s / 3)


def lifetime_s(certificate: Certificate, now: float) -> float:
    """Return for how long a certificate holds from now on."""
    return max(SOONEST_S, certificate.expires_at - now)


def renew_after_s(certificate: Certificate, now: float) -> float:
    """Return in which time a box should ask for the next."""
    life_s = certificate.expires_at - certificate.issued_at
    return max(SOONEST_S, certificate.issued_at + RENEWED_AT * life_s - now)
