"""What a wait that ran out of time still waits for, instance by instance. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from skerry_cli.job_records import need_not_run
from skerry_cli.records import Instance, Workload
from skerry_cli.rollout_records import InstanceUpdate, RolloutDetail

MOST = 20
"""Instances that are named; `skerry describe workload` has all."""


def awaited(workload: Workload, detail: RolloutDetail | None) -> list[str]:
    """Return a line for each instance of a workload that is not as it shall be.

    `detail`: of the rollout under way, which knows why an instance is not updated yet.
    """
    updates = {} if detail is None else {(one.instance, one.node): one for one in detail.instances}
    missing = workload.wanted - workload.placed
    lines = []
    if missing > 0:
        lines.append(
            f"  {missing} of {workload.wanted} found no node: skerry explain {workload.name}"
        )
    found = [
        f"  {one.id} on {one.where}: {why}"
        for one in workload.instances
        if (why := "; ".join(_why(one, updates.get((one.id, one.node)))))
    ]
    lines += found[:MOST]
    if len(found) > MOST:
        rest = len(found) - MOST
        lines.append(f"  and {rest} more: skerry describe workload {workload.name}")
    return lines


def _why(instance: Instance, update: InstanceUpdate | None) -> Iterator[str]:
    """Give what is amiss with an instance; nothing where it is as it shall be."""
    done = need_not_run(instance.state, instance.job) and instance.current
    works = instance.state == "running" and instance.current
    if not done and not works:
        older = "" if instance.current else " at an older revision"
        yield _with(instance.state + older, instance.reason)
    if works and instance.health in ("starting", "unhealthy"):
        yield _with(instance.health, instance.reason)
    if update is not None and update.state != "done":
        told = update.reason if update.reason != instance.reason else ""
        yield _with(f"its update is {_STATES.get(update.state, update.state)}", told)


_STATES = {"updating": "under way", "held": "held back", "waiting": "not begun"}


def _with(state: str, reason: str | None) -> str:
    return f"{state}: {reason}" if reason else state
