"""Forgets what has long expired, by a time that a wrong clock cannot rush.

Whose row is gone is on the list of revoked certificates no more. Were that done by the wall clock
alone, one day on which the hub's clock is a year ahead would let everybody in again who was shut
out since. So the time by which things are forgotten is kept, and goes on by little at each call.
"""

from __future__ import annotations

import structlog

from skerry_hub.enrollment_rows import EnrollmentRows

log = structlog.get_logger("joining")

DAY_S = 86_400.0
KEPT_S = 30 * DAY_S
"""How long an expired certificate or token is still shown, and a revoked one still listed: a
broker's clock may be behind."""
STEP_S = 2 * DAY_S
"""How far the time goes on at most, from one day to the next: more than a day, so that a hub which
was away catches up, and so little that a clock must be wrong for weeks before it does harm."""
FAR_S = 30 * DAY_S
"""How far ahead of that time a clock is said to be wrong, or the hub to have been away."""


def forget(rows: EnrollmentRows, now: float) -> None:
    """Remove certificates and tokens that have long expired. To be called once a day."""
    newest = rows.newest_made()
    if newest is None:
        return
    at = next_time(rows.forgotten_at(otherwise=min(now, newest)), now)
    if now - at > FAR_S:
        log.warning(
            "the clock is far ahead of when old certificates were last forgotten: they are kept "
            "longer, for it may be wrong",
            ahead_days=round((now - at) / DAY_S),
        )
    rows.put_forgotten_at(at)
    rows.trim(at - KEPT_S)


def next_time(last: float, now: float) -> float:
    """Return the time that counts now, by the one of the day before: never ahead of the clock."""
    return min(now, last + STEP_S)
