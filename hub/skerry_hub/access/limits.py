"""How often somebody may ask: token buckets, by name. Pure: the clock is an argument."""

from __future__ import annotations

import collections
import dataclasses
import math

MOST_NAMES = 10_000
"""Of so many askers it is known how often they asked; who did longest ago is forgotten first."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` for ever, and `burst` at once."""

    per_s: float
    burst: float


OF_TOKEN = Rate(per_s=100.0, burst=400.0)
"""A program that asks without any pause is held to this; people and Prometheus never see it."""
OF_ADDRESS = Rate(per_s=100.0, burst=2000.0)
"""Of one address, for what needs no token."""
OF_FAILURES = Rate(per_s=0.2, burst=20.0)
"""Of one address: tokens that are none. Who has one is never held up by others' failures."""
OF_DENIALS = Rate(per_s=0.2, burst=50.0)
"""Of one token: what it tries and may not, as far as the audit log has it: that never shrinks."""


class Buckets:
    """How much each asker has left. One thread at a time."""

    def __init__(self, rate: Rate, most: int = MOST_NAMES) -> None:
        self._rate = rate
        self._most = most
        self._left: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()

    def take(self, name: str, now: float) -> int:
        """Take one; return 0, or in how many seconds there is one again."""
        left = self._now(name, now)
        if left >= 1.0:
            self._keep(name, left - 1.0, now)
            return 0
        return max(1, math.ceil((1.0 - left) / self._rate.per_s))

    def empty(self, name: str, now: float) -> int:
        """Return what `take` would, and take none."""
        left = self._now(name, now)
        return 0 if left >= 1.0 else max(1, math.ceil((1.0 - left) / self._rate.per_s))

    def _now(self, name: str, now: float) -> float:
        left, at = self._left.get(name, (self._rate.burst, now))
        return min(self._rate.burst, left + max(0.0, now - at) * self._rate.per_s)

    def _keep(self, name: str, left: float, now: float) -> None:
        self._left[name] = (left, now)
        self._left.move_to_end(name)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
