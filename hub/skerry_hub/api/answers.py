"""What the HTTP API answers from: snapshots of the records, and the calls that change them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

from skerry_hub import desired, planning, round_trip_list, selector
from skerry_hub.access.scope import (
    EVERYTHING,
    Scope,
    narrowed_events,
    narrowed_explanation,
    narrowed_plan,
    sees_node,
)
from skerry_hub.api import scoping
from skerry_hub.api.apply_files import asked_for
from skerry_hub.api.documents import DocumentAnswers, put_all
from skerry_hub.api.node_answers import NodeAnswers
from skerry_hub.api.requests import ApplyRequest
from skerry_hub.deciding import explained
from skerry_hub.decision_list import with_decisions
from skerry_hub.device_list import Wanted, device_views
from skerry_hub.documents import Document
from skerry_hub.event_list import MOST_READ, newest
from skerry_hub.fleet.columns import Columns
from skerry_hub.in_force import in_force_on, unmet
from skerry_hub.model import Explanation, Node
from skerry_hub.naming import find_node, find_workload
from skerry_hub.placement.explain import STANDINGS
from skerry_hub.showing import every_instance, instance_order, node_view, workload_view
from skerry_hub.state import Kept, Known, Publication
from skerry_hub.views import (
    DeviceView,
    DocumentPlan,
    EventView,
    InstanceView,
    NodeDetail,
    NodeView,
    PlanView,
    Problem,
    UnmetView,
    WorkloadDetail,
    WorkloadView,
)
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.calling import BusyError
from skerry_hub.writer.service import LOOK_S, Service
from skerry_wire import topics

T = TypeVar("T")
EVENTS_SHOWN = 20
MOST_EXPLAINED = 1000
"""Nodes of an explanation among which those within a scope are looked for."""
DECISIONS_LOOKED_AT = 50
"""The newest decisions about a workload, among which those are looked for that put it there."""


class Seen:
    """The events of what is within a scope, among the newest that are looked at."""

    def __init__(self, service: Service, scope: Scope) -> None:
        self._service = service
        self._scope = scope

    def events(
        self, *, node: str | None = None, workload: str | None = None, limit: int = 200
    ) -> tuple[EventView, ...]:
        """Return the newest, oldest first."""
        found = self._service.store.events(node=node, workload=workload, limit=MOST_READ)
        return tuple(narrowed_events(self._scope, self._service.known, found)[-limit:])


class Answers:
    """One method for each thing that can be asked. Any thread.

    What is listed is narrowed to a scope; who asks about one thing sees it, as the guard saw to.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.documents = DocumentAnswers(service)
        self.of_nodes = NodeAnswers(service)

    @property
    def _known(self) -> Known:
        return self._service.known

    @property
    def _columns(self) -> Columns:
        return self._service.columns

    # --- reading --------------------------------------------------------------------------

    def nodes(self, where: str | None, scope: Scope = EVERYTHING) -> list[NodeView]:
        """Return the nodes whose labels fit, by hostname."""
        terms, by = _selector(where) + scope.terms, self._service.judgement
        found = [
            node_view(self._known, self._columns, node, by)
            for node in list(self._known.nodes.values())
            if selector.fits(terms, node.all_labels)
        ]
        return sorted(found, key=lambda view: (view.hostname, view.id))

    def node(self, name: str, scope: Scope = EVERYTHING) -> NodeDetail:
        """Return one node with its hardware and newest events."""
        node = find_node(self._known, name)
        now = self._looked_at(lambda work: in_force_on(work.world, node.id))
        return NodeDetail(
            node=node_view(self._known, self._columns, node, self._service.judgement),
            hardware=node.capability.hardware if node.capability is not None else None,
            events=newest(self._service.store, EVENTS_SHOWN, node=node.id),
            round_trips=round_trip_list.narrowed(
                scope,
                self._known,
                round_trip_list.to_targets(self._known, self._service.measuring.network, node),
            ),
            reservations=now and now[0],
            maintenance=now and now[1],
        )

    def workloads(self, where: str | None, scope: Scope = EVERYTHING) -> list[WorkloadView]:
        """Return the workloads whose labels fit, by name."""
        return [workload_view(self._known, kept) for kept in self._fitting(where, scope)]

    def workload(self, name: str) -> WorkloadDetail:
        """Return one workload with its content and newest events."""
        kept = find_workload(self._known, name)

        def look(work: Work) -> tuple[UnmetView, ...]:
            current = sorted(work.draft.of_workload(name), key=instance_order)
            return unmet(work.world, kept.workload, current)

        return WorkloadDetail(
            workload=workload_view(self._known, kept),
            content=kept.workload,
            events=newest(self._service.store, EVENTS_SHOWN, workload=name),
            unmet=self._looked_at(look),
        )

    def instances(
        self,
        where: str | None,
        node: str | None,
        workload: str | None,
        scope: Scope = EVERYTHING,
    ) -> list[InstanceView]:
        """Return the instances on a node, of a workload, or whose workload's labels fit."""
        only = self._node_within(node, scope) if node is not None else None
        names = {kept.workload.name for kept in self._fitting(where)} if where else None
        found = [
            view
            for view in every_instance(self._known, only)
            if (workload is None or view.workload == workload)
            and scope.has_node(self._known.nodes.get(view.node))
            and (names is None or view.workload in names)
        ]
        return sorted(found, key=lambda view: (view.workload, len(view.id), view.id))

    def devices(
        self,
        where: str | None,
        node: str | None,
        wanted: Wanted,
        most: int,
        scope: Scope = EVERYTHING,
    ) -> tuple[list[DeviceView], bool]:
        """Return devices of the nodes whose labels fit, and whether there are more than `most`.

        By hostname, then by kind and address. Stops at the limit: a fleet has very many.
        """
        terms = _selector(where) + scope.terms
        nodes = [self._node_within(node, scope)] if node else list(self._known.nodes.values())
        fitting = (one for one in nodes if selector.fits(terms, one.all_labels))
        ordered = sorted(fitting, key=lambda one: (one.hostname, one.id))
        found = list(itertools.islice(device_views(self._known, ordered, wanted), most + 1))
        return found[:most], len(found) > most

    def events(
        self, node: str | None, workload: str | None, limit: int, scope: Scope = EVERYTHING
    ) -> tuple[EventView, ...]:
        """Return the newest events, oldest first; equal ones are one of these."""
        if node is not None:
            try:
                node = find_node(self._known, node).id
            except RefusedError as error:
                if error.status != 404:
                    raise
                # Perhaps one that was forgotten: what it told is still here, by its id.
        events = Seen(self._service, scope) if scope else self._service.store
        return newest(events, limit, node=node, workload=workload)

    def explain(
        self,
        name: str,
        node: str | None,
        instance: str | None,
        most: int,
        scope: Scope = EVERYTHING,
    ) -> Explanation:
        """Return what the nodes, or one, say to a workload, and why its instances are there."""
        if node is not None:
            self._node_within(node, scope)

        def look(work: Work) -> Explanation:
            kept = find_workload(work.draft, name)
            only = find_node(work.draft, node).id if node is not None else None
            current = work.draft.of_workload(name)
            if instance is not None and all(one.id != instance for one in current):
                reason = f"{name} has no instance {instance[:80]}"
                raise RefusedError(404, Problem(reason=reason))
            return explained(
                work,
                kept.workload,
                node=only,
                most=MOST_EXPLAINED if scope else most,
                instance=instance,
                standings=STANDINGS,
            )

        found = self._service.call(look, dry=True)
        found = narrowed_explanation(scope, self._known, found)
        if not found.standings:
            return found
        decisions = self._service.store.decisions(workload=name, limit=DECISIONS_LOOKED_AT)
        return with_decisions(found, decisions)

    def _looked_at(self, look: Callable[[Work], T]) -> T | None:
        """Return what placement says now; None where the hub is too busy for it."""
        try:
            return self._service.call(look, dry=True, within_s=LOOK_S)
        except BusyError:
            return None

    def _fitting(self, where: str | None, scope: Scope = EVERYTHING) -> list[Kept]:
        terms = _selector(where)
        return [
            kept
            for _, kept in sorted(self._known.workloads.items())
            if selector.fits(terms, kept.workload.labels) and scope.has_workload(kept.workload)
        ]

    def _node_within(self, name: str, scope: Scope) -> Node:
        if not sees_node(scope, self._known, name):
            raise RefusedError(404, Problem(reason=f"there is no node {name[:80]} within {scope}"))
        return find_node(self._known, name)

    # --- changing -------------------------------------------------------------------------

    def apply(
        self, request: ApplyRequest, scope: Scope = EVERYTHING, who: str = "", *, dry: bool
    ) -> PlanView:
        """Take compose files and documents as what is wanted; with `dry`, only say what changes.

        Documents come first: workloads are placed as they say.
        """
        wish = asked_for(request)
        scoping.check_wish(scope, wish)

        def put(work: Work, documents: Sequence[Document]) -> tuple[DocumentPlan, ...]:
            return put_all(self._service, dataclasses.replace(work, who=who), documents)

        def decided(work: Work) -> PlanView:
            scoping.check_kept(scope, work, wish)
            plan = planning.decide(work, wish, put)
            scoping.check_changes(scope, work, plan)
            return plan

        def change(work: Work) -> PlanView:
            plan = decided(work)
            _clear_views(work, plan.removed)
            return plan

        def look(work: Work) -> PlanView:
            with work.columns.trial():
                plan = decided(work)
            return planning.scored(work, wish, plan)

        plan = self._service.call(look if dry else change, dry=dry)
        return narrowed_plan(scope, self._known, plan, wish.workloads)

    def delete_workload(self, name: str) -> PlanView:
        """Want a workload no more."""

        def change(work: Work) -> PlanView:
            plan = desired.delete(work, name)
            _clear_views(work, plan.removed)
            return plan

        return self._service.call(change)


def _selector(text: str | None) -> tuple[selector.Term, ...]:
    try:
        return selector.parse(text)
    except selector.SelectorError as error:
        raise RefusedError(400, Problem(reason=str(error), field="selector")) from None


def _clear_views(work: Work, names: tuple[str, ...]) -> None:
    """Have the broker forget the views of workloads that are gone."""
    for name in names:
        work.draft.outbox.append(Publication(topic=str(topics.WorkloadView(name)), payload=b""))
