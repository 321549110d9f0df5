"""What makes an instance impossible by its lease, or as a job. Pure."""

from __future__ import annotations

from skerry_wire.schedule import ScheduleError, parse
from skerry_wire.workload import Instance


def lifecycle_fault(instance: Instance) -> str | None:
    """Return why an instance cannot be had as ordered, although its schema allows it."""
    if instance.lease is not None:
        for container in instance.containers:
            if container.pid == "host":
                # The end of its first process would not end the others.
                return (
                    f"{container.name}: pid host cannot have a lease: its processes may outlive it"
                )
    if instance.job is not None and instance.job.schedule:
        try:
            parse(instance.job.schedule)
        except ScheduleError as error:
            return f"its schedule {instance.job.schedule!r} is none: {error}"
    return None
