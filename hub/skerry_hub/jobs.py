"""How jobs stand, by what their nodes report. Pure.

A job that is done is not run again by the hub's own doing. Its node remembers that, so its instance
stays there: whatever moves instances leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry_hub.model import Assignment, Node, Workload
from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import InstanceState


def done_on(workload: Workload, node: Node) -> frozenset[str]:
    """Return which instances on a node are jobs that are done and are none to come, by id."""
    job = workload.lifecycle.job
    if job is None or job.schedule or node.report is None:
        return frozenset()
    return frozenset(
        one.id
        for one in node.report.instances
        if one.workload == workload.name
        and one.revision == workload.revision
        and one.job is not None
        and one.job.succeeded is True
    )


def done_of(
    workload: Workload, placed: Iterable[Assignment], nodes: Iterable[Node]
) -> tuple[str, ...]:
    """Return which of a workload's instances on some nodes are jobs that are done, sorted."""
    there = {node.id: done_on(workload, node) for node in nodes}
    return tuple(sorted(one.id for one in placed if one.id in there.get(one.node, ())))


def need_not_run(state: InstanceState, job: JobStatus | None) -> bool:
    """Say whether an instance is a job that is done, or waits for its schedule."""
    if job is None:
        return False
    if state is InstanceState.PENDING:
        return job.next_at is not None and job.runs == 0  # else it waits for another attempt
    return state is InstanceState.EXITED and job.succeeded is True
