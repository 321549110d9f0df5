"""What the hub is told: the content of a report, and the events that lie between two states."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from skerry_agent.state import State
from skerry_wire.hardware import Hardware
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import EventKind, Health, InstanceState, InstanceStatus, Report

Told = tuple[EventKind, str, str]
"""Kind, subject and detail of an event."""

_KIND_OF_STATE = {
    InstanceState.RUNNING: EventKind.RUNNING,
    InstanceState.EXITED: EventKind.EXITED,
    InstanceState.FAILED: EventKind.FAILED,
}


MOST_PROBLEMS = 16
MOST_GONE = 8
"""Most devices that are gone of which each has a problem of its own."""
MOST_LISTED = 8


def problems(state: State) -> tuple[str, ...]:
    """Return the box's own troubles, in words."""
    own = (
        state.executor_problem,
        state.lease_problem,
        state.journal_problem,
        state.label_problem,
        state.hotplug_problem,
        state.targets_problem,
        state.keys.problem,
        state.shared.problem,
        state.machine_problem,
        state.enrollment_problem,
        state.renewal.problem,
    )
    told = [*filter(None, own), *_gone(state), *state.outcome.problems]
    return tuple(problem[:1000] for problem in told)[:MOST_PROBLEMS]


def _gone(state: State) -> list[str]:
    """Return a problem for each device node that instances use and that is not there."""
    gone = [path for path, seen in state.nodes_there.items() if not seen]
    told = [f"{path} is gone; used by {listed(state.uses[path])}" for path in gone[:MOST_GONE]]
    if len(gone) > MOST_GONE:
        told.append(f"{len(gone) - MOST_GONE} more devices in use are gone")
    return told


def listed(names: Sequence[str]) -> str:
    """Return names separated by commas, the first few only when there are many."""
    shown = ", ".join(names[:MOST_LISTED])
    left_out = len(names) - MOST_LISTED
    return shown if left_out <= 0 else f"{shown} and {left_out} more"


def content(state: State) -> dict[str, Any]:
    """Return the fields of a report, but for its stamp."""
    return {
        "accepted": state.outcome.accepted,
        "generation": state.reached_generation,
        "digest": state.outcome.digest,
        "refusal": state.outcome.refusal,
        "problems": problems(state),
        "instances": _bounded(state.outcome.instances),
        "sealing_key": state.sealing_key,
        "keys": state.keys.standing,
    }


def _bounded(instances: tuple[InstanceStatus, ...]) -> tuple[InstanceStatus, ...]:
    """Shorten what people read where so many instances would not fit a message."""
    if len(instances) <= 64:
        return instances
    return tuple(
        dataclasses.replace(
            status,
            reason=status.reason and status.reason[:80],
            container_ids=tuple(name[:12] for name in status.container_ids[:4]),
            update=_short(status.update, 80 if len(instances) <= 256 else 16),
        )
        for status in instances
    )


def _short(update: UpdateStatus | None, most: int) -> UpdateStatus | None:
    return None if update is None else dataclasses.replace(update, reason=update.reason[:most])


def same(report: Report, fields: dict[str, Any]) -> bool:
    """Say whether a report already says this."""
    return all(getattr(report, name) == value for name, value in fields.items())


def instance_changes(before: Outcome, after: Outcome) -> Iterator[Told]:
    """Yield an event for each instance that came to run, ended, failed or went."""
    old = {status.id: status for status in before.instances}
    new = {status.id: status for status in after.instances}
    for status in after.instances:
        kind = _KIND_OF_STATE.get(status.state)
        if kind is not None and _differs(old.get(status.id), status):
            yield kind, status.id, _detail(status)
        turn = _health_turn(old.get(status.id), status)
        if turn is not None:
            yield turn, status.id, status.reason or ""
        if _went_wrong(old.get(status.id), status):
            yield EventKind.FAILED, status.id, _update_detail(status.update)
    for gone in old.keys() - new.keys():
        yield EventKind.REMOVED, gone, ""


def _differs(old: InstanceStatus | None, new: InstanceStatus) -> bool:
    if old is None:
        return True
    return (old.state, old.revision, old.restarts, _reason(old), old.container_ids) != (
        new.state,
        new.revision,
        new.restarts,
        _reason(new),
        new.container_ids,
    )


def _reason(status: InstanceStatus) -> str | None:
    """Return its reason, but for why its health check failed: that has events of its own."""
    return None if _is_checked(status) else status.reason


def _is_checked(status: InstanceStatus) -> bool:
    well = status.health in (Health.NONE, Health.HEALTHY)
    return status.state is InstanceState.RUNNING and not well


def _health_turn(old: InstanceStatus | None, new: InstanceStatus) -> EventKind | None:
    """Return the event of an instance that became unhealthy, or well after it was."""
    was = old is not None and old.health is Health.UNHEALTHY
    if new.state is not InstanceState.RUNNING or was is (new.health is Health.UNHEALTHY):
        return None
    if not was:
        return EventKind.UNHEALTHY
    return EventKind.HEALTHY if new.health is Health.HEALTHY else None


def _went_wrong(old: InstanceStatus | None, new: InstanceStatus) -> bool:
    """Say whether it came out just now that another revision does not do."""
    if new.update is None or new.update.state not in ("rolled_back", "failed"):
        return False
    before = None if old is None else old.update
    return before is None or (before.revision, before.state) != (
        new.update.revision,
        new.update.state,
    )


def _update_detail(update: UpdateStatus | None) -> str:
    if update is None:
        return ""
    words = update.state.replace("_", " ")
    return f"revision {update.revision} {words}: {update.reason}"[:1024]


def _detail(status: InstanceStatus) -> str:
    reason = _reason(status)
    if reason:
        return reason
    if status.state is InstanceState.EXITED:
        return f"exit code {status.exit_code}"
    return f"restarted {status.restarts} times" if status.restarts else ""


def device_changes(before: Hardware, after: Hardware) -> Iterator[Told]:
    """Yield an event for each device that was plugged or unplugged."""
    old, new = _devices(before), _devices(after)
    for subject in sorted(old.keys() - new.keys()):
        yield EventKind.UNPLUGGED, subject, old[subject]
    for subject in sorted(new.keys() - old.keys()):
        yield EventKind.PLUGGED, subject, new[subject]


def _devices(hardware: Hardware) -> dict[str, str]:
    found = {}
    for usb in hardware.usb:
        ids = f"{usb.vendor}:{usb.product}" if usb.vendor else ""
        found[f"usb {usb.path}"] = f"{ids} {usb.product_name or ''}".strip()
    for pci in hardware.pci:
        found[f"pci {pci.address}"] = f"{pci.vendor}:{pci.device} {pci.device_name or ''}".strip()
    for disk in hardware.storage:
        found[f"disk {disk.name}"] = disk.model or ""
    for nic in hardware.nics:
        if nic.hardware:
            found[f"nic {nic.name}"] = nic.driver or ""
    for accelerator in hardware.accelerators:
        found[f"{accelerator.kind} {accelerator.address}"] = accelerator.model
    return found
