"""How often an address, and everybody together, may ask to join: token buckets. Pure.

Not against guessing, which is hopeless at any rate, but so that strangers cannot keep the hub busy.
"""

from __future__ import annotations

import collections
import ipaddress

PER_ADDRESS_S = 20.0
ADDRESS_BURST = 200.0
ALL_S = 100.0
ALL_BURST = 1000.0
REFUSED_COST = 10.0
"""What a request costs that is refused, in those that are not."""
MOST_ADDRESSES = 10_000
_EVERYBODY = ""


class Rates:
    """The buckets. Of addresses, those that asked last are remembered: a full one is no other."""

    def __init__(
        self,
        per_address_s: float = PER_ADDRESS_S,
        address_burst: float = ADDRESS_BURST,
        all_s: float = ALL_S,
        all_burst: float = ALL_BURST,
    ) -> None:
        self._address = (per_address_s, address_burst)
        self._all = (all_s, all_burst)
        self._buckets: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()

    def wait_s(self, address: str, now: float) -> float:
        """Count a request, and return 0; or how long whoever asks must wait, and count nothing."""
        who = network_of(address)
        wait_s = max(self._lacks(_EVERYBODY, self._all, now), self._lacks(who, self._address, now))
        if wait_s == 0:
            self._pay(_EVERYBODY, self._all, 1.0, now)
            self._pay(who, self._address, 1.0, now)
        return wait_s

    def refused(self, address: str, now: float) -> None:
        """Count a request that was refused for what it is."""
        self._pay(network_of(address), self._address, REFUSED_COST - 1.0, now)

    def _left(self, who: str, limits: tuple[float, float], now: float) -> float:
        rate, burst = limits
        left, at = self._buckets.get(who, (burst, now))
        return min(burst, left + max(0.0, now - at) * rate)

    def _lacks(self, who: str, limits: tuple[float, float], now: float) -> float:
        left = self._left(who, limits, now)
        return 0.0 if left >= 1.0 else (1.0 - left) / limits[0]

    def _pay(self, who: str, limits: tuple[float, float], cost: float, now: float) -> None:
        self._buckets[who] = (self._left(who, limits, now) - cost, now)
        if who != _EVERYBODY:
            self._buckets.move_to_end(who)
            self._buckets.move_to_end(_EVERYBODY)
        while len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)


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
