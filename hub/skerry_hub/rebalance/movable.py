"""Which instances a rebalance may move, and why the others stay. Pure.

Only what a move certainly does not harm moves: whatever is not modelled stays where it is.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from skerry_hub.jobs import why_finished
from skerry_hub.model import Assignment, Liveness, Workload
from skerry_hub.placement.about import is_about
from skerry_hub.terms import NODE, Affinity
from skerry_hub.work import Work

LABEL = "skerry.rebalance"
NEVER = "never"
"""A workload whose label LABEL has this value is never moved."""


@dataclasses.dataclass(frozen=True, slots=True)
class Movable:
    """An instance that may move, within its own domain of each of some topologies."""

    assignment: Assignment
    workload: Workload
    within: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Sorted:
    """All instances: those that may move, and those that stay, with how many for which reason."""

    movable: tuple[Movable, ...]
    pinned: tuple[Assignment, ...]
    why: Mapping[str, int]


def sort_out(work: Work) -> Sorted:
    """Return which instances may move, by name of workload and instance."""
    movable: list[Movable] = []
    pinned: list[Assignment] = []
    why: collections.Counter[str] = collections.Counter()
    workloads = sorted(
        (kept.workload for kept in work.draft.workloads.values()), key=lambda one: one.name
    )
    terms = _terms(workloads)
    for workload in workloads:
        within = _within(workload, terms)
        reason = _stays(workload, within)
        for one in work.draft.of_workload(workload.name):
            here = reason or _stays_there(work, workload, one)
            if here:
                if one.finished is None:  # else it takes no room from others
                    pinned.append(one)
                why[here] += 1
                continue
            movable.append(Movable(one, workload, within))
    return Sorted(tuple(movable), tuple(pinned), dict(sorted(why.items())))


def _stays(workload: Workload, within: Sequence[str]) -> str:
    """Return why no instance of a workload moves, or nothing."""
    if workload.mode == "global":
        return "one on each node"
    if workload.labels.get(LABEL) == NEVER:
        return f"label {LABEL} is {NEVER}"
    if any(_is_data(container.mounts) for container in workload.containers):
        return "data on its node: a named volume, or a folder that it writes"
    if NODE in within:
        return "affinity, a preference about others, or spread by node"
    return ""


def _stays_there(work: Work, workload: Workload, one: Assignment) -> str:
    """Return why one instance does not move, or nothing."""
    if one.finished is not None:
        return f"a job, and {why_finished(one)}"
    node = work.draft.nodes.get(one.node)
    if node is None or node.liveness is not Liveness.ONLINE:
        return "its node is not online"
    if node.diverged is not None:
        return "its node is held"
    if one.revision != workload.revision or one.resources != workload.resources:
        return "a change of it is under way"
    return ""


def _is_data(mounts: Sequence[object]) -> bool:
    return any(
        getattr(mount, "kind", "") == "volume"
        or (getattr(mount, "kind", "") == "bind" and not getattr(mount, "read_only", False))
        for mount in mounts
    )


# --- topologies ---------------------------------------------------------------------------


def _terms(workloads: Sequence[Workload]) -> list[Workload]:
    """Return the workloads that have terms about others."""
    return [one for one in workloads if one.placement.affinity]


def is_one_each(workload: Workload) -> Iterator[str]:
    """Give the topologies in whose domains a workload wants one instance at most."""
    for one in workload.placement.affinity:
        if one.anti and not one.weight and one.workload == workload.name:
            yield one.topology


def _within(workload: Workload, terms: Sequence[Workload]) -> tuple[str, ...]:
    """Return the topologies in whose domains nothing about a workload changes by a move."""
    found = {one.topology for one in workload.placement.spread}
    once = set(is_one_each(workload))
    for one in workload.placement.affinity:
        alone = one.anti and not one.weight and one.workload == workload.name
        if not (alone and one.topology in once) and not _is_judged(one):
            found.add(one.topology)
    for other in terms:
        if other.name == workload.name:
            continue
        found |= {
            one.topology
            for one in other.placement.affinity
            if is_about(one, workload) and not _is_judged(one)
        }
    return tuple(sorted(found))


def _is_judged(one: Affinity) -> bool:
    """Say whether a term is left to the engine: whoever leaves a node cannot break it there."""
    return one.anti and not one.weight and one.topology == NODE
