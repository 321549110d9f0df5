"""What is kept of a workload's history, and of the rollout by which its instances are updated.

Declared like wire messages. A rollout says nothing of where instances are: that is placement's. It
says which of them keep their former content for now. All else have the workload's newest.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from skerry_hub.lifecycle import Strategy
from skerry_hub.model import Assignment, Workload
from skerry_wire.lifecycle import PullStatus
from skerry_wire.schema import Items, Range, Sparse, Text
from skerry_wire.types import Count, InstanceId, Line, Name, NodeId, Revision

MOST_IMAGES = 32

Number = Annotated[int, Range(0, 2**53 - 1)]
"""Of a revision in its workload's history; 0: none."""
Cause = Literal["apply", "undo", "rollback", "adopt"]
RolloutState = Literal["progressing", "paused", "failed", "done"]
"""`failed`: its deadline passed, or too many failed, and nothing is left to give or to go back to.

It goes on by itself when the cause goes away."""
MemberState = Literal["waiting", "updating", "done", "failed"]
Reason = Annotated[str, Text(1024)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRecord:
    """One revision of a workload: its whole content, and how it came. `at` is the hub's clock.

    `back_to` is the earlier revision whose content it has again, after an undo or a rollback.
    """

    workload: Name
    number: Number
    at: float
    cause: Cause
    who: Line = ""
    """Empty: the hub does not know yet who asks."""
    back_to: Number = 0
    content: Workload


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The revision `number` that failed, why, and the revision `to` whose content came back."""

    number: Number
    to: Number
    reason: Reason = ""


def goes_back(number: int) -> str:
    """Return the end of a reason that tells of a rollback to come."""
    return f"; goes back to revision {number}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How the instances of a workload come to its revision `number`.

    `stable` is the newest revision that all of them had before it, or an older one that ran where
    that one never did; 0: there was nothing before it, and all are given it at once. `total` counts
    the workload's instances when it began, `already` those of them that had this content then, or
    were new with it.
    `excused` failures were seen by whoever resumed it. `surge`: of blue-green, the instances of the
    former set, which are among the workload's replicas meanwhile.
    """

    workload: Name
    number: Number
    revision: Revision
    cause: Cause
    strategy: Strategy
    stable: Number
    stable_revision: Annotated[str, Text(64, "[0-9a-f]*"), Sparse()] = ""
    """The digest of that one: an undo under way may go to just this."""
    stable_ran: Annotated[bool, Sparse()] = False
    """Whether that one was seen to run before this rollout began."""
    state: RolloutState = "progressing"
    reason: Reason = ""
    total: Count = 0
    already: Count = 0
    finished: Count = 0
    """Members that are done and kept no more."""
    excused: Count = 0
    canary_passed: bool = False
    surge: Count = 0
    rolls_back: bool = False
    """Whether it is about to be rolled back: the hub does so as soon as it can."""
    rolled_back: Annotated[RolledBack, Sparse()] | None = None
    """Of a rollback: what it takes back."""
    started_at: float
    progressed_at: float
    ended_at: float | None = None

    @property
    def is_first(self) -> bool:
        """Say whether no instance had anything before it."""
        return not self.stable

    @property
    def back(self) -> int:
        """Return the revision that it can be taken back to, 0 where it has that content itself."""
        return 0 if self.stable_revision == self.revision else self.stable


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instance that a rollout updates, and how far it is.

    `waiting`: it has its former content, `former`, of the revision `number`, still; `updating`: its
    order has the new one, and what it had is kept, should its box hold that back. `since` is when
    it entered its state, or last came nearer to the new content, by the hub's clock; `good_since`:
    since when it runs and is healthy at the new one.
    """

    id: InstanceId
    workload: Name
    state: MemberState
    former: Assignment | None = None
    number: Number = 0
    since: float
    begun_at: float = 0.0
    """When its order got the new content."""
    begun: Annotated[bool, Sparse()] = False
    """Whether its box has told that it makes containers of the new content."""
    pulled: Annotated[tuple[PullStatus, ...], Items(MOST_IMAGES), Sparse()] = ()
    """Of each image that its box pulls for it, the most that was told."""
    node: Annotated[NodeId, Sparse()] | None = None
    """The box that told these two."""
    good_since: float | None = None
    was_updating: bool = False
    """Whether an earlier rollout was at it: it may be switching still, and is next in turn."""
    away: bool = False
    """Whether its node went away while it was being updated."""
    held: bool = False
    """Whether its box holds the update back, or did so when it was given it last."""
    held_since: float | None = None
    withdrawn: bool = False
    """Whether its order has its former content again, and its box has not shown that yet."""
    reason: Annotated[Reason, Sparse()] = ""
