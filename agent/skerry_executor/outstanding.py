"""The challenges that are still to be answered: which there are, how long they hold. Pure.

Times are seconds since the box's start, by a clock that nobody sets and that counts while the box
sleeps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_wire.frozen import frozen
from skerry_wire.messages import Challenge
from skerry_wire.schema import Items, Text
from skerry_wire.types import Seconds

Purpose = Literal["lease", "request"]
VALID_S: Mapping[Purpose, float] = {"lease": 300.0, "request": 60.0}
"""A lease counts from its challenge, so a late answer costs only time; a request is for now."""
MOST_OF_A_PURPOSE = 32
"""Whoever asks for more pushes out the oldest of their kind, never those of the other kind."""


@frozen(kw_only=True)
class Issued:
    """A challenge, what may answer it, and when it was made."""

    challenge: Challenge
    purpose: Purpose
    at_s: Seconds


@frozen(kw_only=True)
class Outstanding:
    """The challenges of one start of the box, oldest first."""

    boot_id: Annotated[str, Text(64)]
    issued: Annotated[tuple[Issued, ...], Items(2 * MOST_OF_A_PURPOSE)] = ()


def of_this_boot(kept: Outstanding | None, boot_id: str, now_s: float) -> Outstanding:
    """Return what is left of what was kept: nothing that is over, nothing of an earlier start."""
    if kept is None or kept.boot_id != boot_id:
        return Outstanding(boot_id=boot_id)
    left = tuple(one for one in kept.issued if 0 <= now_s - one.at_s <= VALID_S[one.purpose])
    return dataclasses.replace(kept, issued=left)


def with_issued(outstanding: Outstanding, fresh: Issued) -> Outstanding:
    """Return the challenges with one more."""
    same = [one for one in outstanding.issued if one.purpose == fresh.purpose]
    over = same[: max(0, len(same) - MOST_OF_A_PURPOSE + 1)]
    left = tuple(one for one in outstanding.issued if one not in over)
    return dataclasses.replace(outstanding, issued=(*left, fresh))


def redeemed(
    outstanding: Outstanding, challenge: bytes, purpose: Purpose
) -> tuple[Outstanding, Issued | None]:
    """Return the challenges without the one that is answered, and that one if there was any.

    What is answered for the other purpose stays: it was not for this.
    """
    for one in outstanding.issued:
        if one.challenge == challenge and one.purpose == purpose:
            left = tuple(other for other in outstanding.issued if other is not one)
            return dataclasses.replace(outstanding, issued=left), one
    return outstanding, None
