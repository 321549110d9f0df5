"""Times of maintenance, in which nothing new comes to some nodes. Pure."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import ClassVar

from skerry_hub.documents import Window
from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.selection import chosen, is_chosen
from skerry_hub.placement.world import World

_EVERY_S = {"daily": 86_400.0, "weekly": 604_800.0}


@dataclasses.dataclass(frozen=True, slots=True)
class Maintenance:
    """No node in a time of maintenance takes what is new; what is there stays."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = False
    gives_way: ClassVar[bool] = True
    window: Window
    until: float

    @property
    def name(self) -> str:
        """Return what people call it."""
        return f"maintenance {self.window.name}"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return ~chosen(columns, self.window.nodes, rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give until when."""
        if is_chosen(columns, self.window.nodes, row):
            until = f"{datetime.datetime.fromtimestamp(self.until, datetime.UTC):%Y-%m-%d %H:%M}"
            why = f": {self.window.reason}" if self.window.reason else ""
            yield Refusal(f"is maintained until {until} UTC{why}")


def maintenance_of(world: World) -> list[Maintenance]:
    """Return the times of maintenance that it is now."""
    return [
        Maintenance(window, end)
        for window in world.rules.windows
        if (end := open_until(window, world.now)) is not None
    ]


def open_until(window: Window, now: float) -> float | None:
    """Return when a window that is open now ends, None where it is not open."""
    start = window.start
    if window.repeats and now > start:
        every_s = _EVERY_S[window.repeats]
        # The same number whenever it is asked for, so that a board of this time is found again.
        start += (now - start) // every_s * every_s
    end = start + window.duration_s
    return end if start <= now < end else None
