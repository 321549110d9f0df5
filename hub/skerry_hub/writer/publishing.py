"""What the hub says: publications of the outbox, orders again, views and events, its presence."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Container, Iterable
from typing import Protocol

import structlog

from skerry_hub import metrics
from skerry_hub.fleet.columns import Columns
from skerry_hub.loss import Judgement
from skerry_hub.state import Draft, Known, Publication
from skerry_hub.store_rows import Queued
from skerry_hub.views import HubPresence
from skerry_hub.writer.broadcast import Broadcast, event_publication, to_json
from skerry_hub.writer.issuing import publication
from skerry_hub.writer.resending import Resending
from skerry_wire import __version__, topics

log = structlog.get_logger("publishing")

INSTANCES_LOGGED = 20


class Publisher(Protocol):
    """The way to the broker; `broker.Broker` is one."""

    def publish(self, publication: Publication, token: int | None = None) -> None:
        """Send, if there is a connection."""

    def request(self, node: str, verb: str, payload: bytes, expiry_s: int) -> None:
        """Ask a node."""


class Publishing:
    """One thread. Nothing is kept here that the store does not have."""

    def __init__(self, key_id: Callable[[], str]) -> None:
        self.publisher: Publisher | None = None
        self._key_id = key_id
        self._since = time.time()
        self._broadcast = Broadcast()
        self._resending = Resending()

    def publish(self, one: Publication, token: int | None = None) -> None:
        """Send, if there is a connection."""
        if self.publisher is not None:
            self.publisher.publish(one, token)

    def presence(self, *, online: bool, ceiling_s: float) -> Publication:
        """Return what the hub says of itself, and of how soon boxes come back to a broker."""
        view = HubPresence(
            online=online,
            since=self._since,
            version=__version__,
            order_key=self._key_id(),
            reconnect_s=ceiling_s if online else None,
        )
        return Publication(topic=str(topics.HubPresence()), payload=to_json(view))

    def send(self, queued: Iterable[Queued]) -> None:
        """Send what is in the outbox; it stays there until the broker has it."""
        for one in queued:
            self.publish(one.publication, one.seq)
            where = topics.parse(one.publication.topic)
            if isinstance(where, topics.Node):
                self._resending.sent(where.node, time.monotonic())

    def say_again(self, known: Known, heard: Container[str]) -> None:
        """Say what is retained: the broker may have lost everything."""
        self.all_changed(known)
        for node_id, issued in known.orders.items():
            node = known.nodes.get(node_id)
            if node is not None and node.diverged is None and node_id in heard:
                self.publish(publication(node_id, issued.envelope))

    def resend(self, known: Known, heard: Container[str], node_id: str) -> None:
        """Send a node's order again if the node is there and has not accepted it."""
        node, issued = known.nodes.get(node_id), known.orders.get(node_id)
        if node is None or issued is None or node_id not in heard:
            return
        if self._resending.due(node, time.monotonic()):
            self._resending.sent(node_id, time.monotonic())
            self.publish(publication(node_id, issued.envelope))

    def forget(self, node_id: str) -> None:
        """Note that a node is gone."""
        self._resending.forget(node_id)

    def all_changed(self, known: Known) -> None:
        """Have every view published anew."""
        self._broadcast.changed(known.nodes, known.workloads)

    def settled(
        self, known: Known, draft: Draft, nodes: Collection[str], workloads: Collection[str]
    ) -> None:
        """Tell of what was committed: its orders, its events, and soon the views of these."""
        for node_id, issued in draft.orders.changes.items():
            if issued is not None:
                metrics.ORDERS.inc()
                revisions = sorted(f"{a.id}@{a.revision[:8]}" for a in known.on_node(node_id))
                log.info(
                    "order issued",
                    node=node_id,
                    generation=issued.generation,
                    instances=revisions[:INSTANCES_LOGGED],
                )
        held = [one.workload for node in draft.nodes.changes for one in known.on_node(node)]
        self._broadcast.changed(nodes, {*workloads, *held})

    def tell(self, draft: Draft) -> None:
        """Pass events on to whoever listens now; the store keeps them for all others."""
        for event in draft.events:
            if event.node:
                self.publish(event_publication(event))

    def views(self, known: Known, columns: Columns, by: Judgement) -> None:
        """Publish the views that are due."""
        self._broadcast.send(known, columns, by, self.publish, time.monotonic())


def sides(known: Known, draft: Draft) -> tuple[set[str], set[str]]:
    """Return the nodes and the workloads whose views a draft changes, before it is settled."""
    nodes, workloads = set(draft.nodes.changes), set(draft.workloads.changes)
    for key, after in draft.assignments.changes.items():
        for one in (after, known.assignments.get(key)):
            if one is not None:
                nodes.add(one.node)
                workloads.add(one.workload)
    workloads |= draft.updates.rollouts.changes.keys()
    for key, member in draft.updates.members.changes.items():
        for update in (member, known.updates.members.get(key)):
            if update is not None:
                workloads.add(update.workload)
    return nodes, workloads
