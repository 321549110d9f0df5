"""What changes a node, for the HTTP API: labels, taints, drains, holds, and its end."""

from __future__ import annotations

from collections.abc import Callable

from skerry_hub import adopting, desired, draining, held_orders
from skerry_hub.access.scope import EVERYTHING, Scope, narrowed_plan
from skerry_hub.api import scoping
from skerry_hub.api.requests import DrainRequest, LabelRequest, TaintRequest
from skerry_hub.model import Node
from skerry_hub.naming import find_node
from skerry_hub.showing import node_view
from skerry_hub.state import Known, Publication
from skerry_hub.views import NodeView, PlanView, Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.writer.service import Service
from skerry_wire import topics
from skerry_wire.labels import wrong, wrong_key, wrong_value
from skerry_wire.messages import Order
from skerry_wire.topics import NodeTopic

PROBE_S = 10.0
"""How long a node may take to answer that it looks at its hardware again."""


class NodeAnswers:
    """One method for each change. Any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def _known(self) -> Known:
        return self._service.known

    def label(self, name: str, request: LabelRequest, scope: Scope = EVERYTHING) -> NodeView:
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
        scoping.check_labels(scope, request)

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

    def drain(self, name: str, request: DrainRequest, scope: Scope = EVERYTHING) -> PlanView:
        """Cordon a node and move away what it runs, in one transaction."""

        def change(work: Work) -> PlanView:
            node = find_node(work.draft, name)
            plan = draining.drain(work, node, force=request.force)
            scoping.check_ended(scope, work, plan)
            if not node.cordoned:
                detail = str(draining.CORDON)
                event = self._service.hub_event(node, "cordoned", detail, work.now)
                work.draft.events.append(event)
            detail = _counted(plan)
            work.draft.events.append(self._service.hub_event(node, "drained", detail, work.now))
            return plan

        plan = self._service.call(change, dry=request.dry_run)
        return narrowed_plan(scope, self._known, plan)

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

    def forget(self, name: str, scope: Scope = EVERYTHING) -> PlanView:
        """Forget a node, and what the broker keeps of it."""

        def change(work: Work) -> PlanView:
            node = find_node(work.draft, name)
            plan = desired.forget(work, node)
            kept = (NodeTopic.PRESENCE, NodeTopic.CAPABILITY, NodeTopic.REPORT)
            cleared = [str(topics.Node(node.id, topic)) for topic in (*kept, *topics.TO_NODES)]
            cleared.append(str(topics.NodeView(node.id)))
            work.draft.outbox.extend(Publication(topic=one, payload=b"") for one in cleared)
            return plan

        return narrowed_plan(scope, self._known, self._service.call(change))

    def _shown(self, node: Node) -> NodeView:
        node = self._known.nodes.get(node.id, node)
        return node_view(self._known, self._service.columns, node, self._service.judgement)


def _counted(plan: PlanView) -> str:
    """Return how many instances a drain did what to."""
    actions = [change.action for change in plan.changes]
    moved, removed, stay = (actions.count(one) for one in ("move", "remove", "keep"))
    return f"{moved} moved, {removed} removed, {stay} stay"
