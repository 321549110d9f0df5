"""Signs of life of nodes: the newest heartbeat of each row, and when anything was last heard.

A part of `Columns`, and the only one that heartbeats change. No clock: `now` is an argument.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from skerry_wire.messages import Heartbeat


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """What a node's newest heartbeat said, and when (by the hub's clock) it came."""

    uptime_s: int
    cpu_percent: float | None
    load_1m: float | None
    memory_available_bytes: int | None
    storage_available_bytes: int | None
    temperature_c: float | None
    generation: int
    seen_at: float
    battery_percent: float | None = None
    on_battery: bool | None = None
    power_w: float | None = None
    filesystems_available_bytes: Mapping[str, int] | None = None


NO_SAMPLE = Sample(0, None, None, None, None, None, 0, 0.0)
"""Stands for a node that has sent no heartbeat: it says nothing."""


class Signs:
    """The newest sign of life of each row. A row without a node is never silent."""

    def __init__(self, size: int) -> None:
        self.beats: list[tuple[Heartbeat, float] | None] = [None] * size
        self.seen: npt.NDArray[np.float64] = np.full(size, math.inf)

    def take(self, row: int, incarnation: str, beat: Heartbeat, now: float) -> bool:
        """Take a heartbeat; False when it is not of this incarnation, or not newer.

        The hot path: everything that is only looked at now and then is made of the message later.
        """
        newest = self.beats[row]
        if newest is not None:
            last = newest[0]
            if beat.incarnation != last.incarnation or (
                beat.seq <= last.seq if beat.boot == last.boot else beat.boot < last.boot
            ):
                return False
        elif beat.incarnation != incarnation:
            return False
        self.beats[row] = beat, now
        self.seen[row] = now
        return True

    def sample(self, row: int) -> Sample | None:
        """Return what the newest heartbeat said, None before the first of this incarnation."""
        newest = self.beats[row]
        if newest is None:
            return None
        beat, seen_at = newest
        return Sample(
            uptime_s=beat.uptime_s,
            cpu_percent=beat.cpu_percent,
            load_1m=beat.load_1m,
            memory_available_bytes=beat.memory_available_bytes,
            storage_available_bytes=beat.storage_available_bytes,
            temperature_c=beat.temperature_c,
            generation=beat.generation,
            seen_at=seen_at,
            battery_percent=beat.battery_percent,
            on_battery=beat.on_battery,
            power_w=beat.power_w,
            filesystems_available_bytes=beat.filesystems_available_bytes,
        )

    def begin(self, row: int) -> None:
        """Let a row have a node of which nothing was heard yet."""
        self.seen[row] = -math.inf

    def end(self, row: int) -> None:
        """Let a row be without a node."""
        self.beats[row] = None
        self.seen[row] = math.inf

    def double(self) -> None:
        """Make room for as many rows again."""
        size = len(self.beats)
        self.beats += [None] * size
        self.seen = np.concatenate([self.seen, np.full(size, math.inf)])
