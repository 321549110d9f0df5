"""How long a box waits before it tries to connect again, from how its connections ended. Pure."""

from __future__ import annotations

from skerry_agent import takeovers
from skerry_agent.events import Ending
from skerry_agent.takeovers import TakeOvers
from skerry_wire import reconnecting
from skerry_wire.frozen import frozen

STEADY_S = 30.0
"""A connection that held for so long was a good one: the waits start anew."""
_REFUSALS = (Ending.REFUSED, Ending.CERTIFICATE_REFUSED)


@frozen()
class Wait:
    """Between which two times the wait is drawn."""

    least_s: float
    most_s: float


class Attempts:
    """Those of one link. Times are seconds of a clock that the caller has."""

    def __init__(self, now: float) -> None:
        self._failures = 0
        self._away_since = now
        self._refused_since: float | None = None
        self._taken = TakeOvers()
        self._was_told = False
        self._saw_another = False

    def ended(
        self, stood_s: float | None, now: float, ceiling_s: float, ending: Ending = Ending.LOST
    ) -> Wait:
        """Note that an attempt has ended, and return how long to wait before the next.

        `stood_s` is how long its connection stood, None where it never did.
        """
        if stood_s is not None and stood_s > STEADY_S:
            self._failures, self._away_since = 0, now
        self._failures += 1
        if stood_s is not None:
            self._refused_since = None
        if ending in _REFUSALS and self._refused_since is None:
            self._refused_since = now
        self._was_told = ending is Ending.TAKEN_OVER
        if self._was_told:
            self._taken = takeovers.with_one(self._taken, now)
        if self._taken.is_shared(now) and (self._was_told or self._saw_another):
            self._saw_another = False
            return Wait(takeovers.AWAY_LEAST_S, takeovers.AWAY_MOST_S)
        self._saw_another = False
        most_s = reconnecting.longest_wait_s(ceiling_s, self._failures, now - self._away_since)
        least_s = reconnecting.shortest_wait_s(ceiling_s, self._failures)
        if self._refused_since is not None and ending in _REFUSALS:
            # A broker that was away meanwhile is asked once as by all others.
            refused_s = reconnecting.refused_wait_s(now - self._refused_since)
            least_s, most_s = max(least_s, refused_s), max(most_s, 2 * refused_s)
        return Wait(least_s, most_s)

    def saw_another(self, now: float) -> None:
        """Note that another agent has spoken as this node since the last connection.

        Many a broker ends a session that is taken over without saying why.
        """
        if not self._was_told:
            self._taken = takeovers.with_one(self._taken, now)
        self._saw_another = True

    def is_shared(self, now: float) -> bool:
        """Say whether two boxes seem to be this node."""
        return self._taken.is_shared(now)
