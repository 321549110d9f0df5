"""What lost nodes had is placed elsewhere, in one decision for each workload. Pure.

Like all that is asked for, it works on a `Work`. Nothing ends to make room, and what no node takes
stays where it is: should its node come back, it never stopped.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Iterator, Mapping

from skerry_hub.decisions import Asked, Question
from skerry_hub.jobs import finished_of
from skerry_hub.model import Change, Workload
from skerry_hub.noting import note
from skerry_hub.placement.leaving import lose
from skerry_hub.sequence import sequence
from skerry_hub.work import Work, take_over

MOST_NODES = 1000
"""Most nodes that one decision is about; what more there are follow in another."""
MOST_TOLD = 8


def replace_all(work: Work, lost: Mapping[str, Collection[str]]) -> tuple[Change, ...]:
    """Place elsewhere what workloads have on nodes that they have lost, by their names.

    Those of higher priority come first. Return the steps.
    """
    work.draft.because("loss")
    found = (work.draft.workloads.get(name) for name in sorted(lost))
    workloads = {kept.workload.name: kept.workload for kept in found if kept is not None}
    changes: list[Change] = []
    for group in sequence(workloads.values()):
        for name in group:
            nodes = sorted(lost[name])
            for start in range(0, len(nodes), MOST_NODES):
                some = nodes[start : start + MOST_NODES]
                done = finished_of(work.draft.of_workload(name), set(some))
                changes += replaced(work, workloads[name], some, done)
    return tuple(changes)


def replaced(
    work: Work, workload: Workload, nodes: Collection[str], done: tuple[str, ...] = ()
) -> tuple[Change, ...]:
    """Place elsewhere what a workload has on some lost nodes, but for `done`; return the steps."""
    first = len(work.draft.steps)
    before = work.draft.of_workload(workload.name)
    decision = lose(work.world, workload, before, frozenset(nodes), done)
    take_over(work, before, decision)
    changes = tuple(one for one in decision.changes if one.action != "keep")
    wanted = (Asked(workload=workload),)
    question = Question(method="lose", wanted=wanted, nodes=tuple(nodes), done=done)
    note(work, first, question, changes)
    return changes


def told(changes: Iterable[Change], places: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield for each node that lost something what is said of that.

    `places` are the nodes where the instances were, by their ids.
    """
    by_node: dict[str, list[str]] = collections.defaultdict(list)
    for one in changes:
        by_node[places[one.instance]].append(f"{one.instance} to {one.node}")
    for node, moves in sorted(by_node.items()):
        more = f" and {len(moves) - MOST_TOLD} more" if len(moves) > MOST_TOLD else ""
        yield node, f"placed elsewhere: {', '.join(moves[:MOST_TOLD])}{more}"
