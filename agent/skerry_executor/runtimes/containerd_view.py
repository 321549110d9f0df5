"""A container of containerd as one of ours: its labels and its task, in. Pure."""

from __future__ import annotations

from skerry_executor import specs
from skerry_executor.actual import Actual, Phase
from skerry_executor.runtimes import containerd_labels, inspection
from skerry_executor.runtimes.containerd_api import Record, Status, Task
from skerry_executor.runtimes.containerd_labels import Kept
from skerry_wire.messages import Health


def actual_of(record: Record, kept: Kept, task: Task | None) -> Actual | None:
    """Return a container as it is; None for one that is none of ours."""
    labels = record.labels
    if not inspection.ours(labels):
        return None
    count = labels.get(containerd_labels.COUNT, "0")
    restarts = int(count) if count.isdecimal() else 0
    phase = _phase(task, kept, containerd_labels.STATUS in labels, restarts)
    code = kept.ended if task is None else task.exit_status
    running = task is not None and phase is Phase.RUNNING
    is_over = phase in (Phase.EXITED, Phase.RESTARTING)
    return Actual(
        id=record.id,
        name=kept.name,
        node=labels[specs.NODE],
        instance=labels[specs.INSTANCE],
        container=labels[specs.CONTAINER],
        workload=labels[specs.WORKLOAD],
        revision=labels[specs.REVISION],
        spec=labels.get(specs.SPEC, ""),
        devices=labels.get(specs.DEVICES, ""),
        phase=phase,
        pid=task.pid if running and task is not None else None,
        exit_code=code if is_over else None,
        ended_pid=task.pid if is_over and task is not None else None,
        restarts=restarts,
        started_at=kept.started_at,
        health=Health.STARTING if running and kept.check else Health.NONE,
        address=inspection.LOOPBACK if running and not kept.alone else None,
        stop_grace_s=kept.grace_s or inspection.DEFAULT_GRACE_S,
    )


def _phase(task: Task | None, kept: Kept, supervised: bool, restarts: int) -> Phase:
    if task is None:
        return Phase.CREATED if kept.ended is None else Phase.EXITED
    match task.status:
        case Status.RUNNING:
            return Phase.RUNNING
        case Status.PAUSED | Status.PAUSING:
            return Phase.PAUSED
        case Status.CREATED:
            return Phase.CREATED
        case Status.STOPPED:
            is_given_up = 0 < kept.retries <= restarts
            again = kept.restart == "always" or (task.exit_status != 0 and not is_given_up)
            return Phase.RESTARTING if supervised and again else Phase.EXITED
        case _:
            return Phase.UNKNOWN
