"""One reason of one node against one workload, as every constraint gives it. Pure."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """One reason of one node.

    `missing` is the shortage in the unit of what is wanted; `share`, 0 to 1, what part of the
    wanted that is, so that shortages of different things compare. `is_unknown`: the node does not
    say. `is_shortage`: the node would do if it had more, or less were taken.
    """

    text: str
    missing: float | None = None
    share: float = 1.0
    is_unknown: bool = False
    is_shortage: bool = False
