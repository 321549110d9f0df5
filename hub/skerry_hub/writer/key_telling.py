"""Tells nodes the changes of the order key that they lack, and ends a change that all have taken.

Part of the writer's thread. What is told is retained: a box that comes back while the hub is away
finds it, before the order that is signed with the new key or after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from skerry_hub.access import audit
from skerry_hub.keys import OrderKey, OrderKeyError, Signer
from skerry_hub.model import Node
from skerry_hub.order_keys import OrderKeys, RotationError
from skerry_hub.state import Known, Publication
from skerry_hub.store import Store
from skerry_hub.store_error import StoreError
from skerry_wire import envelope, topics
from skerry_wire.messages import Envelope, Targets
from skerry_wire.topics import NodeTopic

log = structlog.get_logger("key_telling")

LOOK_S = 1.0
"""How often it is looked what nodes lack."""
TOLD_MOST = 500
"""Nodes that are told at one look: a hub that starts has other things to say."""
AGAIN_S = 600.0
"""A node that still lacks what it was told is told again: it may have forgotten."""
RETIRE_AGAIN_S = 60.0
HUB = "hub"
"""Who does in the audit log what the hub does by itself."""


def sealed_targets(targets: Targets, keys: Signer, node: Node | None) -> Envelope:
    """Return the targets of a node as they are sent to it."""
    key = keys.for_node(node)
    return envelope.seal_targets(targets, key.id, key.sign)


class KeyTelling:
    """Those of one hub."""

    def __init__(
        self, keys: OrderKeys | OrderKey, publish: Callable[[Publication], None], store: Store
    ) -> None:
        """`publish` sends, if there is a connection. `store` has the audit log.

        One key alone never changes.
        """
        self._store = store
        self._keys = keys if isinstance(keys, OrderKeys) else None
        self._publish = publish
        self._told: dict[str, tuple[tuple[int, int], float]] = {}
        """The first and the last change of what each node was told last, and when."""
        self._look_at = self._retire_at = 0.0
        self._seen = 0

    def say_again(self) -> None:
        """Tell every node again what it lacks: the broker may have lost it."""
        self._told.clear()
        self._look_at = 0.0

    def look(self, known: Known, mono_s: float) -> None:
        """Tell nodes what they lack, when it is time."""
        keys = self._keys
        if keys is None:
            return
        record = keys.record
        if not record.changes or (mono_s < self._look_at and record.sequence == self._seen):
            return
        self._look_at, self._seen = mono_s + LOOK_S, record.sequence
        told = 0
        for node in list(known.nodes.values()):
            lacking = keys.lacking(node)
            if not lacking:
                self._told.pop(node.id, None)
                continue
            what = lacking[0].sequence, lacking[-1].sequence
            before, at = self._told.get(node.id, ((0, 0), 0.0))
            if before == what and mono_s - at < AGAIN_S:
                continue
            self._told[node.id] = what, mono_s
            topic = str(topics.Node(node.id, NodeTopic.KEYS))
            self._publish(Publication(topic=topic, payload=keys.message_of(lacking)))
            told += 1
            if told == TOLD_MOST:
                self._look_at = 0.0
                return
        self._told = {node: what for node, what in self._told.items() if node in known.nodes}
        self._end(keys, known, mono_s)

    def _end(self, keys: OrderKeys, known: Known, mono_s: float) -> None:
        """Retire the old key once every node trusts the next one."""
        old, following = keys.id, keys.next
        if following is None or mono_s < self._retire_at:
            return
        if keys.without(known.nodes.values()):
            return
        facts = {"subject": old, "next": following.id, "boxes": str(len(known.nodes))}
        try:
            with audit.noted(self._store, HUB, "key retire", **facts):
                keys.retire(time.time())
        except (RotationError, OrderKeyError, StoreError) as error:
            self._retire_at = mono_s + RETIRE_AGAIN_S
            # Once it signs no more, what failed came after: a file's name, or the outcome's row.
            what = "cannot be retired" if keys.id == old else "is retired, but not all is in order"
            log.error(f"the old order key {what}", reason=str(error))
        if keys.id != old:
            self._look_at = 0.0  # nodes are to be told that it is retired
