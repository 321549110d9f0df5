"""Publishes the JSON views for other systems: on change, each at most every few seconds.

Nothing here is the record of anything: a view that the broker lost is published again at the next
connection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import orjson

from skerry_hub.fleet.columns import Columns
from skerry_hub.loss import Judgement
from skerry_hub.showing import node_view, workload_view
from skerry_hub.state import Known, Publication
from skerry_hub.views import EventView, NodeView, WorkloadView
from skerry_wire import codec, topics
from skerry_wire.plain_data import for_json

NODE_GAP_S = 5.0
WORKLOAD_GAP_S = 1.0
CHUNK = 200
"""Most views in one go: the hub has other things to do."""
MAX_VIEW_BYTES = 512 * 1024
"""A larger view goes without its instances, which its counts stand for: brokers have limits."""

Publish = Callable[[Publication], None]


def to_json(view: object) -> bytes:
    """Return a view as JSON; what is unknown is null."""
    return orjson.dumps(codec.to_plain(view, nulls=True), default=for_json)


class Broadcast:
    """What is due to be published. One thread."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[str, str]] = {}
        self._sent: dict[str, float] = {}

    def changed(self, nodes: Iterable[str], workloads: Iterable[str]) -> None:
        """Note whose view is out of date."""
        for name in nodes:
            self._due[str(topics.NodeView(name))] = ("node", name)
        for name in workloads:
            self._due[str(topics.WorkloadView(name))] = ("workload", name)

    def send(
        self, known: Known, columns: Columns, by: Judgement, publish: Publish, mono_s: float
    ) -> None:
        """Publish what is due and not too soon after the last time."""
        sent = 0
        for topic, (kind, name) in list(self._due.items()):
            gap = NODE_GAP_S if kind == "node" else WORKLOAD_GAP_S
            if mono_s - self._sent.get(topic, -gap) < gap:
                continue
            del self._due[topic]
            payload = self._payload(known, columns, by, kind, name)
            if payload is None:
                self._sent.pop(topic, None)
                continue  # gone; the outbox clears its topic
            self._sent[topic] = mono_s
            publish(Publication(topic=topic, payload=payload))
            sent += 1
            if sent >= CHUNK:
                return

    @staticmethod
    def _payload(
        known: Known, columns: Columns, by: Judgement, kind: str, name: str
    ) -> bytes | None:
        if kind == "node":
            node = known.nodes.get(name)
            return None if node is None else _fitting(node_view(known, columns, node, by))
        kept = known.workloads.get(name)
        return None if kept is None else _fitting(workload_view(known, kept))


def _fitting(view: NodeView | WorkloadView) -> bytes:
    payload = to_json(view)
    if len(payload) <= MAX_VIEW_BYTES:
        return payload
    return to_json(dataclasses.replace(view, instances=()))


def event_publication(event: EventView) -> Publication:
    """Return an event as other systems get it: once, and not kept."""
    return Publication(
        topic=str(topics.NodeViewEvent(event.node)),
        payload=to_json(event),
        retain=False,
        expiry_s=3600,
    )
