"""How many parts of answers may be on their way to the broker at once. Pure.

They share one connection with heartbeats: what fills a slow link holds those up. So it begins with
little, and grows only while the broker takes each part at once.
"""

from __future__ import annotations

import collections

LEAST = 2
MOST = 16
QUICK_S = 1.0
"""A part that the broker has within this lets the window grow, ..."""
SLOW_S = 2.0
"""... one that takes longer than this makes it small again."""


class PartWindow:
    """Parts that are on their way, in the order in which they were sent."""

    def __init__(self) -> None:
        self.size = LEAST
        self._sent_at: collections.deque[float] = collections.deque()

    @property
    def has_room(self) -> bool:
        """Say whether one more part may be sent."""
        return len(self._sent_at) < self.size

    def sent(self, now: float) -> None:
        """Count a part that is sent."""
        self._sent_at.append(now)

    def taken(self, now: float) -> None:
        """Count the oldest part as arrived."""
        if not self._sent_at:
            return  # of a window before this one
        took_s = now - self._sent_at.popleft()
        if took_s <= QUICK_S:
            self.size = min(MOST, self.size + 1)
        elif took_s > SLOW_S:
            self.size = LEAST
