"""One reason of one node against one workload, as every constraint gives it. Pure."""

from __future__ import annotations

import dataclasses

IN_THE_WAY = 0.5
"""What part a node lacks that has all of what is wanted, and something keeps it from being had."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """One reason of one node.

    `missing` is the shortage in the unit of what is wanted; `share`, 0 to 1, what part of the
    wanted that is, so that shortages of different things compare. `is_unknown`: the node does not
    say. `is_shortage`: the node would do if it had more, or less were taken. `brief` is the text
    without what is not kept with a decision.
    """

    text: str
    missing: float | None = None
    share: float = 1.0
    is_unknown: bool = False
    is_shortage: bool = False
    in_brief: str = ""

    @property
    def brief(self) -> str:
        """Return the text as a step of a decision tells it: the same whenever it is made again."""
        return self.in_brief or self.text
