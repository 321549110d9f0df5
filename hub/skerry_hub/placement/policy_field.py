"""A node's own policy as a field of its hardware: what all who judge by it ask of. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from skerry_hub.fleet.arrays import Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import HARDWARE, Field, Kind
from skerry_wire.box_policy import BoxPolicy

POLICY = Field(f"{HARDWARE}policy", Kind.RECORD, steps=("policy",))
"""The whole policy as one value, which no expression can name."""

_NO_ROWS: Rows = np.zeros(0, dtype=np.intp)
_SEEN = ("node policy",)

Values = tuple[Any, ...]
"""A policy, or None, or nothing: the value of the one field on one node."""


def policy_in(values: Values) -> BoxPolicy | None:
    """Return the policy that a node told, None where it told none."""
    found = values[0] if values else None
    return found if isinstance(found, BoxPolicy) else None


def has_limits(values: Values) -> bool:
    """Say whether a policy limits all containers together."""
    policy = policy_in(values)
    return policy is not None and policy.has_limits


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What is known of the policies that were ever told; `values` are those, `seen` so many."""

    values: list[Values]
    seen: int = 0
    any_policy: bool = False
    any_limits: bool = False


def told_policies(columns: Columns) -> Told:
    """Look at the policies that came since the last time."""
    told = columns.told(POLICY)
    told.codes(_NO_ROWS)
    values: list[Values] = told.values
    before = columns.boards.get(_SEEN)
    if not isinstance(before, Told) or before.values is not values:
        before = Told(values)
    if before.seen == len(values):
        return before
    new = values[before.seen :]
    after = Told(
        values,
        len(values),
        before.any_policy or any(policy_in(one) is not None for one in new),
        before.any_limits or any(map(has_limits, new)),
    )
    columns.boards[_SEEN] = after
    return after
