"""Which names, taken in the runtime's storage by no container, are freed. Pure.

A power cut between podman's two stores leaves such a name, with its layer, for ever. The labels
are in the other store, so what is ours is known by its name, which nobody else gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from skerry_executor.specs import name_of
from skerry_wire.frozen import frozen
from skerry_wire.workload import Instance

MOST_AT_ONCE = 16
LEAST_AGE_S = 60.0
"""What is younger may just be in the making, by an executor that was killed, or another's."""
_OURS = re.compile(r"skerry-[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@frozen(kw_only=True)
class Leftover:
    """Something that the runtime's storage alone has. `age_s` is below 0 where a clock is wrong."""

    id: str
    name: str
    age_s: float


def ours(found: Iterable[Leftover], wanted: Iterable[Instance]) -> list[Leftover]:
    """Return those with names of ours that no instance has: the others are made anew."""
    names = {name_of(one.id, container.name) for one in wanted for container in one.containers}
    return [one for one in found if _OURS.fullmatch(one.name) and one.name not in names]


def removable(found: Sequence[Leftover]) -> list[Leftover]:
    """Return those that are old enough, no more than may be removed at once."""
    return [one for one in found if one.age_s >= LEAST_AGE_S][:MOST_AT_ONCE]
