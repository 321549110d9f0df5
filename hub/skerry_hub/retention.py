"""How much of the past is kept, as it is set. A light module: all commands read settings."""

from __future__ import annotations

import dataclasses

REVISIONS_KEPT = 20
"""Of each workload, beside those that an instance still has."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How many decisions are kept, how long, and how many bytes all that they need may take."""

    most: int = 10_000
    days: float = 30.0
    most_bytes: int = 2**30
