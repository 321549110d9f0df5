"""Renews leases: answers what nodes ask for, each at once, at most so often, and durably nothing.

In the writer's thread, so that an answer and the move of an instance never cross: what is answered
here is remembered before it is said.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Iterable

from skerry_hub import metrics, vacating
from skerry_hub.keys import Signer
from skerry_hub.leases import Leases
from skerry_hub.model import Node
from skerry_hub.state import Known, Publication
from skerry_wire import codec, envelope, topics
from skerry_wire.errors import WireError
from skerry_wire.messages import Grant, LeaseRequest
from skerry_wire.topics import NodeTopic

GAP_S = 1.0
"""A node is answered at most so often; boxes ask every five seconds at most."""
EXPIRY_S = 15
"""An answer that is older says nothing: the shortest lease has ended by then."""

Publish = Callable[[Publication], None]


class Leasing:
    """One thread: the writer's."""

    def __init__(self, keys: Signer, mono_s: float) -> None:
        self.leases = Leases(mono_s)
        self._keys = keys
        self._answered: dict[str, tuple[float, tuple[int, int]]] = {}
        """When, and to which (boot, seq), by node."""

    def answer(
        self,
        requests: Iterable[tuple[str, LeaseRequest]],
        known: Known,
        publish: Publish,
        mono_s: float,
    ) -> list[str]:
        """Answer requests; return the nodes that gave a sign of life by them."""
        results: collections.Counter[str] = collections.Counter()
        alive = []
        for node_id, request in requests:
            node = known.nodes.get(node_id)
            result = self._refused(node, request, mono_s)
            if node is not None and result in ("", "too_often"):
                alive.append(node_id)
            if node is not None and not result:
                result = self._grant(known, node, request, publish, mono_s)
            results[result or "unknown_node"] += 1
        for result, count in results.items():
            metrics.MESSAGES.labels(NodeTopic.LEASE.value, result).inc(count)
        return alive

    def forget(self, node: str) -> None:
        """Note that a node is gone. Until when its leases last is not forgotten."""
        self._answered.pop(node, None)

    def _refused(self, node: Node | None, request: LeaseRequest, mono_s: float) -> str:
        if node is None or node.incarnation != request.incarnation:
            return "unknown_node"
        at, newest = self._answered.get(node.id, (-math.inf, (-1, -1)))
        if (request.boot, request.seq) <= newest:
            return "stale"
        return "too_often" if mono_s - at < GAP_S else ""

    def _grant(
        self, known: Known, node: Node, request: LeaseRequest, publish: Publish, mono_s: float
    ) -> str:
        self._answered[node.id] = mono_s, (request.boot, request.seq)
        instances = vacating.grantable(known, node)
        if not instances:
            return "nothing"
        grant = Grant(
            node=node.id,
            incarnation=node.incarnation,
            challenge=request.challenge,
            instances=instances,
        )
        key = self._keys.for_node(node)
        try:
            sealed = codec.encode(envelope.seal_grant(grant, key.id, key.sign))
        except WireError:
            return "failed"
        self.leases.granted(node.id, instances, mono_s)
        topic = str(topics.Node(node.id, NodeTopic.GRANT))
        publish(Publication(topic=topic, payload=sealed, retain=False, expiry_s=EXPIRY_S, qos=0))
        return "taken"
