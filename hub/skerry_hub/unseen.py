"""What is known of what a silent node ran: its last report is old, and nobody sees if it holds.

Pure. Without a lease an instance may run on for as long as its box does, and mostly does while the
node is no more than unreachable; with one it ends soon after the node is heard no more.
"""

from __future__ import annotations

import dataclasses

from skerry_hub.leases import surely_over_s
from skerry_hub.model import Liveness, Node
from skerry_hub.moment import moment
from skerry_hub.state import Kept, Known
from skerry_hub.vacating import lease_of
from skerry_wire.messages import Health, InstanceState, InstanceStatus

_LASTING = (InstanceState.EXITED, InstanceState.FAILED, InstanceState.UNKNOWN)
"""What does not change by itself, or says no more than is said here."""


def as_known(known: Known, node: Node, status: InstanceStatus) -> InstanceStatus:
    """Return what is known of an instance that a node reported."""
    if node.liveness is Liveness.ONLINE or status.state in _LASTING:
        return status
    if status.state is InstanceState.PENDING and status.job is not None:
        return status
    lease_s = _lease_in_force(known.workloads.get(status.workload), node)
    if node.liveness is Liveness.UNREACHABLE and lease_s is None:
        when = f"as of {moment(node.last_seen)}: the node is unreachable"
        reason = f"{status.reason}; {when}" if status.reason else when
        return dataclasses.replace(status, reason=reason)
    assigned = known.assignments.get(status.id)
    is_elsewhere = assigned is not None and assigned.node != node.id
    waited = known.vacating.get(status.id)
    if lease_s is not None and is_elsewhere and (waited is None or waited.at(node.id) is None):
        state, reason = InstanceState.EXITED, "its lease is over: the box has ended it"
    else:
        state, reason = InstanceState.UNKNOWN, f"last seen {status.state} {moment(node.last_seen)}"
        if lease_s is not None:
            end = moment(node.last_seen + surely_over_s(lease_s))
            reason += f", ended by its lease by {end} at the latest"
    return dataclasses.replace(status, state=state, reason=reason, health=Health.NONE)


def _lease_in_force(kept: Kept | None, node: Node) -> float | None:
    """Return the lease that a workload's instances had when the node was last heard."""
    if kept is None or kept.updated_at > node.last_seen:
        return None  # it may have got one since, and the box does not know of it
    return lease_of(kept)
