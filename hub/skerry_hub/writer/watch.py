"""Since when the hub has been listening. Pure: both clocks are arguments.

Silence from before proves nothing: not while the broker was away, nor while the writer was held
up (by a store that failed, a machine that slept), nor across a jump of the wall clock.
"""

from __future__ import annotations

TICK_S = 1.0
STALL_S = 5.0
"""A writer that comes so late, or a clock that jumped so far, has not been watching."""


class Watch:
    """`since` is by the wall clock; None while there is no broker to listen to.

    `listening_since` is the same, but None, too, while heartbeats cannot come.
    """

    def __init__(self, mono_s: float, now: float) -> None:
        self.since: float | None = None
        self._is_deaf = False
        self._ticked = mono_s, now

    def begin(self, now: float) -> None:
        """Note that the hub listens from now on."""
        self.since = now

    def end(self) -> None:
        """Note that the broker is away."""
        self.since = None

    @property
    def listening_since(self) -> float | None:
        """Return since when silence means something."""
        return None if self._is_deaf else self.since

    def beating(self, can_come: bool, now: float) -> None:
        """Note whether heartbeats can come: they have a connection of their own."""
        self._is_deaf = not can_come
        self.begin_anew(now)

    def begin_anew(self, now: float) -> None:
        """Hold no silence against anybody that the hub itself could not have heard through."""
        if self.since is not None:
            self.since = now

    def tick(self, mono_s: float, now: float) -> bool:
        """Say whether another second has passed."""
        passed_s = mono_s - self._ticked[0]
        if passed_s < TICK_S:
            return False
        if passed_s > STALL_S or abs(now - self._ticked[1] - passed_s) > STALL_S:
            self.begin_anew(now)
        self._ticked = mono_s, now
        return True
