"""How good a feasible node is, in whole numbers: what every score is. Pure.

Whole numbers add up the same in any order, on any machine.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.fleet.columns import Columns

SCALE = 100_000_000
"""The points of a node that could not be better."""


class Points(Protocol):
    """One score, of one workload. `is_used_up`: instances placed on a node change it there.

    Each value depends on its own row only and is the same whichever rows it is computed with, so
    that after a placement one row is computed again.
    """

    is_used_up: ClassVar[bool]

    @property
    def name(self) -> str:
        """Return what people call it."""

    @property
    def weight(self) -> int:
        """Return how much it counts."""

    def of(self, columns: Columns, rows: Rows) -> Counts:
        """Return the points of rows, from 0 to SCALE."""
