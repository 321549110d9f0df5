"""A box is shut out: what the hub knows of it follows at once, not only when it has been silent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from skerry_hub.joining.enrolling import Enrolling
from skerry_hub.joining.views import EnrollmentView
from skerry_hub.model import Liveness, Node
from skerry_hub.naming import find_node
from skerry_hub.views import PlanView
from skerry_hub.work import RefusedError, Work, put_node
from skerry_hub.writer.service import Service

REVOKED = "its certificates hold no more"


def _away(node: Node) -> Node:
    """Return a node as it is once its own last word was that it goes: no heartbeat undoes that."""
    if node.presence is not None:
        node = dataclasses.replace(node, presence=dataclasses.replace(node.presence, online=False))
    if node.liveness is Liveness.ONLINE:
        node = dataclasses.replace(node, liveness=Liveness.UNREACHABLE)
    return node


class Shutting:
    """Of nodes by id, or hostname where the hub knows them."""

    def __init__(self, service: Service, enrolling: Enrolling) -> None:
        self._service = service
        self._enrolling = enrolling

    def enrollment(self, name: str) -> EnrollmentView:
        """Return how a node has joined. Raises RefusedError and StoreError."""
        return self._enrolling.enrollment(self._id_of(name))

    def revoke(self, name: str, by: str = "") -> EnrollmentView:
        """Shut a node out, as `by` asks. Raises RefusedError and StoreError.

        What it runs is placed elsewhere once it counts as lost, as with any node that is silent.
        """
        node_id = self._id_of(name)
        found = self._enrolling.revoke(node_id, by)

        def change(work: Work) -> None:
            node = work.draft.nodes.get(node_id)
            if node is None:
                return
            put_node(work, _away(node))
            event = self._service.hub_event(node, "revoked", REVOKED, work.now)
            work.draft.events.append(event)

        self._service.call(change)
        return found

    def forget(self, name: str, forget: Callable[[str], PlanView], by: str = "") -> PlanView:
        """Forget a node, and shut it out where it has joined: else it would come back by itself.

        Raises RefusedError and StoreError.
        """
        node_id = find_node(self._service.known, name).id
        plan = forget(node_id)
        if self._enrolling.has_joined(node_id):
            self._enrolling.revoke(node_id, by)
        return plan

    def _id_of(self, name: str) -> str:
        try:
            return find_node(self._service.known, name).id
        except RefusedError:
            if self._enrolling.has_joined(name):
                return name
            raise
