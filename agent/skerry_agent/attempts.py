"""How long a box waits before it tries to connect again, from how its connections ended. Pure."""

from __future__ import annotations

from skerry_wire import reconnecting

STEADY_S = 30.0
"""A connection that held for so long was a good one: the waits start anew."""


class Attempts:
    """Those of one link. Times are seconds of a clock that the caller has."""

    def __init__(self, now: float) -> None:
        self._failures = 0
        self._away_since = now

    def ended(self, stood_s: float | None, now: float, ceiling_s: float) -> float:
        """Note that an attempt has ended, and return the longest wait before the next.

        `stood_s` is how long its connection stood, None where it never did.
        """
        if stood_s is not None and stood_s > STEADY_S:
            self._failures, self._away_since = 0, now
        self._failures += 1
        return reconnecting.longest_wait_s(ceiling_s, self._failures, now - self._away_since)
