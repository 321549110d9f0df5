"""What the hub answers about its order keys, as far as the command line reads it."""

from __future__ import annotations

from typing import Annotated

from skerry_cli.records import MANY, Words
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class KeyLag:
    """A node that does not trust the wanted key yet, and why."""

    node: Words
    hostname: Words
    reason: Words


@frozen(kw_only=True)
class OrderKeys:
    """The keys by id, and how many nodes trust the wanted one."""

    phase: Words
    current: Words
    next: Words | None = None
    nodes: int = 0
    trusting: int = 0
    lagging: Annotated[tuple[KeyLag, ...], MANY] = ()
