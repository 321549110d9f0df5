"""How often an address, and everybody together, may ask to join: token buckets. Pure.

Not against guessing, which is hopeless at any rate, but so that strangers cannot keep the hub busy.
"""

from __future__ import annotations

from skerry_hub.access.limits import Buckets, Rate, network_of

PER_ADDRESS_S = 20.0
ADDRESS_BURST = 200.0
ALL_S = 100.0
ALL_BURST = 1000.0
REFUSED_COST = 10.0
"""What a request costs that is refused, in those that are not."""
MOST_ADDRESSES = 10_000
_EVERYBODY = ""


class Rates:
    """The buckets: one of each address, and one of everybody."""

    def __init__(
        self,
        per_address_s: float = PER_ADDRESS_S,
        address_burst: float = ADDRESS_BURST,
        all_s: float = ALL_S,
        all_burst: float = ALL_BURST,
    ) -> None:
        self.of_addresses = Buckets(Rate(per_address_s, address_burst), MOST_ADDRESSES)
        self._of_all = Buckets(Rate(all_s, all_burst))

    def wait_s(self, address: str, now: float) -> float:
        """Count a request, and return 0; or how long whoever asks must wait, and count nothing."""
        who = network_of(address)
        wait_s = max(self._of_all.lacks_s(_EVERYBODY, now), self.of_addresses.lacks_s(who, now))
        if wait_s == 0:
            self._of_all.pay(_EVERYBODY, 1.0, now)
            self.of_addresses.pay(who, 1.0, now)
        return wait_s

    def refused(self, address: str, now: float) -> None:
        """Count a request that was refused for what it is."""
        self.of_addresses.pay(network_of(address), REFUSED_COST - 1.0, now)
