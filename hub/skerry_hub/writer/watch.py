"""Since when the hub has been listening. Pure: both clocks are arguments.

Silence from before proves nothing: not while the broker was away, nor while the writer was held
up (by a store that failed, a machine that slept), nor across a jump of the wall clock. After a time
in which connections may have ended, boxes have the time to come back.
"""

from __future__ import annotations

from skerry_hub.fleet.listening import Listening
from skerry_hub.health_views import PartView
from skerry_wire import reconnecting

TICK_S = 1.0
STUCK_S = 30.0
"""A writer that does not come round for so long is not ready for more."""
STALL_S = 5.0
"""A writer that comes so late, or a clock that jumped so far, has not been watching."""


class Watch:
    """`since` is by the wall clock; None while there is no broker to listen to.

    `listening` is None, too, while heartbeats cannot come.
    """

    def __init__(self, mono_s: float, now: float) -> None:
        self.since: float | None = None
        self.ceiling_s = reconnecting.USUAL_S
        """What the hub tells boxes of how soon they come back."""
        self._is_deaf = False
        self._deaf_since: float | None = None
        """None where the hub was just started: of what was before, nothing is known. Nodes are new
        to it then, and have a patience of their own."""
        self._back_by = 0.0
        self._began = now
        self._ticked = mono_s, now

    def begin(self, now: float) -> None:
        """Note that the broker is there."""
        self.since = now
        self._hear_again(now)

    def end(self, now: float, heard_at: float) -> None:
        """Note that the broker is away; `heard_at` is when a node was heard last."""
        self._hear_no_more(now, heard_at)
        self.since = None

    @property
    def listening(self) -> Listening | None:
        """Return since when silence means something."""
        if self._is_deaf or self.since is None:
            return None
        return Listening(self.since, self._back_by)

    @property
    def deaf_since(self) -> float | None:
        """Return since when no node could be heard; None where they can be, or never could."""
        return self._deaf_since

    def writer(self, mono_s: float, now: float) -> PartView:
        """Return whether the writer comes round."""
        late_s = mono_s - self._ticked[0]
        if late_s < STUCK_S:
            return PartView(name="writer", ok=True, since=self._began)
        reason = f"one thing takes it {late_s:.0f} s already"
        return PartView(name="writer", ok=False, since=now - late_s, reason=reason)

    def beating(self, can_come: bool, now: float, heard_at: float) -> None:
        """Note whether heartbeats can come: they have a connection of their own."""
        if not can_come:
            self._hear_no_more(now, heard_at)
        self._is_deaf = not can_come
        self.begin_anew(now)
        self._hear_again(now)

    def begin_anew(self, now: float) -> None:
        """Hold no silence against anybody that the hub itself could not have heard through."""
        if self.since is not None:
            self.since = now

    def tick(self, mono_s: float, now: float) -> bool:
        """Say whether another second has passed."""
        passed_s = mono_s - self._ticked[0]
        if passed_s < TICK_S:
            return False
        jump_s = now - self._ticked[1] - passed_s
        if passed_s > STALL_S or abs(jump_s) > STALL_S:
            self.begin_anew(now)
        if jump_s > STALL_S:
            self._give_time(now, jump_s)  # the machine may have slept, and its broker with it
        self._ticked = mono_s, now
        return True

    def _hear_no_more(self, now: float, heard_at: float) -> None:
        if self.since is not None and not self._is_deaf:
            self._deaf_since = min(now, max(self.since, heard_at))

    def _hear_again(self, now: float) -> None:
        if self.listening is None or self._deaf_since is None:
            return
        self._give_time(now, now - self._deaf_since)
        self._deaf_since = None

    def _give_time(self, now: float, away_s: float) -> None:
        back_by = now + reconnecting.back_within_s(self.ceiling_s, away_s)
        # Who began to wait in an earlier outage may still wait for as long as after that.
        self._back_by = max(self._back_by, back_by)
