"""Whether targets of round-trip times are the hub's, and for this node. Pure.

The executor verifies them because it is what has the box's trusted keys, and because a library of
cryptography weighs much in an agent that runs all the time. Age is the agent's to judge, which
knows what it has taken.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry_executor.signed import opened
from skerry_wire import envelope
from skerry_wire.errors import WireError
from skerry_wire.messages import Targets


def verify(data: bytes, keys: Mapping[str, bytes], node: str) -> Targets | str:
    """Return the targets that the bytes of an Envelope hold, or why they are refused."""
    sealed = opened(data, keys)
    if isinstance(sealed, str):
        return sealed
    try:
        targets = envelope.open_targets(sealed)
    except WireError as error:
        return str(error)
    if targets.node != node:
        return f"they are for node {targets.node}, this is {node}"
    return targets
