"""What the hub durably knows, in memory, and the draft of a change to it. Pure.

`Known` is what the store holds. A `Draft` collects what one transaction would change; it is read
through to what it would change. Only after the commit does `Known.settle` take it over.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Literal

from skerry_hub.approval_records import KeptApprovals
from skerry_hub.decisions import Made
from skerry_hub.documents import DocumentChange, KeptDocument, Key, key_of
from skerry_hub.inputs import Change, Inputs, changes_of
from skerry_hub.leases import Vacating
from skerry_hub.model import Assignment, Node, Workload
from skerry_hub.orders import Issued
from skerry_hub.overlay import Assigned, Overlay, Step, drop, merge
from skerry_hub.placement.demand import NO_DEMAND, Demand, demand_of_workloads
from skerry_hub.placement.rules import Rules, rules_of
from skerry_hub.placement.world import repels
from skerry_hub.rollout.state import DraftRollouts, KnownRollouts
from skerry_hub.secret_records import Secret
from skerry_hub.views import EventView

_VERSIONS = itertools.count(1)
"""Tells states of the workloads from each other."""
_TRIED = itertools.count(1)
"""Tells rules that are only tried from each other."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A workload as it is kept: its content, and when it came and last changed (hub's clock)."""

    workload: Workload
    created_at: float
    updated_at: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A message of the hub that must reach the broker. An empty payload clears a topic."""

    topic: str
    payload: bytes
    retain: bool = True
    expiry_s: int | None = None
    qos: Literal[0, 1] = 1
    """0 only for what is soon said again: it is never kept in the outbox."""


class Known:
    """All durable records. Changed by `settle` alone, in the one thread that writes."""

    def __init__(  # noqa: PLR0913 - one a table
        self,
        nodes: Iterable[Node] = (),
        workloads: Iterable[Kept] = (),
        assignments: Iterable[Assignment] = (),
        orders: Iterable[Issued] = (),
        documents: Iterable[KeptDocument] = (),
        document_versions: Mapping[Key, int] | None = None,
        unplaced: Mapping[str, int] | None = None,
        *,
        vacating: Iterable[Vacating] = (),
    ) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.workloads = {kept.workload.name: kept for kept in workloads}
        self.assignments = {one.id: one for one in assignments}
        self.orders = {order.node: order for order in orders}
        self.documents = {key_of(kept.document): kept for kept in documents}
        self.rules = rules_of((kept.document for kept in self.documents.values()), 1)
        self.repelling = {name for name, kept in self.workloads.items() if repels(kept.workload)}
        """The workloads that must not have some others beside them."""
        self.packing = {name for name, kept in self.workloads.items() if packs(kept.workload)}
        """The workloads that go where least goes to waste."""
        self.workloads_version: Hashable = next(_VERSIONS)
        """Another one for other workloads."""
        self.document_versions = dict(document_versions or {})
        """The newest version of each document that is or was."""
        self.secrets: dict[str, Secret] | None = None
        """By name, their contents locked; None where there can be none, as in a simulation."""
        self.approvals: dict[str, KeptApprovals] = {}
        """By workload and content (`skerry_hub.approvals`)."""
        self.unplaced = dict(unplaced or {})
        """How many instances of a workload found no node at its newest decision, where any."""
        self.vacating = {one.instance: one for one in vacating}
        self.vacating_on: dict[str, set[str]] = {}
        """The instances of which a node may still have an earlier one."""
        for left in self.vacating.values():
            self._list(left)
        self.updates = KnownRollouts()
        self.by_node: dict[str, dict[str, Assignment]] = {}
        self.by_workload: dict[str, dict[str, Assignment]] = {}
        for one in self.assignments.values():
            self._index(one)
        self._inputs: Inputs | None = None

    @property
    def inputs(self) -> Inputs:
        """Return the digest of what placement decides from. Takes a look at all, the first time."""
        if self._inputs is None:
            contents = (kept.workload for kept in self.workloads.values())
            self._inputs = Inputs.of(
                self.nodes.values(), contents, self.assignments.values(), self.documents
            )
        return self._inputs

    def on_node(self, node: str) -> tuple[Assignment, ...]:
        """Return the assignments of a node."""
        return tuple(self.by_node.get(node, {}).values())

    def of_workload(self, workload: str) -> tuple[Assignment, ...]:
        """Return the assignments of a workload."""
        return tuple(self.by_workload.get(workload, {}).values())

    def settle(self, draft: Draft) -> None:
        """Take over what has been committed."""
        if self._inputs is not None:
            self._inputs.follow(self._changes(draft))
        merge(self.nodes, draft.nodes.changes)
        if draft.workloads.changes:
            self.workloads_version = next(_VERSIONS)
        self.secrets = None if draft.secrets is None else draft.secrets.merged()
        merge(self.approvals, draft.approvals.changes)
        merge(self.workloads, draft.workloads.changes)
        merge(self.orders, draft.orders.changes)
        merge(self.documents, draft.documents.changes)
        if draft.documents.changes:
            documents = (kept.document for kept in self.documents.values())
            self.rules = rules_of(documents, self.rules.version + 1)
        self.repelling = draft.repelling()
        for name, kept in draft.workloads.changes.items():
            self.packing.discard(name)
            if kept is not None and packs(kept.workload):
                self.packing.add(name)
        for change in draft.document_changes:
            self.document_versions[key_of(change.document)] = change.version
        for key, after in draft.assignments.changes.items():
            before = self.assignments.get(key)
            if before is not None:
                drop(self.by_node, before.node, key)
                drop(self.by_workload, before.workload, key)
            if after is not None:
                self._index(after)
        merge(self.assignments, draft.assignments.changes)
        self._settle_vacating(draft.vacating.changes)
        self.updates.settle(draft.updates)
        for made in draft.made:
            self.unplaced.update(made.unplaced)
            for name, count in made.unplaced.items():
                if not count:
                    del self.unplaced[name]

    def _settle_vacating(self, changes: Mapping[str, Vacating | None]) -> None:
        for instance, after in changes.items():
            before = self.vacating.get(instance)
            for place in before.places if before is not None else ():
                held = self.vacating_on.get(place.node, set())
                held.discard(instance)
                if not held:
                    self.vacating_on.pop(place.node, None)
            if after is not None:
                self._list(after)
        merge(self.vacating, changes)

    def _list(self, one: Vacating) -> None:
        for place in one.places:
            self.vacating_on.setdefault(place.node, set()).add(one.instance)

    def _changes(self, draft: Draft) -> Iterator[Change]:
        """Yield what a draft changes of what placement decides from."""
        yield from changes_of(self.nodes, draft.nodes.changes, "nodes")
        yield from changes_of(self.workloads, draft.workloads.changes, "workloads")
        yield from changes_of(self.assignments, draft.assignments.changes, "assignments")
        yield from changes_of(self.documents, draft.documents.changes, "documents")

    def _index(self, one: Assignment) -> None:
        self.by_node.setdefault(one.node, {})[one.id] = one
        self.by_workload.setdefault(one.workload, {})[one.id] = one


class Draft:
    """What one transaction would change."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._number = next(_VERSIONS)
        self.steps: list[Step] = []
        """Each change of what placement decides from, oldest first."""
        self.made: list[Made] = []
        """The decisions worth keeping, oldest first; `note` adds them."""
        self.notes_all = False
        """Whether `made` shall have the others too, as for a replay."""
        self.cause = ""
        """Why there are decisions: `apply`, `drain`. What asks for something sets it."""
        self.nodes = Overlay(known.nodes, self.steps, "nodes")
        self.workloads = Overlay(known.workloads, self.steps, "workloads")
        self.assignments = Assigned(known.assignments, self.steps)
        self.orders = Overlay(known.orders)
        self.vacating = Overlay(known.vacating)
        """By instance: where it may still run though it is not wanted there."""
        self.documents = Overlay(known.documents, self.steps, "documents")
        self.secrets = None if known.secrets is None else Overlay(known.secrets)
        self.approvals = Overlay(known.approvals)
        self.updates = DraftRollouts(known.updates)
        self.document_changes: list[DocumentChange] = []
        """Each change of `documents`, oldest first."""
        self.events: list[EventView] = []
        self.outbox: list[Publication] = []
        self.touched: set[str] = set()
        """Nodes for which an order may be due."""

    def base(self) -> Draft:
        """Return a draft of the same records that changes nothing yet."""
        return Draft(self._known)

    @property
    def settled(self) -> Known:
        """Return what holds now, without what this draft changes."""
        return self._known

    @property
    def inputs(self) -> Inputs:
        """Return the digest of what placement decides from, without what this draft changes."""
        return self._known.inputs

    def unplaced(self, workload: str) -> int:
        """Return how many instances found no node when it was last decided about a workload."""
        for made in reversed(self.made):
            if workload in made.unplaced:
                return made.unplaced[workload]
        return self._known.unplaced.get(workload, 0)

    def because(self, cause: str) -> None:
        """Say why decisions are made, unless that was said: the first to say so was asked."""
        self.cause = self.cause or cause

    @property
    def workloads_version(self) -> Hashable:
        """Return what tells the workloads as they would be from any others."""
        if not self.workloads.changes:
            return self._known.workloads_version
        return self._number, self.workloads.version

    def document_version(self, key: Key) -> int:
        """Return the newest version that a document has had, 0 where there never was one."""
        for change in reversed(self.document_changes):
            if key_of(change.document) == key:
                return change.version
        return self._known.document_versions.get(key, 0)

    def rules(self) -> Rules:
        """Return what the documents would say to placement."""
        if not self.documents.changes:
            return self._known.rules
        # No rules that are kept have a number below 0.
        documents = (kept.document for kept in self.documents.values())
        return rules_of(documents, -next(_TRIED))

    def demand(self, *, always: bool = False) -> Demand:
        """Return what would be asked of the fleet again, where anybody packs (or `always`)."""
        packing = self._known.packing
        if self.workloads.changes:
            changed = self.workloads.changes
            packing = packing - changed.keys() | {
                name for name, kept in changed.items() if kept is not None and packs(kept.workload)
            }
        if not (packing or always):
            return NO_DEMAND
        return demand_of_workloads(kept.workload for kept in self.workloads.values())

    def repelling(self) -> set[str]:
        """Return the names of the workloads that would not have some others beside them."""
        changed = self.workloads.changes
        if not changed:
            return self._known.repelling
        found = self._known.repelling - changed.keys()
        return found | {
            name for name, kept in changed.items() if kept is not None and repels(kept.workload)
        }

    def of_workload(self, workload: str) -> tuple[Assignment, ...]:
        """Return the assignments that a workload would have."""
        changed = self.assignments.by_workload.get(workload, {})
        return self._held(self._known.by_workload.get(workload, {}), changed)

    def on_node(self, node: str) -> tuple[Assignment, ...]:
        """Return the assignments that a node would have."""
        changed = self.assignments.by_node.get(node, {})
        return self._held(self._known.by_node.get(node, {}), changed)

    def _held(
        self, base: Mapping[str, Assignment], changed: Mapping[str, Assignment]
    ) -> tuple[Assignment, ...]:
        changes = self.assignments.changes
        kept = [one for key, one in base.items() if key not in changes]
        return tuple(sorted((*kept, *changed.values()), key=lambda one: one.id))

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to commit."""
        return not (
            self.nodes.changes
            or self.workloads.changes
            or self.assignments.changes
            or self.orders.changes
            or self.vacating.changes
            or self.documents.changes
            or self.approvals.changes
            or (self.secrets is not None and self.secrets.changes)
            or self.events
            or self.outbox
            or self.made
            or not self.updates.empty
        )


def packs(workload: Workload) -> bool:
    """Say whether a workload asks to be packed."""
    return workload.placement.strategy == "pack"
