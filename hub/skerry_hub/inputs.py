"""What placement decides from, as one digest that follows every change. Pure.

Two hubs, or a hub and a simulation, with the same digest would decide the same. Each record has an
entry: the digest of what of it could change an outcome. A section's sum is that of its entries, so
that a change costs no more than its own entry, in whatever order the records came. What is measured
all the time (round-trip times, loads) and the clock are no part of it.

A node's hardware stands in by its revision, which is the digest of its content.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from skerry_hub.documents import KeptDocument, Key
from skerry_hub.model import Assignment, Node, Workload
from skerry_wire import codec

Section = Literal["nodes", "workloads", "assignments", "documents"]
SECTIONS: tuple[Section, ...] = ("nodes", "workloads", "assignments", "documents")
_LIMIT = 2**256
KEPT = 4096
"""Commits whose changes are remembered, to name what made a plan stale."""
NAMED = 64
"""Most changes of one commit that are remembered by name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Changed:
    """One record that changed: `node box-3 changed: labels, taints`."""

    section: Section
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.section.removesuffix('s')} {self.name} {self.what}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Commit:
    before: str
    """The digest before it."""
    changes: tuple[Changed, ...]
    more: int
    """How many further changes have no name here."""


class Inputs:
    """The sums of all records, and the newest changes. Changed by `follow` alone."""

    def __init__(self) -> None:
        self._sums: dict[Section, int] = dict.fromkeys(SECTIONS, 0)
        self._commits: collections.deque[_Commit] = collections.deque(maxlen=KEPT)

    @staticmethod
    def of(
        nodes: Iterable[Node] = (),
        workloads: Iterable[Workload] = (),
        assignments: Iterable[Assignment] = (),
        documents: Mapping[Key, KeptDocument] | None = None,
    ) -> Inputs:
        """Return those of all records of a hub."""
        found = Inputs()
        found._add("nodes", map(node_entry, nodes))
        found._add("workloads", map(workload_entry, workloads))
        found._add("assignments", map(assignment_entry, assignments))
        kept = (documents or {}).items()
        found._add("documents", (document_entry(key, one) for key, one in kept))
        return found

    def _add(self, section: Section, entries: Iterable[int]) -> None:
        self._sums[section] = (self._sums[section] + sum(entries)) % _LIMIT

    @property
    def digest(self) -> str:
        """Return 32 hexadecimal digits for all sections together."""
        sums = (self._sums[section].to_bytes(32, "big") for section in SECTIONS)
        return hashlib.sha256(b"".join(sums)).hexdigest()[:32]

    @property
    def sections(self) -> dict[str, str]:
        """Return 16 hexadecimal digits for each section."""
        return {
            section: hashlib.sha256(self._sums[section].to_bytes(32, "big")).hexdigest()[:16]
            for section in SECTIONS
        }

    def follow(self, changes: Iterable[Change]) -> None:
        """Take over what one commit changed."""
        before = self.digest
        named: list[Changed] = []
        more = 0
        for change in changes:
            if not self.step(change):
                continue
            if len(named) < NAMED:
                named.append(Changed(change.section, change.name, change.words()))
            else:
                more += 1
        if named:
            self._commits.append(_Commit(before, tuple(named), more))

    def step(self, change: Change) -> bool:
        """Take over one change, and remember nothing of it; say whether it is one."""
        old = 0 if change.old is None else change.entry(change.old)
        new = 0 if change.new is None else change.entry(change.new)
        self._sums[change.section] = (self._sums[change.section] + new - old) % _LIMIT
        return old != new

    def fork(self) -> Inputs:
        """Return the sums alone, to be changed apart from these."""
        found = Inputs()
        found._sums = dict(self._sums)
        return found

    def since(self, digest: str) -> tuple[tuple[Changed, ...], int] | None:
        """Return what changed since a digest held, the newest first, and how many more did.

        None where that is not known any more: it is too long ago, or of an earlier life of the hub.
        """
        if digest == self.digest:
            return (), 0
        found: dict[Changed, None] = {}
        more = 0
        for commit in reversed(self._commits):
            found.update(dict.fromkeys(commit.changes))
            more += commit.more
            if commit.before == digest:
                return tuple(found), more
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A record before and after a commit; None where there is none."""

    section: Section
    name: str
    old: Any
    new: Any
    key: Key | None = None
    """Of a document."""

    def entry(self, record: Any) -> int:
        """Return the entry of one of the two."""
        match self.section:
            case "nodes":
                return node_entry(record)
            case "workloads":
                return workload_entry(record.workload)
            case "assignments":
                return assignment_entry(record)
            case "documents":
                assert self.key is not None  # noqa: S101 - every change of a document has one
                return document_entry(self.key, record)

    def words(self) -> str:
        """Say what happened to it."""
        if self.old is None:
            return "is new"
        if self.new is None:
            return "is gone"
        if self.section != "nodes":
            return "changed"
        before, after = _parts(self.old), _parts(self.new)
        return "changed: " + ", ".join(name for name in before if before[name] != after[name])


# --- entries ------------------------------------------------------------------------------


def node_entry(node: Node) -> int:
    """Return what of a node could change an outcome, as a number of 256 bits."""
    return _entry("node", node.id, _parts(node))


def _parts(node: Node) -> dict[str, Any]:
    return {
        "liveness": str(node.liveness),
        "hold": node.diverged is not None,
        "labels": sorted(node.labels.items()),
        "taints": [str(taint) for taint in node.taints],
        "capability": node.capability.revision if node.capability is not None else "",
    }


def workload_entry(workload: Workload) -> int:
    """Return a workload's."""
    return _entry("workload", workload.name, codec.to_plain(workload))


def assignment_entry(assignment: Assignment) -> int:
    """Return an assignment's."""
    return _entry("assignment", assignment.id, codec.to_plain(assignment))


def document_entry(key: Key, kept: KeptDocument) -> int:
    """Return a document's: its content, whatever its version."""
    return _entry(f"document/{key[0]}", key[1], codec.to_plain(kept.document))


def _entry(kind: str, name: str, content: Any) -> int:
    data = hashlib.sha256(codec.pack([kind, name, content])).digest()
    return int.from_bytes(data, "big")


def changes_of(
    old: Mapping[Any, Any], new: Mapping[Any, Any], section: Section
) -> Iterator[Change]:
    """Yield the changes that an overlay (None: removed) makes to a mapping."""
    for key, after in new.items():
        name = "/".join(key) if isinstance(key, tuple) else str(key)
        yield Change(section, name, old.get(key), after, key if isinstance(key, tuple) else None)
