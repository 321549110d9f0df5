"""Where the instances of a workload go: `place`. Pure, and the same for the same fleet.

Equal scores go to the smaller node id; no order of arrival matters. What runs is moved as little
as possible: by nothing that only the hub notices, and by an operator only off a node that does
not fulfil what the workload asks for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Assignment, Change, Decision, Liveness, Workload
from skerry_hub.placement.constraints import MAX_TEXT, clip
from skerry_hub.placement.trial import Candidates, Trial

Outcome = dict[str, tuple[Assignment | None, Assignment | None, str]]
"""What was, what will be, and why, for each instance."""


def place(
    columns: Columns, workload: Workload, current: Sequence[Assignment], *, keep: bool
) -> Decision:
    """Return the assignments that a workload shall have; `columns` is not changed.

    `current` are those that it has, reserved in `columns`. With `keep` (the hub noticed something)
    each of them stays where it is, whatever its node is now; without it (an operator applied) one
    whose node does not satisfy the workload moves, or is removed where no node takes it.

    Too many replicas: first go those that have to leave their node anyway, then those whose node
    is not online, then the highest index. New ones get the lowest free index. A global workload
    has one instance on each node that takes it; `unplaced` counts the nodes that would, had they
    enough left.
    """
    trial = Trial(columns, workload)
    if workload.mode == "global":
        return _place_global(trial, current, keep)
    return _place_replicas(trial, current, keep)


def evacuate(
    columns: Columns, workload: Workload, current: Sequence[Assignment], node: str, *, force: bool
) -> Decision:
    """Return the assignments of a replicated workload that leaves a node; all others stay.

    An instance that no other node takes stays there, or with `force` is removed; `unplaced` counts
    those. `current` are its assignments, reserved in `columns`, which is not changed.
    """
    trial = Trial(columns, workload)
    outcome: Outcome = {one.id: (one, one, "") for one in current}
    candidates = Candidates(trial, (one for one in current if one.node != node), without=node)
    leaving = [one for one in current if one.node == node]
    unplaced = 0
    for before in sorted(leaving, key=lambda one: _rank(workload.name, one.id)):
        after = candidates.place(before.id)
        outcome[before.id] = before, after, "the node is drained"
        if after is None:
            unplaced += 1
            kept, why = (None, "no other node takes it") if force else (before, "")
            outcome[before.id] = before, kept, why
    return _decision(trial, outcome, unplaced)


def reserve_decision(columns: Columns, current: Iterable[Assignment], decision: Decision) -> None:
    """Carry a decision into the columns: what `current` had goes back, the new is reserved."""
    for assignment in current:
        columns.release(assignment)
    for assignment in decision.assignments:
        columns.reserve(assignment)


def instance_id(workload: str, part: int | str) -> str:
    """Return the id of a replica by its index, or of a global workload's instance by its node."""
    return f"{workload}-{part}"


def index_of(workload: str, instance: str) -> int | None:
    """Return the index in a replica's id, None where it is no replica's."""
    text = instance.removeprefix(f"{workload}-")
    if not text.isdecimal() or instance_id(workload, int(text)) != instance:
        return None
    return int(text)


def _rank(workload: str, instance: str) -> tuple[int, str]:
    """Return where an id stands: replicas by index, then everything else."""
    index = index_of(workload, instance)
    return 2**63 if index is None else index, instance


def _place_replicas(trial: Trial, current: Sequence[Assignment], keep: bool) -> Decision:
    workload = trial.workload
    outcome: Outcome = {}
    staying: dict[str, Assignment] = {}
    for before in sorted(current, key=lambda a: _rank(workload.name, a.id), reverse=True):
        if not keep and index_of(workload.name, before.id) is None:
            trial.release(before)
            outcome[before.id] = before, None, "the workload is not global any more"
            continue
        after, why = trial.stay(before, keep=keep)
        outcome[before.id] = before, after, why
        if after is not None:
            staying[before.id] = after
    wanted = workload.replicas
    for instance in sorted(staying, key=lambda name: _surplus_order(trial, staying[name])):
        if len(staying) <= wanted:
            break
        del staying[instance]
        outcome[instance] = outcome[instance][0], None, f"{wanted} wanted"
    unplaced = _fill(trial, staying, outcome)
    return _decision(trial, outcome, unplaced)


def _surplus_order(trial: Trial, assignment: Assignment) -> tuple[bool, int, str]:
    row = trial.columns.row(assignment.node)
    is_online = row is not None and trial.columns.facts(row).liveness is Liveness.ONLINE
    index, instance = _rank(trial.workload.name, assignment.id)
    return is_online, -index, instance


def _fill(trial: Trial, staying: dict[str, Assignment], outcome: Outcome) -> int:
    """Place what is missing, those that had to leave their node before new ones."""
    workload = trial.workload
    missing = workload.replicas - len(staying)
    if missing <= 0:
        return 0
    candidates = Candidates(trial, staying.values())
    left = sorted(
        (instance for instance, (_, after, why) in outcome.items() if after is None and why),
        key=lambda instance: _rank(workload.name, instance),
    )
    movers = [name for name in left if index_of(workload.name, name) is not None][:missing]
    ids = (instance_id(workload.name, index) for index in itertools.count())
    unused = (name for name in ids if name not in staying and name not in outcome)
    names = itertools.chain(movers, itertools.islice(unused, missing - len(movers)))
    for done, name in enumerate(names):
        placed = candidates.place(name)
        if placed is None:
            # The others are alike: none of them finds a node either.
            return missing - done
        left_from, _, why = outcome.get(name, (None, None, ""))
        outcome[name] = left_from, placed, why
    return 0


def _place_global(trial: Trial, current: Sequence[Assignment], keep: bool) -> Decision:
    workload = trial.workload
    outcome: Outcome = {}
    covered: list[int] = []
    for before in sorted(current, key=lambda a: a.id):
        if not keep and before.id != instance_id(workload.name, before.node):
            trial.release(before)
            outcome[before.id] = before, None, "the workload is global now"
            continue
        after, why = trial.stay(before, keep=keep)
        outcome[before.id] = before, after, why
        row = trial.columns.row(before.node)
        if after is not None and row is not None:
            covered.append(row)
    rows = trial.columns.rows()
    rows = rows[~np.isin(rows, covered)]
    rows = rows[trial.mask(rows, used_up=False)]
    passing = trial.mask(rows, used_up=True)
    for row in rows[passing].tolist():
        name = instance_id(workload.name, trial.columns.facts(row).id)
        left_from, _, why = outcome.get(name, (None, None, ""))
        outcome[name] = left_from, trial.assign(name, row), why
    unplaced = sum(map(trial.is_short, rows[~passing].tolist()))
    return _decision(trial, outcome, unplaced)


def _decision(trial: Trial, outcome: Outcome, unplaced: int) -> Decision:
    workload = trial.workload.name
    ordered = [outcome[name] for name in sorted(outcome, key=lambda name: _rank(workload, name))]
    return Decision(
        workload=workload,
        assignments=tuple(after for _, after, _ in ordered if after is not None),
        changes=tuple(_change(before, after, why) for before, after, why in ordered),
        unplaced=unplaced,
    )


def _change(before: Assignment | None, after: Assignment | None, why: str) -> Change:
    """Return what the step from one assignment to the other is for the instance."""
    if after is None:
        if before is None:
            raise AssertionError("an instance that never was cannot be removed")
        return _step("remove", before, why)
    if before is None:
        return _step("create", after, "")
    if before.node != after.node:
        return _step("move", after, f"from {before.node}: {why}")
    if before.revision != after.revision:
        return _step("replace", after, f"revision {before.revision} to {after.revision}")
    if before.devices != after.devices or before.held != after.held:
        return _step("replace", after, "other accelerators")
    return _step("keep", after, "" if before == after else "reserves other resources")


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
