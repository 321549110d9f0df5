"""What becomes of each instance of a workload: a decision with its steps, and names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from skerry_hub.model import Assignment, Change, Decision, Workload
from skerry_hub.placement.constraints import MAX_TEXT, clip

Outcome = dict[str, tuple[Assignment | None, Assignment | None, str]]
"""What was, what will be, and why, for each instance."""
_NOTHING: Mapping[str, str] = {}


def instance_id(workload: str, part: int | str) -> str:
    """Return the id of a replica by its index, or of a global workload's instance by its node."""
    return f"{workload}-{part}"


def index_of(workload: str, instance: str) -> int | None:
    """Return the index in a replica's id, None where it is no replica's."""
    text = instance.removeprefix(f"{workload}-")
    if not text.isdecimal() or instance_id(workload, int(text)) != instance:
        return None
    return int(text)


def rank_of(workload: str, instance: str) -> tuple[int, str]:
    """Return where an id stands: replicas by index, then everything else."""
    index = index_of(workload, instance)
    return 2**63 if index is None else index, instance


def decision_of(
    workload: Workload, outcome: Outcome, unplaced: int, though: Mapping[str, str] = _NOTHING
) -> Decision:
    """Return what was decided, the instances by their index.

    `though` says of those that stay in place what their node does not fulfil.
    """
    name = workload.name
    names = sorted(outcome, key=lambda one: rank_of(name, one))
    ordered = [outcome[one] for one in names]
    return Decision(
        workload=name,
        assignments=tuple(after for _, after, _ in ordered if after is not None),
        changes=tuple(_change(*outcome[one], though.get(one, "")) for one in names),
        unplaced=unplaced,
    )


def _change(before: Assignment | None, after: Assignment | None, why: str, though: str) -> Change:
    """Return what the step from one assignment to the other is for the instance."""
    if after is None:
        if before is None:
            raise AssertionError("an instance that never was cannot be removed")
        return _step("remove", before, why)
    if before is None:
        return _step("create", after, "")
    if before.node != after.node:
        return _step("move", after, f"from {before.node}: {why}")
    though = f"stays, though {though}" if though else ""
    if before.revision != after.revision:
        what = between(before.revision, after.revision)
        return _step("replace", after, _joined(what, though))
    if _given(before) != _given(after):
        return _step("replace", after, _joined("other devices", though))
    changed = "" if before == after else "reserves other resources"
    return _step("keep", after, _joined(changed, though))


def between(before: str, after: str) -> str:
    """Return what a step from one revision to another does, in words."""
    return f"revision {before} to {after}"


def _given(one: Assignment) -> tuple[object, ...]:
    return one.devices, one.cdi_devices, one.held


def _joined(*texts: str) -> str:
    return "; ".join(filter(None, texts))


def _step(
    action: Literal["create", "replace", "move", "remove", "keep"],
    assignment: Assignment,
    detail: str,
) -> Change:
    return Change(
        action=action,
        instance=assignment.id,
        workload=assignment.workload,
        node=assignment.node,
        detail=clip(detail, MAX_TEXT),
    )
