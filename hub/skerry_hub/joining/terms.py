"""What boxes are told when they join: where the broker is, who vouches for it, whose orders."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable

from skerry_hub.joining import renew
from skerry_hub.joining.records import Certificate
from skerry_hub.pki.authority import Authority
from skerry_wire.joining import Enrolled


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`broker_ca` is PEM, empty where boxes are to trust whom their system trusts.

    `order_keys` are asked for at each answer: they change while one is replaced by another.
    """

    hub: str
    broker: str
    broker_ca: str
    order_keys: Callable[[], tuple[bytes, ...]]
    life_s: float

    def answer(self, authority: Authority, certificate: Certificate, now: float) -> Enrolled:
        """Return what a box is told that gets this certificate."""
        return Enrolled(
            node=certificate.node,
            certificate=certificate.pem,
            ca=authority.pem.decode(),
            broker=self.broker,
            broker_ca=self.broker_ca,
            hubs=(self.hub,),
            order_keys=tuple(base64.b64encode(key).decode() for key in self.order_keys()),
            lifetime_s=renew.lifetime_s(certificate, now),
            renew_after_s=renew.renew_after_s(certificate, now),
        )
