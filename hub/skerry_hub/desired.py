"""What is asked for, and what that changes: apply, delete, labels, overwrite, fill. Pure.

Every function here works on a `Work`: a draft of the records and columns of its own. Whether the
draft is committed or thrown away (a plan) is the caller's affair, and changes nothing in it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from skerry_hub.deciding import Wanted, completed, decide, grouped
from skerry_hub.decisions import Asked, Question
from skerry_hub.model import (
    Change,
    Decision,
    Liveness,
    Node,
    Workload,
)
from skerry_hub.noting import note
from skerry_hub.placement.contradiction import MAX_REQUEST
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.governance import policies_of
from skerry_hub.placement.limits import new_limits
from skerry_hub.policy_checks import refused
from skerry_hub.rollout.beginning import (
    Prepared,
    begin,
    check_place,
    check_second_set,
    keep,
    surge_of,
)
from skerry_hub.rollout.planning import as_they_run, plans
from skerry_hub.rollout.records import Cause, RevisionRecord
from skerry_hub.secret_use import with_versions
from skerry_hub.state import Draft
from skerry_hub.views import PlanView, Problem, WantedRevision
from skerry_hub.work import RefusedError, Work, put_node, take_over
from skerry_hub.workloads.source import NOWHERE, Source
from skerry_wire.lifecycle import fingerprint_of

MAX_LABELS = 256
NO_SOURCES: Mapping[str, Source] = {}
LAST_GENERATION = 2**53 - 1
"""There is no order after this one: a node that claims it was lied to, or lies."""


def apply(
    work: Work,
    workloads: Sequence[Workload],
    *,
    prune: bool,
    sources: Mapping[str, Source] = NO_SOURCES,
    cause: Cause = "apply",
    back_to: int = 0,
) -> PlanView:
    """Take workloads as what is wanted, decide where they go, and begin their rollouts.

    Of those that say nothing new, too, an instance leaves a node that no longer does for it: its
    device was unplugged, a label, taint or policy is another one. A limit on distance, cost or data
    holds for what runs when it is asked for anew; times and prices change by themselves.
    """
    work.draft.because(cause)
    workloads = with_versions(work, workloads, sources, anew=cause == "apply")
    _check_owners(work, workloads, sources)
    _check_policies(work, workloads, sources)
    named = {workload.name for workload in workloads}
    projects = {workload.project for workload in workloads}
    orphans = sorted(
        kept.workload.name
        for kept in work.draft.workloads.values()
        if kept.workload.project in projects and kept.workload.name not in named
    )
    changes: list[Change] = []
    for name in orphans if prune else ():
        changes += _remove(work, name)
    sorted_: dict[str, list[str]] = {"created": [], "updated": [], "unchanged": []}
    wanted, prepared = [], []
    for workload in sorted(workloads, key=lambda one: one.name):
        kept = work.draft.workloads.get(workload.name)
        limits = new_limits(None if kept is None else kept.workload, workload)
        source = sources.get(workload.name, NOWHERE)
        one = keep(work, workload, cause=cause, back_to=back_to, source=source)
        prepared.append(one)
        sorted_[one.kind].append(workload.name)
        wanted.append(Wanted(one.workload, keep=False, limits=limits))
    outcome = decide(work, wanted, may_preempt=True)
    changes += as_they_run(work, prepared, outcome.changes)
    short = {one.workload: one for one in outcome.unplaced}
    for one in prepared:
        name = one.workload.name
        check_second_set(one, short.get(name), sources.get(name, NOWHERE))
        check_place(work, one, short.get(name), sources.get(name, NOWHERE))
        begin(work, one)
    return PlanView(
        changes=tuple(changes),
        created=tuple(sorted_["created"]),
        updated=tuple(sorted_["updated"]),
        unchanged=tuple(sorted_["unchanged"]),
        removed=tuple(orphans) if prune else (),
        orphans=() if prune else tuple(orphans),
        unplaced=outcome.unplaced,
        revisions=tuple(_revisions(work, prepared)),
        rollouts=tuple(plans(work.draft, _updated(prepared))),
    )


def _updated(prepared: Iterable[Prepared]) -> Iterator[str]:
    return (one.workload.name for one in prepared if one.rolls and one.before)


def _revisions(work: Work, prepared: Iterable[Prepared]) -> Iterator[WantedRevision]:
    for one in prepared:
        # What was never changed since histories are kept has none: it is its first.
        number = work.draft.updates.number(one.workload.name) or 1
        yield WantedRevision(workload=one.workload.name, number=number)


def undo(work: Work, revision: RevisionRecord, cause: Cause = "undo") -> PlanView:
    """Want what a workload was at a revision of its history, as many of it as now.

    How it is updated, and what becomes of it where nobody hears of it, stays as it is now. Raises
    RefusedError.
    """
    kept = work.draft.workloads.get(revision.workload)
    if kept is None:
        raise RefusedError(404, Problem(reason=f"there is no workload {revision.workload}"))
    now, then = kept.workload, revision.content
    lifecycle = dataclasses.replace(
        now.lifecycle, job=then.lifecycle.job, shared_network=then.lifecycle.shared_network
    )
    replicas = now.replicas - surge_of(work, now.name)
    workload = dataclasses.replace(then, replicas=replicas, lifecycle=lifecycle)
    plan = apply(work, [workload], prune=False, cause=cause, back_to=revision.number)
    return dataclasses.replace(plan, orphans=())


def delete(work: Work, name: str) -> PlanView:
    """Want a workload no more. Raises RefusedError when there is none of that name."""
    if work.draft.workloads.get(name) is None:
        raise RefusedError(404, Problem(reason=f"there is no workload {name}"))
    work.draft.because("delete")
    return PlanView(changes=tuple(_remove(work, name)), removed=(name,))


def fill(work: Work, names: Iterable[str]) -> None:
    """Place what found no node before, and daemons on nodes that have come; move nothing."""
    work.draft.because("fill")
    found = (work.draft.workloads.get(name) for name in sorted(names))
    wanted = [Wanted(kept.workload, keep=True) for kept in found if kept is not None]
    for group in grouped(completed(work, wanted)):
        with contextlib.suppress(RefusedError):  # said when it was applied
            decide(work, group, may_preempt=False)


def wanting(draft: Draft) -> list[str]:
    """Return the workloads that a node which has come, or changed, could take something of."""
    counts: collections.Counter[str] = collections.Counter()
    for one in draft.assignments.values():
        counts[one.workload] += 1
    return [
        kept.workload.name
        for kept in draft.workloads.values()
        if kept.workload.mode == "global"
        or counts[kept.workload.name] < kept.workload.replicas
        or draft.unplaced(kept.workload.name)
    ]


def label(work: Work, node: Node, put: Mapping[str, str], unset: Collection[str]) -> Node:
    """Change the labels that operators gave a node."""
    labels = {key: text for key, text in node.labels.items() if key not in unset}
    labels.update(put)
    if len(labels) > MAX_LABELS:
        raise RefusedError(400, Problem(reason=f"more than {MAX_LABELS} labels", field="set"))
    node = dataclasses.replace(node, labels=labels)
    put_node(work, node)
    return node


def trust_key(work: Work, node: Node, fingerprint: str) -> Node:
    """Take the sealing key that a node tells now in place of the one that was trusted.

    Raises RefusedError where it tells none, or another one than the operator has looked at.
    """
    told = node.other_sealing_key
    if told is None or fingerprint_of(told) != fingerprint:
        tells = "tells no other key" if told is None else f"tells the key {fingerprint_of(told)}"
        raise RefusedError(409, Problem(reason=f"{node.known_as} {tells} now"))
    node = dataclasses.replace(node, sealing_key=told)
    put_node(work, node)
    return node


def forget(work: Work, node: Node) -> PlanView:
    """Forget a node; its instances are placed anew elsewhere, but for finished jobs.

    Raises RefusedError while it is online: it would run on, and nobody would see it.
    """
    if node.liveness is Liveness.ONLINE:
        reason = (
            f"{node.known_as} is online: stop its agent first (systemctl stop skerry-agent), or "
            f"shut it out (skerry node revoke)"
        )
        raise RefusedError(409, Problem(reason=reason))
    work.draft.because("forget")
    names = set()
    changes = []
    for one in work.draft.on_node(node.id):
        if one.finished is not None:
            continue
        work.columns.release(one)
        work.draft.assignments.remove(one.id)
        names.add(one.workload)
        changes.append(
            Change(
                action="remove",
                instance=one.id,
                workload=one.workload,
                node=node.id,
                detail="its node is forgotten",
            )
        )
    work.draft.nodes.remove(node.id)
    work.draft.orders.remove(node.id)
    work.columns.remove(node.id)
    found = (work.draft.workloads.get(name) for name in sorted(names))
    wanted = [Wanted(kept.workload, keep=True) for kept in found if kept is not None]
    outcome = decide(work, wanted, may_preempt=True)
    changes += [change for change in outcome.changes if change.action != "keep"]
    return PlanView(changes=tuple(changes), unplaced=outcome.unplaced)


# --- nodes that are held --------------------------------------------------------------------


def check_held(node: Node) -> None:
    """Refuse what is for held nodes alone. Raises RefusedError."""
    if node.diverged is None:
        raise RefusedError(409, Problem(reason=f"{node.known_as} is not held: it follows this hub"))


def overwrite(work: Work, node: Node) -> Node:
    """End a node's hold: what this hub wants is what it shall run."""
    check_held(node)
    accepted = node.report.accepted if node.report is not None else 0
    if accepted >= LAST_GENERATION:
        reason = f"{node.known_as} says it accepted order {accepted}, and no order can follow that"
        raise RefusedError(409, Problem(reason=reason))
    # What it says it accepted is known now, so that saying so again is no new divergence.
    digest = node.report.digest if accepted and node.report is not None else None
    if accepted < node.generation:
        accepted, digest = node.generation, node.digest
    node = dataclasses.replace(node, diverged=None, generation=accepted, digest=digest)
    work.draft.orders.remove(node.id)
    put_node(work, node)
    return node


# --- one workload ----------------------------------------------------------------------------


def _check_owners(work: Work, workloads: Sequence[Workload], sources: Mapping[str, Source]) -> None:
    problems = []
    for workload in workloads:
        kept = work.draft.workloads.get(workload.name)
        if kept is not None and kept.workload.project != workload.project:
            owner = kept.workload.project
            reason = f"workload {workload.name} belongs to project {owner}, not {workload.project}"
            problems.append(sources.get(workload.name, NOWHERE).problem(reason, "name"))
    if problems:
        raise RefusedError(409, *problems)


def _check_policies(
    work: Work, workloads: Sequence[Workload], sources: Mapping[str, Source]
) -> None:
    world, effort = work.world, Effort(MAX_REQUEST)
    problems = [
        problem
        for workload in workloads
        for problem in refused(
            policies_of(world, workload), workload, sources.get(workload.name, NOWHERE), effort
        )
    ]
    if problems:
        raise RefusedError(409, *problems)


def _remove(work: Work, name: str) -> list[Change]:
    first = len(work.draft.steps)
    before = work.draft.of_workload(name)
    take_over(work, before, Decision(workload=name))
    changes = [
        Change(action="remove", instance=one.id, workload=name, node=one.node) for one in before
    ]
    kept = work.draft.workloads.get(name)
    if kept is not None:
        asked = (Asked(workload=kept.workload, keep=False),)
        note(work, first, Question(method="remove", wanted=asked), changes)
    work.draft.workloads.remove(name)
    work.draft.updates.forget(name)
    return changes
