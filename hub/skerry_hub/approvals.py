"""The two-person rule at the hub: approvals that were given, and who asks for one. Pure.

The hub only keeps and passes them on: it can neither make one nor judge one, for the keys of those
who approve are on the boxes. An approval is for a content, whatever its number in the history: what
goes back to an earlier content, or comes to another box, needs no new one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from skerry_hub.approval_records import KeptApproval, KeptApprovals
from skerry_hub.model import Node, Workload
from skerry_hub.state import Draft
from skerry_hub.views import Problem
from skerry_wire import approval, codec, envelope
from skerry_wire.box_policy import Approvals
from skerry_wire.errors import WireError
from skerry_wire.messages import Envelope
from skerry_wire.workload import Instance

MOST_OF_A_WORKLOAD = 200
"""Contents of one workload of which approvals are kept, the newest."""
NAMED = 5


def content_of(workload: Workload) -> approval.ApprovedContent:
    """Return what there is to approve of a workload."""
    return approval.content_of(
        workload.name,
        workload.containers,
        shared_network=workload.lifecycle.shared_network,
        placed_devices=bool(workload.resources.devices),
    )


def keep(draft: Draft, data: bytes, now: float) -> KeptApprovals:
    """Keep an approval, and have the boxes that run its workload ordered anew. Raises WireError."""
    sealed = codec.decode(Envelope, data, most=approval.MAX_APPROVAL_BYTES)
    found = envelope.open_approval(sealed)
    key = _key(found.workload, found.digest)
    before = draft.approvals.get(key)
    others = tuple(one for one in before.approvals if one.key_id != sealed.key_id) if before else ()
    fresh = KeptApproval(key_id=sealed.key_id, at=now, envelope=data)
    kept = KeptApprovals(
        workload=found.workload,
        digest=found.digest,
        approvals=(*others, fresh)[-approval.MAX_APPROVALS :],
    )
    draft.approvals.put(key, kept)
    _forget_oldest(draft, found.workload)
    draft.touched.update(one.node for one in draft.of_workload(found.workload))
    return kept


def of_content(draft: Draft, content: approval.ApprovedContent) -> tuple[KeptApproval, ...]:
    """Return the approvals that were given for a content."""
    kept = draft.approvals.get(_key(content.workload, approval.digest_of(content)))
    return kept.approvals if kept is not None else ()


def asked_by(node: Node) -> Approvals | None:
    """Return whose approvals a node asks for, None where it asks for none."""
    policy = node.capability.hardware.policy if node.capability is not None else None
    return policy.approval if policy is not None and policy.approval.required else None


def with_approvals(draft: Draft, node: Node, wanted: Sequence[Instance]) -> tuple[Instance, ...]:
    """Return what a node shall run with its approvals, where it asks for them.

    No other node gets any: one of an earlier version would refuse an order that has them.
    """
    if asked_by(node) is None:
        return tuple(wanted)
    return tuple(
        dataclasses.replace(one, approvals=tuple(each.envelope for each in found))
        if (found := of_content(draft, approval.of_instance(one)))
        else one
        for one in wanted
    )


def lacking(draft: Draft, workload: Workload) -> list[Node]:
    """Return the nodes that would refuse a workload because nobody whom they know approved it."""
    found = []
    content: approval.ApprovedContent | None = None
    for node_id in sorted({one.node for one in draft.of_workload(workload.name)}):
        node = draft.nodes.get(node_id)
        asked = asked_by(node) if node is not None else None
        if node is None or asked is None:
            continue
        content = content or content_of(workload)
        given = [one for one in of_content(draft, content) if one.key_id in asked.keys]
        if not any(_covers(one, content) for one in given):
            found.append(node)
    return found


def warnings(draft: Draft, workloads: Iterable[Workload]) -> Iterator[Problem]:
    """Say of each workload which nodes will refuse it for want of an approval.

    A node refuses an order as a whole: so what else there is unapproved on their nodes is named,
    too. In a simulation nobody knows what was approved, as nobody knows secrets.
    """
    if draft.secrets is None:
        return
    names = {one.name for one in workloads}
    kept = {name: found.workload for name in names if (found := draft.workloads.get(name))}
    for name, workload in sorted(kept.items()):
        if nodes := lacking(draft, workload):
            yield Problem(
                reason=f"{name}: will be refused by {_named(nodes)}: asks for an approval, and "
                "nobody whose key is there approved this content (skerry approve)"
            )
    hosts = {one.node for name in kept for one in draft.of_workload(name)}
    asking = {one for one in hosts if (node := draft.nodes.get(one)) and asked_by(node)}
    others = {one.workload for host in asking for one in draft.on_node(host)} - names
    for name in sorted(others):
        other = draft.workloads.get(name)
        nodes = [one for one in lacking(draft, other.workload) if one.id in asking] if other else []
        if nodes:
            yield Problem(
                reason=f"{name}, which is not approved, holds up on {_named(nodes)} what is new "
                "there with this: a box refuses an order as a whole (skerry approve wanted)"
            )


def _named(nodes: Sequence[Node]) -> str:
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return ", ".join(node.known_as for node in nodes[:NAMED]) + more


def _covers(given: KeptApproval, content: approval.ApprovedContent) -> bool:
    try:
        found = envelope.open_approval(codec.decode(Envelope, given.envelope))
    except WireError:
        return False
    return approval.lacks(found, content) is None


def _forget_oldest(draft: Draft, workload: str) -> None:
    of_it = [one for one in draft.approvals.values() if one.workload == workload]
    of_it.sort(key=lambda one: one.approvals[-1].at, reverse=True)
    for one in of_it[MOST_OF_A_WORKLOAD:]:
        draft.approvals.remove(_key(one.workload, one.digest))


def _key(workload: str, digest: str) -> str:
    return f"{workload}/{digest}"
