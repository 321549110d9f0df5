"""Histories and rollouts as the hub knows them, and the draft of a change to them. Pure.

Of a history only the newest number is here, and the contents that instances still have: the rest is
read from the store where somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from skerry_hub.model import Assignment, Workload
from skerry_hub.overlay import Overlay, drop, merge
from skerry_hub.retention import REVISIONS_KEPT
from skerry_hub.rollout.records import Member, RevisionRecord, Rollout

if TYPE_CHECKING:
    from skerry_hub.rollout.looking import Cache

Key = tuple[str, int]
"""A workload's name, and the number of a revision in its history."""


Images = dict[str, dict[str, str]]
"""By workload and revision, the digest of its content: the image of its first container."""
Former = tuple[Assignment, Workload, int]
"""What an instance was given before the newest content: its assignment, the content, its number."""


class _Contents(Protocol):
    def get(self, key: Key, /) -> Workload | None:
        """Return a workload's content at a revision."""


def _former(member: Member | None, contents: _Contents, assignment: Assignment) -> Former | None:
    # What came to another node meanwhile has the newest content.
    if member is None or member.state != "waiting" or member.former is None:
        return None
    if member.former.node != assignment.node:
        return None
    content = contents.get((member.workload, member.number))
    return None if content is None else (member.former, content, member.number)


class KnownRollouts:
    """All that is durably known of rollouts. Changed by `settle` alone."""

    def __init__(
        self,
        rollouts: Iterable[Rollout] = (),
        members: Iterable[Member] = (),
        numbers: Mapping[str, int] | None = None,
        contents: Mapping[Key, Workload] | None = None,
        images: Images | None = None,
    ) -> None:
        self.rollouts = {one.workload: one for one in rollouts}
        self.members = {one.id: one for one in members}
        self.by_workload: dict[str, dict[str, Member]] = {}
        for one in self.members.values():
            self.by_workload.setdefault(one.workload, {})[one.id] = one
        self.numbers = dict(numbers or {})
        """The number of each workload's newest revision."""
        self.contents = dict(contents or {})
        """What instances have that are not given the newest revision yet."""
        self.images = {name: dict(known) for name, known in (images or {}).items()}
        """Of revisions that are not the newest, and that a node may still run, whoever is given
        what; at most as many of a workload as its history has."""
        self._looks: dict[str, Cache] = {}
        self.rolling_back = {name for name, one in self.rollouts.items() if one.rolls_back}

    def goes_on(self, workload: str) -> bool:
        """Say whether a workload's rollout may go on: it is not done, or some are to follow."""
        rollout = self.rollouts.get(workload)
        return workload in self.by_workload or (rollout is not None and rollout.state != "done")

    def looked(self, workload: str) -> Cache:
        """Return what was seen at the last look at a workload's rollout: of steps and of views."""
        return self._looks.setdefault(workload, {})

    def former(self, assignment: Assignment) -> Former | None:
        """Return what an instance has instead of its workload's newest content."""
        return _former(self.members.get(assignment.id), self.contents, assignment)

    def settle(self, draft: DraftRollouts) -> None:
        """Take over what has been committed."""
        for name in draft.forgotten:
            self.numbers.pop(name, None)
        for key, after in draft.members.changes.items():
            before = self.members.get(key)
            if before is not None:
                drop(self.by_workload, before.workload, key)
            if after is not None:
                self.by_workload.setdefault(after.workload, {})[key] = after
        merge(self.members, draft.members.changes)
        merge(self.rollouts, draft.rollouts.changes)
        for name, one in draft.rollouts.changes.items():
            self.rolling_back.discard(name)
            if one is None or one.state == "done":
                self._looks.pop(name, None)
            if one is not None and one.rolls_back:
                self.rolling_back.add(name)
        merge(self.contents, draft.contents.changes)
        for name in draft.forgotten:
            self.images.pop(name, None)
        for (name, _), content in draft.contents.changes.items():
            if content is not None:
                self._note_image(name, content)
        for name, number in draft.records:
            self.numbers[name] = number
        if draft.rollouts.changes or draft.forgotten:
            self._drop_contents(draft)

    def _note_image(self, name: str, content: Workload) -> None:
        known = self.images.setdefault(name, {})
        known.pop(content.revision, None)
        known[content.revision] = content.containers[0].image
        if len(known) > REVISIONS_KEPT:
            del known[next(iter(known))]

    def _drop_contents(self, draft: DraftRollouts) -> None:
        """Forget contents that no instance has any more."""
        names = draft.rollouts.changes.keys() | draft.forgotten
        for name, number in [key for key in self.contents if key[0] in names]:
            members = self.by_workload.get(name, {}).values()
            if not any(one.number == number for one in members):
                del self.contents[name, number]


class DraftRollouts:
    """What one transaction would change of them."""

    def __init__(self, known: KnownRollouts) -> None:
        self._known = known
        self.rollouts = Overlay(known.rollouts)
        self.members = Overlay(known.members)
        self.contents = Overlay(known.contents)
        self.records: dict[Key, RevisionRecord] = {}
        """Revisions that are new, or whose content is another one in what restarts nothing."""
        self.forgotten: set[str] = set()
        """Workloads whose history ends."""

    def looked(self, workload: str) -> Cache:
        """Return what was seen at the last look: what is kept of it is told by its records."""
        return self._known.looked(workload)

    def number(self, workload: str) -> int:
        """Return the number of a workload's newest revision, 0 where there is none."""
        here = [number for name, number in self.records if name == workload]
        known = 0 if workload in self.forgotten else self._known.numbers.get(workload, 0)
        return max([known, *here])

    def record(self, revision: RevisionRecord) -> None:
        """Add a revision to its history, or take the place of the one of its number."""
        self.records[revision.workload, revision.number] = revision

    def members_of(self, workload: str) -> dict[str, Member]:
        """Return the members that a workload's rollout would have, by id."""
        changes = self.members.changes
        known = self._known.by_workload.get(workload, {})
        if not changes:
            return dict(known)
        found = {key: one for key, one in known.items() if key not in changes}
        found |= {
            key: one for key, one in changes.items() if one is not None and one.workload == workload
        }
        return found

    def former(self, assignment: Assignment) -> Former | None:
        """Return what an instance would have instead of its workload's newest content."""
        return _former(self.members.get(assignment.id), self.contents, assignment)

    def end(self, workload: str) -> None:
        """Let a workload have no rollout: all of its instances have its newest content."""
        for key in self.members_of(workload):
            self.members.remove(key)
        if self.rollouts.get(workload) is not None:
            self.rollouts.remove(workload)

    def forget(self, workload: str) -> None:
        """Forget a workload that is wanted no more."""
        self.end(workload)
        self.forgotten.add(workload)
        for key in [key for key in self.records if key[0] == workload]:
            del self.records[key]

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to commit."""
        return not (self.rollouts.changes or self.members.changes or self.records or self.forgotten)
