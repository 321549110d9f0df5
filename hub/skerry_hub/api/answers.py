"""What the HTTP API answers from: snapshots of the records, and the calls that change them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

from skerry_hub import (
    adopting,
    desired,
    draining,
    held_orders,
    planning,
    round_trip_list,
    selector,
)
from skerry_hub.api.apply_files import asked_for
from skerry_hub.api.documents import DocumentAnswers, put_all
from skerry_hub.api.requests import ApplyRequest, DrainRequest, LabelRequest, TaintRequest
from skerry_hub.deciding import explained
from skerry_hub.decision_list import with_decisions
from skerry_hub.device_list import Wanted, device_views
from skerry_hub.documents import Document
from skerry_hub.event_list import newest
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
from skerry_wire.labels import wrong, wrong_key, wrong_value
from skerry_wire.messages import Order
from skerry_wire.topics import NodeTopic

T = TypeVar("T")
EVENTS_SHOWN = 20
DECISIONS_LOOKED_AT = 50
"""The newest decisions about a workload, among which those are looked for that put it there."""
PROBE_S = 10.0
"""How long a node may take to answer that it looks at its hardware again."""


class Answers:
    """One method for each thing that can be asked. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.documents = DocumentAnswers(service)

    @property
    def _known(self) -> Known:
        return self._service.known

    @property
    def _columns(self) -> Columns:
        return self._service.columns

    # --- reading --------------------------------------------------------------------------

    def nodes(self, where: str | None) -> list[NodeView]:
        """Return the nodes whose labels fit, by hostname."""
        terms, by = _selector(where), self._service.judgement
        found = [
            node_view(self._known, self._columns, node, by)
            for node in list(self._known.nodes.values())
            if selector.fits(terms, node.all_labels)
        ]
        return sorted(found, key=lambda view: (view.hostname, view.id))

    def node(self, name: str) -> NodeDetail:
        """Return one node with its hardware and newest events."""
        node = find_node(self._known, name)
        now = self._looked_at(lambda work: in_force_on(work.world, node.id))
        return NodeDetail(
            node=node_view(self._known, self._columns, node, self._service.judgement),
            hardware=node.capability.hardware if node.capability is not None else None,
            events=newest(self._service.store, EVENTS_SHOWN, node=node.id),
            round_trips=round_trip_list.to_targets(
                self._known, self._service.measuring.network, node
            ),
            reservations=now and now[0],
            maintenance=now and now[1],
        )

    def workloads(self, where: str | None) -> list[WorkloadView]:
        """Return the workloads whose labels fit, by name."""
        return [workload_view(self._known, kept) for kept in self._fitting(where)]

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
        self, where: str | None, node: str | None, workload: str | None
    ) -> list[InstanceView]:
        """Return the instances on a node, of a workload, or whose workload's labels fit."""
        only = find_node(self._known, node) if node is not None else None
        names = {kept.workload.name for kept in self._fitting(where)} if where else None
        found = [
            view
            for view in every_instance(self._known, only)
            if (workload is None or view.workload == workload)
            and (names is None or view.workload in names)
        ]
        return sorted(found, key=lambda view: (view.workload, len(view.id), view.id))

    def devices(
        self, where: str | None, node: str | None, wanted: Wanted, most: int
    ) -> tuple[list[DeviceView], bool]:
        """Return devices of the nodes whose labels fit, and whether there are more than `most`.

        By hostname, then by kind and address. Stops at the limit: a fleet has very many.
        """
        terms = _selector(where)
        nodes = [find_node(self._known, node)] if node else list(self._known.nodes.values())
        fitting = (one for one in nodes if selector.fits(terms, one.all_labels))
        ordered = sorted(fitting, key=lambda one: (one.hostname, one.id))
        found = list(itertools.islice(device_views(self._known, ordered, wanted), most + 1))
        return found[:most], len(found) > most

    def events(self, node: str | None, workload: str | None, limit: int) -> tuple[EventView, ...]:
        """Return the newest events, oldest first; equal ones are one of these."""
        if node is not None:
            try:
                node = find_node(self._known, node).id
            except RefusedError as error:
                if error.status != 404:
                    raise
                # Perhaps one that was forgotten: what it told is still here, by its id.
        return newest(self._service.store, limit, node=node, workload=workload)

    def explain(self, name: str, node: str | None, instance: str | None, most: int) -> Explanation:
        """Return what the nodes, or one, say to a workload, and why its instances are there."""

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
                most=most,
                instance=instance,
                standings=STANDINGS,
            )

        found = self._service.call(look, dry=True)
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

    def _fitting(self, where: str | None) -> list[Kept]:
        terms = _selector(where)
        return [
            kept
            for _, kept in sorted(self._known.workloads.items())
            if selector.fits(terms, kept.workload.labels)
        ]

    # --- changing -------------------------------------------------------------------------

    def apply(self, request: ApplyRequest, *, dry: bool) -> PlanView:
        """Take compose files and documents as what is wanted; with `dry`, only say what changes.

        Documents come first: workloads are placed as they say.
        """
        wish = asked_for(request)

        def put(work: Work, documents: Sequence[Document]) -> tuple[DocumentPlan, ...]:
            return put_all(self._service, work, documents)

        def change(work: Work) -> PlanView:
            plan = planning.decide(work, wish, put)
            _clear_views(work, plan.removed)
            return plan

        def look(work: Work) -> PlanView:
            with work.columns.trial():
                plan = planning.decide(work, wish, put)
            return planning.scored(work, wish, plan)

        return self._service.call(look if dry else change, dry=dry)

    def delete_workload(self, name: str) -> PlanView:
        """Want a workload no more."""

        def change(work: Work) -> PlanView:
            plan = desired.delete(work, name)
            _clear_views(work, plan.removed)
            return plan

        return self._service.call(change)

    def label(self, name: str, request: LabelRequest) -> NodeView:
        """Change the labels that operators gave a node.

        What could not be given any more can be taken away still.
        """
        problems = [
            Problem(reason=reason, field=f"set.{key[:80]}")
            for key, text in request.set.items()
            if (reason := wrong(key, text)) is not None
        ]
        if problems:
            raise RefusedError(400, *problems)

        def change(work: Work) -> Node:
            node = find_node(work.draft, name)
            return desired.label(work, node, request.set, request.unset)

        return self._shown(self._service.call(change))

    def taint(self, name: str, request: TaintRequest) -> NodeView:
        """Give a node taints, and take others away."""
        problems = [
            Problem(reason=reason, field=f"set[{index}]")
            for index, one in enumerate(request.set)
            if (reason := wrong_key(one.key) or wrong_value(one.key, one.value)) is not None
        ]
        if problems:
            raise RefusedError(400, *problems)
        unset = {(one.key, one.effect) for one in request.unset}
        return self._tainted(
            name, "tainted", lambda work, node: draining.taint(work, node, request.set, unset)
        )

    def cordon(self, name: str) -> NodeView:
        """Let nothing new come to a node."""
        return self._tainted(name, "cordoned", draining.cordon)

    def uncordon(self, name: str) -> NodeView:
        """Let a node take again what it fits."""
        return self._tainted(name, "uncordoned", draining.uncordon)

    def _tainted(self, name: str, kind: str, taint: Callable[[Work, Node], Node]) -> NodeView:
        """Change a node's taints; what changes none is no event."""

        def change(work: Work) -> Node:
            before = find_node(work.draft, name)
            node = taint(work, before)
            if node.taints != before.taints:
                detail = ", ".join(map(str, node.taints))[:1024] or "no taint"
                work.draft.events.append(self._service.hub_event(node, kind, detail, work.now))
            return node

        return self._shown(self._service.call(change))

    def drain(self, name: str, request: DrainRequest) -> PlanView:
        """Cordon a node and move away what it runs, in one transaction."""

        def change(work: Work) -> PlanView:
            node = find_node(work.draft, name)
            plan = draining.drain(work, node, force=request.force)
            if not node.cordoned:
                detail = str(draining.CORDON)
                event = self._service.hub_event(node, "cordoned", detail, work.now)
                work.draft.events.append(event)
            detail = _counted(plan)
            work.draft.events.append(self._service.hub_event(node, "drained", detail, work.now))
            return plan

        return self._service.call(change, dry=request.dry_run)

    def probe(self, name: str) -> NodeView:
        """Have a node look at its hardware again; it answers at once, and tells what is new later.

        What is shown is the node as it was asked: what the look finds may still be to come.
        """
        node = find_node(self._known, name)
        reply = self._service.ask(node, "probe", PROBE_S)
        if reply.error is not None:
            raise RefusedError(409, Problem(reason=f"{node.known_as}: {reply.error}"))
        return self._shown(node)

    def overwrite(self, name: str) -> NodeView:
        """End a node's hold: it shall run what this hub wants."""

        def change(work: Work) -> Node:
            node = desired.overwrite(work, find_node(work.draft, name))
            work.draft.events.append(
                self._service.hub_event(node, "overwritten", "this hub's order stands", work.now)
            )
            return node

        return self._shown(self._service.call(change))

    def adopt(self, name: str) -> NodeView:
        """End a node's hold: what it runs is wanted. Asks the node for its order."""
        node = find_node(self._known, name)
        if node.diverged is None:
            raise RefusedError(409, Problem(reason=f"{node.known_as} is not held"))
        reply = self._service.ask(node, "order")
        if reply.error is not None:
            raise RefusedError(409, Problem(reason=f"{node.known_as}: {reply.error}"))
        order, digest = self._verified(node, reply.body)

        def change(work: Work) -> Node:
            present = find_node(work.draft, name)
            adopted = adopting.adopt(work, present, order, digest, reply.body)
            detail = f"order {order.generation}, {len(order.instances)} instances"
            work.draft.events.append(self._service.hub_event(adopted, "adopted", detail, work.now))
            return adopted

        return self._shown(self._service.call(change))

    def _verified(self, node: Node, data: bytes) -> tuple[Order, str]:
        """Return the order that a node says it holds, if it is one that this hub's key signed."""
        try:
            order, digest = held_orders.opened(data, self._service.key.public_keys)
        except held_orders.NotOursError as error:
            reason = f"{node.known_as} holds an order that this hub's key did not sign: {error}"
            raise RefusedError(409, Problem(reason=reason)) from None
        accepted = node.report.accepted if node.report is not None else 0
        if order.generation != accepted:
            reason = (
                f"{node.known_as} sent order {order.generation}, and says it accepted {accepted}; "
                "try again"
            )
            raise RefusedError(409, Problem(reason=reason))
        return order, digest

    def forget(self, name: str) -> PlanView:
        """Forget a node, and what the broker keeps of it."""

        def change(work: Work) -> PlanView:
            node = find_node(work.draft, name)
            plan = desired.forget(work, node)
            kept = (NodeTopic.PRESENCE, NodeTopic.CAPABILITY, NodeTopic.REPORT)
            cleared = [str(topics.Node(node.id, topic)) for topic in (*kept, *topics.TO_NODES)]
            cleared.append(str(topics.NodeView(node.id)))
            work.draft.outbox.extend(Publication(topic=one, payload=b"") for one in cleared)
            return plan

        return self._service.call(change)

    def _shown(self, node: Node) -> NodeView:
        node = self._known.nodes.get(node.id, node)
        return node_view(self._known, self._columns, node, self._service.judgement)


def _selector(text: str | None) -> tuple[selector.Term, ...]:
    try:
        return selector.parse(text)
    except selector.SelectorError as error:
        raise RefusedError(400, Problem(reason=str(error), field="selector")) from None


def _counted(plan: PlanView) -> str:
    """Return how many instances a drain did what to."""
    actions = [change.action for change in plan.changes]
    moved, removed, stay = (actions.count(one) for one in ("move", "remove", "keep"))
    return f"{moved} moved, {removed} removed, {stay} stay"


def _clear_views(work: Work, names: tuple[str, ...]) -> None:
    """Have the broker forget the views of workloads that are gone."""
    for name in names:
        work.draft.outbox.append(Publication(topic=str(topics.WorkloadView(name)), payload=b""))
