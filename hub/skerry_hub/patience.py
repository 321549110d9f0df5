"""How long nodes may be silent, as it is set. A light module: all commands read settings."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """After how many silent seconds a node is unreachable, and after how many it is lost.

    One that was not watched for `new_for_s` yet is not lost before `floor_s`: the third of the
    pauses that 30 s of nothing make on a link that loses 5 % (48, 98, and once in 400, 194 s).
    Where it does not adapt (`adapts`), a node that paused before gets no more time than others.
    """

    unreachable_s: float = 60.0
    lost_s: float = 600.0
    floor_s: float = 210.0
    new_for_s: float = 600.0
    adapts: bool = True
