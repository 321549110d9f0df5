"""How often somebody may ask: token buckets, by name. Pure: the clock is an argument."""

from __future__ import annotations

import collections
import dataclasses
import functools
import ipaddress
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
        wait_s = self.empty(name, now)
        if not wait_s:
            self.pay(name, 1.0, now)
        return wait_s

    def empty(self, name: str, now: float) -> int:
        """Return what `take` would, and take none."""
        return math.ceil(self.lacks_s(name, now))

    def lacks_s(self, name: str, now: float) -> float:
        """Return in how many seconds there is one; 0 where there is."""
        left = self._now(name, now)
        return 0.0 if left >= 1.0 else (1.0 - left) / self._rate.per_s

    def pay(self, name: str, cost: float, now: float) -> None:
        """Take so many, be they there or not: what is owed is waited for."""
        self._keep(name, self._now(name, now) - cost, now)

    def __len__(self) -> int:
        return len(self._left)

    def _now(self, name: str, now: float) -> float:
        left, at = self._left.get(name, (self._rate.burst, now))
        return min(self._rate.burst, left + max(0.0, now - at) * self._rate.per_s)

    def _keep(self, name: str, left: float, now: float) -> None:
        self._left[name] = (left, now)
        self._left.move_to_end(name)
        if len(self._left) > self._most:
            self._left.popitem(last=False)


@functools.lru_cache(maxsize=MOST_NAMES)
def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 a whole network, of which one has 2^64."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address or "?"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
