"""Which images of the box are to be removed: of those that were pulled for orders alone. Pure.

How long one is not used is added up look by look, and no look counts for more than a day: a clock
that jumps, or a box that was off for months, makes nothing old at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Protocol

from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Text
from skerry_wire.types import Moment, Seconds, Short

MOST = 1000
MOST_ELAPSED_S = 86400.0


class Stored(Protocol):
    """An image on the box, as a runtime tells it: `names` are given in full."""

    @property
    def id(self) -> str:
        """Return what tells it from all others."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return its names, by digest too."""


@frozen(kw_only=True)
class Pulled:
    """An image that came by a pull of ours. `unused_s`: for so long; None while it is used."""

    id: Short
    name: Annotated[str, Text(768)]
    unused_s: Seconds | None = None


@frozen(kw_only=True)
class Remembered:
    """All of them, and when they were looked at last, by the box's clock."""

    looked_at: Moment = 0.0
    images: Annotated[tuple[Pulled, ...], Items(MOST)] = ()


def added(before: Remembered, image: str, ids: Collection[str], after: Iterable[Stored]) -> (
    Remembered
):  # fmt: skip
    """Return what is remembered once an image was pulled; `ids` were on the box before.

    One that was there already, under whatever name, is somebody else's.
    """
    come = [one.id for one in after if image in one.names and one.id not in ids]
    kept = [one for one in before.images if one.id not in come]
    images = [*kept, *(Pulled(id=one, name=image) for one in come)]
    return dataclasses.replace(before, images=tuple(images[-MOST:]))


def looked(
    before: Remembered, stored: Iterable[Stored], used: Collection[str], now: float
) -> Remembered:
    """Return what is remembered after a look; `used` are the names that orders have."""
    names = {one.id: one.names for one in stored}
    elapsed_s = min(max(0.0, now - before.looked_at), MOST_ELAPSED_S)

    def unused_s(one: Pulled) -> float | None:
        if not used.isdisjoint(names[one.id]):  # type: ignore[attr-defined]
            return None
        return 0.0 if one.unused_s is None else one.unused_s + elapsed_s

    images = tuple(
        dataclasses.replace(one, unused_s=unused_s(one)) for one in before.images if one.id in names
    )
    return Remembered(looked_at=max(0.0, now), images=images)


def removable(found: Remembered, keep_s: float | None) -> list[Pulled]:
    """Return what is unused for so long at least, longest first; none without a limit."""
    unused = [one for one in found.images if one.unused_s is not None]
    if keep_s is None:
        return []
    old = [one for one in unused if one.unused_s is not None and one.unused_s >= keep_s]
    return sorted(old, key=lambda one: (-(one.unused_s or 0.0), one.id))


def references(one: Pulled, stored: Sequence[Stored]) -> tuple[str, ...]:
    """Return what to remove of an image: all of it, or our name where others gave it more."""
    names = next((image.names for image in stored if image.id == one.id), ())
    repository = one.name.partition("@")[0].rpartition(":")[0] or one.name.partition("@")[0]
    theirs = [name for name in names if name != one.name and not name.startswith(f"{repository}@")]
    if not theirs:
        return (one.id,)
    return (one.name,) if one.name in names else ()
