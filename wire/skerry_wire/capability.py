"""What a node tells of what it has: apart, for who reads orders alone need not import all of it."""

from __future__ import annotations

from typing import Annotated

from skerry_wire.frozen import frozen
from skerry_wire.hardware import Hardware
from skerry_wire.messages import NodeMessage
from skerry_wire.schema import Text
from skerry_wire.types import Revision


@frozen(kw_only=True)
class Capability(NodeMessage):
    """What the node has. `revision` is the digest of `hardware`.

    `round_trip_address`: `host:port` at which the box's administrator lets other nodes measure the
    round-trip time to this one.
    """

    revision: Revision
    hardware: Hardware
    round_trip_address: Annotated[str, Text(260)] | None = None
