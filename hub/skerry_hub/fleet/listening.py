"""Since when silence means something. Pure.

A hub that could not hear for a while knows nothing of that time; and boxes whose broker was away
come back one by one (`skerry_wire.reconnecting`). So the silence of a box that was not heard since
begins only when it should have come back.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from skerry_hub.fleet.arrays import Seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Listening:
    """When the hub began to listen, and when every box that is there has come back."""

    since: float
    back_by: float = 0.0

    @property
    def silent_from(self) -> float:
        """Return when the silence of a box begins that was not heard since."""
        return max(self.since, self.back_by)

    def heard(self, seen: Seconds) -> Seconds:
        """Return from when each is silent, of whom these are the last signs of life."""
        found: Seconds = np.where(seen >= self.since, seen, self.silent_from)
        return found

    def heard_one(self, seen: float) -> float:
        """Return the same of one."""
        return seen if seen >= self.since else self.silent_from
