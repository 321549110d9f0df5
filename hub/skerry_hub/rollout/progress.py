"""Whether an instance has come nearer to its new content: more of an image pulled, or begun. Pure.

It is what was never reached before that counts, by what a box tells as typed values. So neither a
fault that is told in ever other words, nor faults that take turns, nor a pull that begins anew and
ends at the same byte, is progress. From its first container on a box has the deadline, and no more.
"""

from __future__ import annotations

import dataclasses

from skerry_hub.rollout.looking import Seen
from skerry_hub.rollout.records import MOST_IMAGES, Member
from skerry_wire.lifecycle import PullStatus


def nearer(member: Member, seen: Seen, revision: str, now: float) -> Member:
    """Return a member that comes to `revision` as of now where it came nearer, else as it is."""
    if member.node not in (None, seen.node):
        # It was moved meanwhile: the other box begins anew.
        member = dataclasses.replace(member, begun=False, pulled=(), node=None, since=now)
    begun = member.begun or _has_begun(seen, revision)
    pulled = _pulled(member.pulled, seen.pull)
    if begun == member.begun and pulled == member.pulled:
        return member
    return dataclasses.replace(member, begun=begun, pulled=pulled, node=seen.node, since=now)


def _has_begun(seen: Seen, revision: str) -> bool:
    told = seen.update
    if told is not None and told.revision == revision and told.state == "switching":
        return True
    return seen.made and seen.revision == revision


def _pulled(most: tuple[PullStatus, ...], now: PullStatus | None) -> tuple[PullStatus, ...]:
    """Return the most that was told of each image, of the first ones where there are too many."""
    if now is None:
        return most
    before = next((one for one in most if one.image == now.image), None)
    if before is None:
        return (*most, now) if len(most) < MOST_IMAGES else most
    if now.done_bytes <= before.done_bytes:
        return most
    return tuple(now if one is before else one for one in most)
