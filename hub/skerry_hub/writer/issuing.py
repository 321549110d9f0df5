"""Signs the orders that a draft makes due, and puts them into its outbox, in one transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Container

from skerry_hub import vacating
from skerry_hub.approvals import with_approvals
from skerry_hub.keys import OrderKey, Signer
from skerry_hub.model import Node
from skerry_hub.orders import Issued, Origins, content_of, instances, next_order
from skerry_hub.state import Draft, Publication
from skerry_hub.writer.sealing import Sealing
from skerry_wire import codec, envelope, topics
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope, Order
from skerry_wire.topics import NodeTopic
from skerry_wire.workload import Instance


def issue(
    draft: Draft,
    heard: Container[str],
    keys: Signer,
    now: float,
    sealing: Sealing | None = None,
) -> dict[str, str]:
    """Add an order for each touched node that shall run something else than it was ordered.

    A node of which no report was seen since the hub started gets none (a restored store may know
    less than the node), nor does one that is held. Who may still run elsewhere by a lease is left
    out until it cannot. Returns why an order could not be made, by node.
    """
    vacating.follow(draft, now)
    failures = {}
    origins: Origins = {}
    for node_id in sorted(draft.touched):
        node = draft.nodes.get(node_id)
        if node is None or node.diverged is not None or node_id not in heard:
            continue
        wanted = _wanted(draft, node, origins)
        if sealing is not None:
            wanted = sealing.sealed(draft, node, wanted)
        wanted = with_approvals(draft, node, wanted)
        content = content_of(wanted)
        key = keys.for_node(node)
        issued = draft.orders.get(node_id)
        if not _due(node, issued, wanted, content):
            if issued is not None and issued.incarnation == node.incarnation:
                _sign_anew(draft, issued, key)
            continue
        order = next_order(node, wanted, now)
        try:
            # What its node would refuse to read is not signed.
            codec.from_plain(Order, codec.to_plain(order), strict=True)
            sealed = envelope.seal(order, key.id, key.sign)
        except WireError as error:
            failures[node_id] = f"the order for node {node.known_as} does not fit: {error}"
            continue
        _put(draft, node, order.generation, content, sealed)
    draft.touched.clear()
    return failures


def _wanted(draft: Draft, node: Node, origins: Origins) -> tuple[Instance, ...]:
    assignments = [
        one
        for one in draft.on_node(node.id)
        if not vacating.waits(draft, one)
        # A box that was installed anew has forgotten which jobs are finished.
        and (one.finished is None or one.finished.incarnation == node.incarnation)
    ]
    names = {one.workload for one in assignments}
    found = {name: kept.workload for name in names if (kept := draft.workloads.get(name))}
    return instances(assignments, found, origins, draft.updates.former)


def _due(node: Node, issued: Issued | None, wanted: tuple[Instance, ...], content: str) -> bool:
    if issued is None or issued.incarnation != node.incarnation:
        # A node that never ran anything of ours needs no order to run nothing.
        return bool(wanted) or (node.report is not None and node.report.accepted > 0)
    return issued.content != content or issued.generation != node.generation


def _sign_anew(draft: Draft, issued: Issued, key: OrderKey) -> None:
    """Have an order that stands signed with the key that its node trusts now; it stays the same."""
    sealed = None
    if not issued.key_id:
        sealed = codec.decode(Envelope, issued.envelope)
        issued = dataclasses.replace(issued, key_id=sealed.key_id)
    if issued.key_id == key.id:
        return
    sealed = sealed or codec.decode(Envelope, issued.envelope)
    data = codec.encode(envelope.signed_anew(sealed, key.id, key.sign))
    draft.orders.put(issued.node, dataclasses.replace(issued, envelope=data, key_id=key.id))
    draft.outbox.append(publication(issued.node, data))


def _put(draft: Draft, node: Node, generation: int, content: str, sealed: Envelope) -> None:
    data = codec.encode(sealed)
    draft.nodes.put(
        node.id,
        dataclasses.replace(node, generation=generation, digest=envelope.digest_of(sealed.payload)),
    )
    draft.orders.put(
        node.id,
        Issued(
            node=node.id,
            incarnation=node.incarnation,
            generation=generation,
            content=content,
            envelope=data,
            key_id=sealed.key_id,
        ),
    )
    draft.outbox.append(publication(node.id, data))


def publication(node_id: str, data: bytes) -> Publication:
    """Return how an order reaches its node."""
    return Publication(topic=str(topics.Node(node_id, NodeTopic.ORDER)), payload=data)
