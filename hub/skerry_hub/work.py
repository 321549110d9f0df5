"""What one call works on: a draft of the records, and the columns, changed as it goes. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from skerry_hub.fleet.columns import Columns
from skerry_hub.latency import NOWHERE, Network
from skerry_hub.model import Assignment, Decision, Node, Workload
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.world import World
from skerry_hub.state import Draft
from skerry_hub.views import Problem

Strategy = Literal["spread", "pack"]


class RefusedError(Exception):
    """What was asked for cannot be done. `status` is HTTP's: 400, 404, 409 or 504."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__("; ".join(problem.reason for problem in problems))
        self.status = status
        self.problems = problems


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What one call may change. `columns` are changed as it goes, in a trial of the caller."""

    draft: Draft
    columns: Columns
    now: float
    network: Network = NOWHERE
    """The round-trip times of the nodes."""
    strategy: Strategy = "spread"
    """Of the workloads that name none."""
    who: str = ""
    """Who asked for it, empty where that is not known."""

    @property
    def world(self) -> World:
        """Return what placement decides from, as it would be."""
        draft = self.draft
        repelling = (draft.workloads.get(name) for name in sorted(draft.repelling()))
        return World(
            columns=self.columns,
            workloads=_Wanted(draft),
            workloads_version=draft.workloads_version,
            repelling=tuple(kept.workload for kept in repelling if kept is not None),
            rules=draft.rules(),
            network=self.network,
            demand=draft.demand(always=self.strategy == "pack"),
            strategy=self.strategy,
            now=self.now,
        )


class _Wanted(Mapping[str, Workload]):
    """The workloads of a draft, as they are when somebody looks."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def __getitem__(self, name: str) -> Workload:
        kept = self._draft.workloads.get(name)
        if kept is None:
            raise KeyError(name)
        return kept.workload

    def __iter__(self) -> Iterator[str]:
        return (kept.workload.name for kept in self._draft.workloads.values())

    def __len__(self) -> int:
        return sum(1 for _ in self._draft.workloads.values())


def put_node(work: Work, node: Node) -> None:
    """Keep a node's record, and look whether an order is due."""
    work.draft.nodes.put(node.id, node)
    work.draft.touched.add(node.id)
    work.columns.put(node)


def take_over(work: Work, before: Sequence[Assignment], decision: Decision) -> None:
    """Carry a decision about one workload into the draft; `before` is what it had."""
    old = {one.id: one for one in before}
    new = {one.id: one for one in decision.assignments}
    gone = [one for key, one in sorted(old.items()) if new.get(key) != one]
    come = [one for key, one in sorted(new.items()) if old.get(key) != one]
    changed = dataclasses.replace(decision, assignments=tuple(come))
    reserve_decision(work.columns, gone, changed)
    for one in gone:
        work.draft.assignments.remove(one.id)
    for one in come:
        work.draft.assignments.put(one.id, one)
    work.draft.touched.update(one.node for one in (*gone, *come))
