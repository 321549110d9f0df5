"""When a run visits its own order because something ended and nobody else came for it. Pure.

An instance with a lease is started by the executor alone. Usually its agent sees the end and asks;
should the agent be away, a run that is up because of the lease does it by itself.
"""

from __future__ import annotations

import dataclasses

from skerry_wire.frozen import frozen

FIRST_S = 2.0
"""An agent that is there has asked long before."""
MOST_S = 300.0
CALM_S = 600.0
"""After so long without an end, the waits begin anew."""


@frozen(kw_only=True)
class OwnVisits:
    """`at_s` is when the next one is due, on a clock that never jumps; None: none is."""

    at_s: float | None = None
    ended_s: float | None = None
    streak: int = 0

    def ended(self, now_s: float) -> OwnVisits:
        """Return what holds after something ended: each wait is twice the one before."""
        calm = self.ended_s is None or now_s - self.ended_s > CALM_S
        streak = 0 if calm else self.streak + 1
        at_s = now_s + min(MOST_S, FIRST_S * 2.0 ** min(streak, 30))
        return OwnVisits(at_s=at_s, ended_s=now_s, streak=streak)

    def visited(self) -> OwnVisits:
        """Return what holds after a visit, whoever asked for it."""
        return dataclasses.replace(self, at_s=None)

    def is_due(self, now_s: float) -> bool:
        """Say whether to visit now."""
        return self.at_s is not None and now_s >= self.at_s
