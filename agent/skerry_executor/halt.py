"""Why nothing of an instance may run now, although the order has it, and what is told of it. Pure.

A halted instance keeps its containers: what runs of it is stopped, nothing is created, started or
removed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from skerry_wire.frozen import frozen
from skerry_wire.messages import InstanceState


@frozen(kw_only=True)
class Halt:
    """How a halted instance is reported once nothing of it runs.

    `reached`: this is how the order wants it, as of a job that is done.
    """

    state: InstanceState
    reason: str | None = None
    exit_code: int | None = None
    reached: bool = False


Halts = Mapping[str, Halt]
"""By instance."""

NO_HALTS: Halts = {}


@frozen(kw_only=True)
class Gate:
    """What may run: nothing of the instances in `halts`; of the others what `permit` lets start.

    It is asked for an instance right before each start, and returns what stands against it by now.
    """

    halts: Halts = dataclasses.field(default_factory=dict)
    permit: Callable[[str], str | None] = lambda _: None


OPEN = Gate()
