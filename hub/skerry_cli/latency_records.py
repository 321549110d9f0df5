"""What the hub tells of round-trip times, as far as the command line reads it."""

from __future__ import annotations

from skerry_cli.at_node import AtNode
from skerry_cli.records import Words
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class RoundTrip(AtNode):
    """The round-trip time between a node and a target, and how far off it may be."""

    node: Words
    hostname: Words
    target: Words
    ms: float
    error_ms: float
    measured: bool

    @property
    def id(self) -> str:
        """Return what tells it from all others."""
        return f"{self.node}/{self.target}"
