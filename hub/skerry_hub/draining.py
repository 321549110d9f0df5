"""Nodes that shall take nothing new, or hold nothing any more: taint, cordon, drain. Pure.

Words and meanings are Kubernetes'. Like all that is asked for, it works on a `Work`. Only what an
operator asks for moves anything: a taint alone never does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from skerry_hub.deciding import NEAREST
from skerry_hub.decisions import Asked, Question
from skerry_hub.jobs import finished_of, why_finished
from skerry_hub.model import (
    UNSCHEDULABLE,
    Assignment,
    Change,
    Decision,
    Explanation,
    Node,
    Taint,
    Workload,
)
from skerry_hub.noting import note
from skerry_hub.placement.explain import explain
from skerry_hub.placement.leaving import evacuate
from skerry_hub.views import PlanView, Problem
from skerry_hub.work import RefusedError, Work, put_node, take_over

MAX_TAINTS = 64
CORDON = Taint(key=UNSCHEDULABLE, effect="NoSchedule")

Unset = Collection[tuple[str, str | None]]
"""Keys, each with the effect whose taint goes; without one, those of all its effects go."""


def taint(work: Work, node: Node, put: Sequence[Taint], unset: Unset = ()) -> Node:
    """Give a node taints, and take others away. Of one key and effect the newest value counts."""
    taints = {
        (one.key, one.effect): one
        for one in node.taints
        if (one.key, None) not in unset and (one.key, one.effect) not in unset
    }
    taints.update({(one.key, one.effect): one for one in put})
    if len(taints) > MAX_TAINTS:
        raise RefusedError(400, Problem(reason=f"more than {MAX_TAINTS} taints", field="set"))
    ordered = tuple(taints[key] for key in sorted(taints))
    if ordered != node.taints:
        node = dataclasses.replace(node, taints=ordered)
        put_node(work, node)
    return node


def cordon(work: Work, node: Node) -> Node:
    """Let nothing new come to a node."""
    return node if node.cordoned else taint(work, node, (CORDON,))


def uncordon(work: Work, node: Node) -> Node:
    """Let a node take again what it fits."""
    return taint(work, node, (), {(UNSCHEDULABLE, None)})


def drain(work: Work, node: Node, *, force: bool) -> PlanView:
    """Cordon a node, and move away what other nodes take; one decision for each workload.

    What fits nowhere stays, and is explained; with `force` it is removed. Instances of global
    workloads stay: they are made for this node; and finished jobs. Raises RefusedError for a
    node that is held, since nothing can be ended there.
    """
    if node.diverged is not None:
        reason = f"{node.known_as} is held as diverged, so nothing ends there: adopt or overwrite"
        raise RefusedError(409, Problem(reason=reason))
    work.draft.because("drain")
    node = cordon(work, node)
    changes: list[Change] = []
    unplaced: list[Explanation] = []
    for name in sorted({one.workload for one in work.draft.on_node(node.id)}):
        kept = work.draft.workloads.get(name)
        if kept is None:
            continue
        before = work.draft.of_workload(name)
        if kept.workload.mode == "global":
            changes += [_stays(one, "one on each node") for one in before if one.node == node.id]
            continue
        done = finished_of(before, {node.id})
        changes += [_stays(one, why_finished(one)) for one in before if one.id in done]
        if all(one.id in done for one in before if one.node == node.id):
            continue
        found = evacuated(work, kept.workload, node.id, force=force, done=done)
        changes += found.changes
        unplaced += found.unplaced
    return PlanView(changes=tuple(changes), unplaced=tuple(unplaced))


def evacuated(
    work: Work, workload: Workload, node: str, *, force: bool, done: tuple[str, ...] = ()
) -> PlanView:
    """Move a replicated workload's instances off a node, as `drain` does, but for `done`."""
    first = len(work.draft.steps)
    before = work.draft.of_workload(workload.name)
    decision = evacuate(work.world, workload, before, node, force=force, done=done)
    take_over(work, before, decision)
    leaving = [one for one in before if one.id not in done]
    changes = tuple(_told(decision, leaving, node))
    unplaced = (_explained(work, workload, node),) if decision.unplaced else ()
    asked = (Asked(workload=workload),)
    question = Question(method="evacuate", wanted=asked, node=node, force=force, done=done)
    # Who stays where it is has found no other node, but has one.
    short = tuple(one for one in unplaced if one.placed < one.wanted)
    note(work, first, question, changes, short)
    return PlanView(changes=changes, unplaced=unplaced)


def _told(decision: Decision, before: Sequence[Assignment], node: str) -> list[Change]:
    """Return the steps of the instances that were on the node."""
    there = {one.id for one in before if one.node == node}
    return [
        dataclasses.replace(change, detail="no other node takes it")
        if change.action == "keep"
        else change
        for change in decision.changes
        if change.instance in there
    ]


def _stays(one: Assignment, why: str) -> Change:
    return Change(action="keep", instance=one.id, workload=one.workload, node=one.node, detail=why)


def _explained(work: Work, workload: Workload, node: str) -> Explanation:
    """Return what all other nodes have against one more instance; those that stay are placed."""
    every = work.draft.of_workload(workload.name)
    elsewhere = [one for one in every if one.node != node]
    with work.columns.trial():
        work.columns.remove(node)
        found = explain(work.world, workload, elsewhere, most=NEAREST)
    return dataclasses.replace(found, placed=len(every))
