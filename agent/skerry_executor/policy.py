"""What this box allows, whatever the hub orders: its own file, which the hub cannot change.

An order with any violation is refused as a whole and changes nothing: half an order would be a
state that nobody asked for. What is not allowed here is denied; without a file no image is. The
rules themselves are the wire's, so that the hub judges by the same ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from skerry_executor import approvals
from skerry_executor.specs import name_of
from skerry_wire import codec
from skerry_wire.box_policy import MAX_TOLD_BYTES, BoxPolicy, Resolve, reasons, total_reasons
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import Order


@frozen(kw_only=True)
class Violation:
    """Something in an order that the box does not allow. `where` is empty for all together."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


def check(
    order: Order,
    policy: BoxPolicy,
    resolve: Resolve,
    finished: Collection[str] = (),
    approvers: Mapping[str, bytes] | None = None,
) -> tuple[Violation, ...]:
    """Return everything in the order that the policy does not allow.

    `finished` are the instances that are jobs that will not run again: they use nothing any more.
    `approvers` are the keys of those who approve, where the policy asks for approvals.
    """
    found = [
        Violation(where=name_of(instance.id, container.name), reason=reason)
        for instance in order.instances
        for container in instance.containers
        for reason in reasons(container, policy, resolve)
    ]
    running = (instance for instance in order.instances if instance.id not in finished)
    containers = [container for instance in running for container in instance.containers]
    found += [Violation(where="", reason=reason) for reason in total_reasons(containers, policy)]
    if policy.approval.required:
        lacking = approvals.lacking(order, approvers or {})
        found += [Violation(where=where, reason=reason) for where, reason in lacking]
    return tuple(found)


def told(policy: BoxPolicy, resolve: Resolve) -> BoxPolicy | None:
    """Return the policy as others may be told it; None where no message holds it.

    They cannot follow this box's symbolic links, so what the links of its folders lead to stands
    beside them.
    """
    shown = dataclasses.replace(
        policy,
        bind=_with_real(policy.bind, resolve),
        bind_read_only=_with_real(policy.bind_read_only, resolve),
    )
    try:
        codec.from_plain(BoxPolicy, codec.to_plain(shown))
        return shown if len(codec.pack(shown)) <= MAX_TOLD_BYTES else None
    except WireError:
        return None


def _with_real(folders: tuple[str, ...], resolve: Resolve) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*folders, *map(resolve, folders))))
