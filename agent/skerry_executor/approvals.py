"""The two-person rule on the box: whether somebody beside the hub approved what is to run. Pure.

What counts is what the containers are, worked out here from what is about to run; and the keys of
those who approve, which root put on the box. A key that signs orders, or once did, approves
nothing: else the hub, or whoever took it over, were the second person as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from skerry_executor.signed import opened
from skerry_wire import approval, envelope
from skerry_wire.errors import WireError
from skerry_wire.messages import Order
from skerry_wire.workload import Instance

ASKS = "this box asks for an approval of what it runs (approval.required)"


def approvers(by_root: Mapping[str, bytes], order_keys: Collection[bytes]) -> dict[str, bytes]:
    """Return the keys that approve: those for that, less those that sign orders or ever did.

    A retired one is among the latter: the hub had its private half, and may have it still.
    """
    taken = frozenset(order_keys)
    return {name: key for name, key in by_root.items() if key not in taken}


def lacking(order: Order, keys: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield the instances of an order that nobody approved, each with why."""
    for instance in order.instances:
        content = approval.of_instance(instance)
        reason = _lack(instance, content, keys)
        if reason is not None:
            yield instance.id, reason


def _lack(
    instance: Instance, content: approval.ApprovedContent, keys: Mapping[str, bytes]
) -> str | None:
    if not keys:
        return f"{ASKS}, and has no key of anybody who approves"
    if not instance.approvals:
        return f"{ASKS}, and nobody approved {instance.workload}"
    reasons = []
    for data in instance.approvals:
        reason = _against(data, content, keys)
        if reason is None:
            return None
        reasons.append(reason)
    return f"{ASKS}: {'; '.join(dict.fromkeys(reasons))}"


def _against(
    data: bytes, content: approval.ApprovedContent, keys: Mapping[str, bytes]
) -> str | None:
    """Return why an approval does not cover a content; None where it does."""
    sealed = opened(data, keys)
    if isinstance(sealed, str):
        return f"an approval: {sealed.replace('trusted keys', 'keys of those who approve')}"
    try:
        found = envelope.open_approval(sealed)
    except WireError as error:
        return f"an approval: {error}"
    reason = approval.lacks(found, content)
    return None if reason is None else f"the approval by key {sealed.key_id} {reason}"
