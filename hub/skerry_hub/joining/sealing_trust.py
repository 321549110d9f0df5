"""The key to which a box's secrets are sealed, as root told it at a join: it counts at once.

Else the hub trusts the first key that it hears of, by way of the broker.
"""

from __future__ import annotations

import base64
import dataclasses

from skerry_hub.joining.records import Enrollment
from skerry_hub.work import Work, put_node
from skerry_hub.writer.service import Service
from skerry_wire.lifecycle import fingerprint_of

EVENT = "sealing_key_trusted"


def trust(service: Service, one: Enrollment) -> None:
    """Have a node that the hub knows already keep this key. Raises RefusedError and StoreError.

    Of one that has not been heard of yet, it is taken when it first appears.
    """
    if one.content.sealing_key is None:
        return
    key = base64.b64decode(one.content.sealing_key)

    def change(work: Work) -> None:
        node = work.draft.nodes.get(one.node)
        if node is None or node.sealing_key == key:
            return
        put_node(work, dataclasses.replace(node, sealing_key=key))
        detail = f"{fingerprint_of(key)}, told at its join"
        work.draft.events.append(service.hub_event(node, EVENT, detail, work.now))

    known = service.known.nodes.get(one.node)
    if known is not None and known.sealing_key != key:
        service.call(change)
