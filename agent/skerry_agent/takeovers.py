"""When another agent speaks as this node: its broker ends one session for the other. Pure.

A box that comes back over another way takes its own session over, once. Two boxes of one copied
disk do it to each other again and again: each then stays away for minutes, and says what it is.
"""

from __future__ import annotations

from skerry_wire.frozen import frozen

WITHIN_S = 600.0
MANY = 3
"""So many take-overs within that time are no accident."""
AWAY_LEAST_S = 120.0
AWAY_MOST_S = 300.0
"""How long such a box stays away, by chance: the other one works meanwhile."""
FORGOTTEN_S = 3600.0
"""So long after the last one it is over: by then one of them is another node."""


@frozen()
class TakeOvers:
    """Those of one link; times are seconds of a clock that the caller has."""

    times: tuple[float, ...] = ()
    until: float = float("-inf")
    """Until when the node counts as one that two boxes are."""

    def is_shared(self, now: float) -> bool:
        """Say whether two boxes seem to be this node."""
        return now < self.until


def with_one(before: TakeOvers, now: float) -> TakeOvers:
    """Return them with one more."""
    recent = (*(at for at in before.times if now - at <= WITHIN_S), now)[-MANY:]
    if len(recent) >= MANY or before.is_shared(now):
        return TakeOvers(recent, now + FORGOTTEN_S)
    return TakeOvers(recent, before.until)
