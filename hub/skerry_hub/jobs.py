"""How jobs stand, by what their nodes report. Pure.

A job that has succeeded, or has failed for good, is finished: it is run no more by the hub's own
doing, its instance stays where it is, and what it had reserved is free. That is kept with its
assignment, so that it outlives the node's report, and the node.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from skerry_hub.lifecycle import Finished
from skerry_hub.model import Assignment, Node, Workload
from skerry_hub.state import Draft
from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import InstanceState, InstanceStatus


def finished_of(placed: Iterable[Assignment], nodes: Collection[str]) -> tuple[str, ...]:
    """Return which instances on some nodes are jobs that are finished, sorted."""
    return tuple(sorted(one.id for one in placed if one.finished and one.node in nodes))


def why_finished(one: Assignment) -> str:
    """Say how a job ended for good, empty where it has not."""
    if one.finished is None:
        return ""
    return "it is done" if _succeeded(one.finished.status) else "it has failed for good"


def need_not_run(state: InstanceState, job: JobStatus | None) -> bool:
    """Say whether an instance is a job that is done, or waits for its schedule."""
    if job is None:
        return False
    if state is InstanceState.PENDING:
        return job.next_at is not None and job.runs == 0  # else it waits for another attempt
    return state is InstanceState.EXITED and job.succeeded is True


def follow(draft: Draft, node: Node) -> tuple[Assignment, ...]:
    """Note which jobs on a node are finished by its report, or run again after all.

    Return the assignments that are other than before, as they are now.
    """
    report = node.report
    # What it tells of an older order may be of another job that had the same name.
    if report is None or report.accepted < node.generation:
        return ()
    found = []
    for status in report.instances:
        one = None if status.job is None else draft.assignments.get(status.id)
        if one is None or one.node != node.id or one.revision != status.revision:
            continue
        kept = draft.workloads.get(one.workload)
        after = None if kept is None else _followed(kept.workload, node, one, status)
        if after is not None:
            draft.assignments.put(after.id, after)
            found.append(after)
    return tuple(found)


def _followed(
    workload: Workload, node: Node, one: Assignment, status: InstanceStatus
) -> Assignment | None:
    """Return an instance as its node tells it, None where that is nothing new."""
    is_finished = _is_finished(workload, status)
    if is_finished == (one.finished is not None):
        return None
    if is_finished:
        finished = Finished(incarnation=node.incarnation, status=status)
        return dataclasses.replace(one, finished=finished)
    # Its node runs it again, as after its record of jobs was damaged.
    return dataclasses.replace(one, finished=None)


def _is_finished(workload: Workload, status: InstanceStatus) -> bool:
    # One that tells of a next run has not heard yet that its schedule is gone.
    told = status.job
    once = workload.lifecycle.runs_once and told is not None and told.next_at is None
    return once and told is not None and told.succeeded is not None


def _succeeded(status: InstanceStatus) -> bool:
    return status.job is not None and status.job.succeeded is True
