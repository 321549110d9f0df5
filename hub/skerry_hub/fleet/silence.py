"""How long nodes may be silent: what is usual for each, as columns. Pure: `now` is an argument.

A good link delivers each heartbeat on time, a bad one pauses for half a minute every few minutes.
So each row remembers the longest pause that its node came back from; it fades over hours. A part of
`Columns`, followed once a second.
"""

from __future__ import annotations

import math

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows, Seconds
from skerry_hub.fleet.listening import Listening
from skerry_hub.patience import Patience

OUTAGE_S = 240.0
"""A longer pause says nothing of a link's habits: a box was off, or cut off. It is new then."""
HALF_LIFE_S = 3 * 3600.0
"""How long until a pause counts half."""
DOUBT = 2
"""A link that was seen to pause for more than a half of what it may be silent has its own time."""
FACTOR = 4
"""What such a link may be silent, in pauses. TCP sends again what was lost, and waits twice as long
each time: after a pause comes one that is twice as long where one more packet is lost, and, where a
link loses 5 %, once in 400 one that is four times as long."""
TICK_S = 1.0
"""How often it is followed. What is more, in the hub, is the hub's own delay."""
MANY = 20
"""Of so many nodes that are heard at one look, the middle one tells how all were delayed."""
FOLLOWING = 0.05
"""How much of a change of that becomes usual at one look."""
LEAST_USUAL_S = 0.5
WINDOW = 1.5
"""Nodes vanish together when their last signs lie within so many of their longest pauses, ..."""
LEAST_WINDOW_S = 5.0
NEW_WINDOW_S = 30.0
"""... and within so much where that is not known yet."""


class Silence:
    """Of each row the longest pause, since when it is watched, and until when nothing was moved."""

    def __init__(self, size: int) -> None:
        self.longest: Seconds = np.zeros(size)
        self.since: Seconds = np.full(size, math.inf)
        """The first sign of life; infinite before it."""
        self.held: Seconds = np.full(size, -math.inf)
        """When its loss last moved nothing as half of the fleet had vanished with it, ..."""
        self.site_held: Seconds = np.full(size, -math.inf)
        """... or all of its site."""
        self._before: Seconds = np.full(size, -math.inf)
        self._longest_before: Seconds = np.zeros(size)
        """The longest pause before that one."""
        self._looked_at = -math.inf
        self._late_s = 0.0
        self._usual_s = LEAST_USUAL_S
        """The pause of the middle one of those that are heard at one look, as it mostly is."""

    def follow(self, seen: Seconds, listening: Listening, now: float) -> None:
        """Take in the last signs of life of all rows; one without a node has an infinite one.

        What was before a node's first sign is no pause. Nor is silence from when the hub did not
        listen, or from a delay of its own, or the time to come back after that; nor that by which
        most nodes are later than usual, for it is their broker's.
        """
        passed_s = min(max(now - self._looked_at, 0.0), OUTAGE_S)
        late_s = max(0.0, passed_s - TICK_S)
        # What came during a delay is taken in right after it, and may be looked at one turn later.
        late_s, self._late_s = max(late_s, self._late_s), late_s
        self._looked_at = now
        self.longest *= 0.5 ** (passed_s / HALF_LIFE_S)
        rows = np.flatnonzero((seen > self._before) & (seen < math.inf) & (seen >= listening.since))
        if len(rows):
            before = listening.heard(self._before[rows])
            gaps = np.maximum(0.0, seen[rows] - before - late_s)
            gaps = np.maximum(0.0, gaps - self._common(gaps))
            is_new = (gaps > OUTAGE_S) | (self.since[rows] == math.inf)
            gaps[is_new] = 0.0
            longer = rows[gaps > self.longest[rows]]
            self._longest_before[longer] = self.longest[longer]
            self.longest[rows] = np.maximum(self.longest[rows], gaps)
            self.since[rows] = np.where(is_new, seen[rows], self.since[rows])
        np.copyto(self._before, seen)

    def _common(self, gaps: Seconds) -> float:
        """Return by how much most nodes are later than usual, and follow what is."""
        if len(gaps) < MANY:
            return 0.0
        middle_s = float(np.median(gaps))
        is_late = middle_s > WINDOW * self._usual_s
        common_s = middle_s - self._usual_s if is_late else 0.0
        change_s = min(middle_s, 2 * self._usual_s) - self._usual_s
        self._usual_s = max(LEAST_USUAL_S, self._usual_s + FOLLOWING * change_s)
        return common_s

    def forgive(self, row: int) -> None:
        """Take back the longest pause: the box, or its agent, was started anew."""
        self.longest[row] = min(self.longest[row], self._longest_before[row])

    def is_new(self, rows: Rows, patience: Patience, now: float) -> Mask:
        """Say which were not watched for long enough to know their links."""
        fresh: Mask = now - self.since.take(rows) < patience.new_for_s
        return fresh

    def tolerance(self, rows: Rows, base_s: float, patience: Patience, now: float) -> Seconds:
        """Return how long each may be silent, where `base_s` is what one on a good link may."""
        longest = self.longest.take(rows) if patience.adapts else np.zeros(len(rows))
        own = np.where(DOUBT * longest > base_s, FACTOR * longest, base_s)
        floor = np.where(self.is_new(rows, patience, now), patience.floor_s, 0.0)
        found: Seconds = np.maximum(np.maximum(base_s, own), floor)
        return found

    def usual(self, rows: Rows, patience: Patience, now: float) -> Seconds:
        """Return how long a silence of each is as usual."""
        least = np.where(self.is_new(rows, patience, now), NEW_WINDOW_S, LEAST_WINDOW_S)
        found: Seconds = np.maximum(least, WINDOW * self.longest.take(rows))
        return found

    def window(self, rows: Rows, tolerance: Seconds, patience: Patience, now: float) -> Seconds:
        """Return how far apart last signs may be, of each and of who vanishes with it.

        Less than the half of how long it may be silent: by then who is there has been heard again.
        """
        found: Seconds = np.minimum(self.usual(rows, patience, now), tolerance / 2)
        return found

    def begin(self, row: int) -> None:
        """Let a row have a node of which nothing was heard yet."""
        self.longest[row] = self._longest_before[row] = 0.0
        self.since[row] = math.inf
        self.held[row] = self.site_held[row] = self._before[row] = -math.inf

    def kept(self, row: int) -> tuple[float, ...]:
        """Return what is known of a row, for `restore`."""
        return tuple(float(one[row]) for one in self._columns())

    def restore(self, row: int, kept: tuple[float, ...]) -> None:
        """Let a row have what was known of another."""
        for one, value in zip(self._columns(), kept, strict=True):
            one[row] = value

    def _columns(self) -> tuple[Seconds, ...]:
        before = self._before, self._longest_before
        return self.longest, self.since, self.held, self.site_held, *before

    @property
    def nbytes(self) -> int:
        """Return how much memory the columns take."""
        return sum(one.nbytes for one in self._columns())

    def double(self) -> None:
        """Make room for as many rows again."""
        size = len(self.longest)
        self.longest = np.concatenate([self.longest, np.zeros(size)])
        self.since = np.concatenate([self.since, np.full(size, math.inf)])
        never = np.full(size, -math.inf)
        self.held = np.concatenate([self.held, never])
        self.site_held = np.concatenate([self.site_held, never])
        self._before = np.concatenate([self._before, never])
        self._longest_before = np.concatenate([self._longest_before, np.zeros(size)])
