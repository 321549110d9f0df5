"""Why an instance is where it is, by the fleet as it is now: its node against all others. Pure.

Each is looked at as if it alone were to be placed again: what it has is given back, and all other
instances of its workload stay where they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from skerry_hub.model import Assignment, Parts, Reason, Runner, Standing, Workload
from skerry_hub.placement.board import NOWHERE, RANK_BITS
from skerry_hub.placement.constraints import reason_of, refusals_of
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.scored import Score, scores_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.turns import waiting_in
from skerry_hub.placement.world import World

RUNNERS_UP = 3
"""Other nodes that are told of each instance, the best."""
UNKNOWN = "node"
"""What is unmet where the hub knows no such node."""


def standing_of(
    world: World, workload: Workload, current: Sequence[Assignment], one: Assignment
) -> Standing:
    """Return why one of a workload's instances is where it is.

    `current` are all of them, reserved in the columns.
    """
    columns = world.columns
    row = columns.row(one.node)
    if row is None:
        told = Reason(constraint=UNKNOWN, text=f"node {one.node} is not known")
        return Standing(instance=one.id, node=one.node, hostname=one.node, unmet=(told,))
    with columns.trial():
        found = _again(world, workload, current, one, row).told(one)
    return dataclasses.replace(found, keeps_former=bool(waiting_in(workload, [one])))


def unmet_of(
    world: World, workload: Workload, current: Sequence[Assignment], one: Assignment
) -> tuple[Reason, ...]:
    """Return what an instance's node no longer meets: `standing_of` without scores, soon told."""
    row = world.columns.row(one.node)
    if row is None:
        return standing_of(world, workload, current, one).unmet
    with world.columns.trial():
        unmet, _ = _again(world, workload, current, one, row).refusals()
    return unmet


def _again(
    world: World,
    workload: Workload,
    current: Sequence[Assignment],
    one: Assignment,
    row: int,
) -> _Standing:
    """Give back what one instance has on its node's row, and look at it as if placed again."""
    world.columns.release(one)
    others = [other for other in current if other.id != one.id]
    return _Standing(world, workload, others, row)


class _Standing:
    """One instance that is to be placed again."""

    def __init__(
        self, world: World, workload: Workload, others: Sequence[Assignment], row: int
    ) -> None:
        self.columns, self.workload, self.row = world.columns, workload, row
        self.session = Session(world, workload, "", others)

    def told(self, one: Assignment) -> Standing:
        """Return what is told of it."""
        facts = self.columns.facts(self.row)
        unmet, closed = self.refusals()
        if unmet or closed:
            return Standing(
                instance=one.id,
                node=facts.id,
                hostname=facts.hostname,
                unmet=unmet,
                closed=closed,
                runners_up=self._runners_up(None),
            )
        (score,) = scores_of(self.session, np.array([self.row], dtype=np.intp))
        return Standing(
            instance=one.id,
            node=facts.id,
            hostname=facts.hostname,
            score=score.total,
            points=score.points,
            most=score.most,
            scores=score.parts,
            better=self._better(),
            runners_up=self._runners_up(score),
        )

    def refusals(self) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
        """Return what is asked for and not met any more, and why else nothing new comes."""
        unmet: list[tuple[str, Refusal]] = []
        closed: list[tuple[str, Refusal]] = []
        for need in self.session.board.requirements:
            for name, refusal in refusals_of(self.columns, (need,), self.row):
                # What is not known of a node moves nothing.
                binds = need.binds and not refusal.is_unknown
                (unmet if binds else closed).append((name, refusal))
        budgets = {budget.name for budget in self.session.budgets}
        for name, refusal in self.session.term_refusals(self.row):
            (closed if name in budgets else unmet).append((name, refusal))
        return (
            tuple(reason_of(name, refusal) for name, refusal in unmet),
            tuple(reason_of(name, refusal) for name, refusal in closed),
        )

    def _better(self) -> int:
        """Return how many nodes would be better now, by points."""
        keys = self.session.keys()
        points = keys >> RANK_BITS
        own = int(points[self.session.layout.position[self.row]])
        return int(np.count_nonzero((points > own) & (keys != NOWHERE)))

    def _runners_up(self, score: Score | None) -> tuple[Runner, ...]:
        """Return the best of the other nodes, each against the score of the instance's node."""
        if self.workload.mode == "global":
            return ()  # It is on each node that takes it: nothing was chosen.
        keys = self.session.keys().copy()
        keys[self.session.layout.position[self.row]] = NOWHERE
        most = min(RUNNERS_UP, len(keys))
        at = np.argpartition(keys, len(keys) - most)[len(keys) - most :]
        at = at[keys[at] != NOWHERE]
        rows = self.session.layout.rows[at[np.argsort(-keys[at])]]
        scores = scores_of(self.session, rows) if len(rows) else []
        return tuple(
            Runner(
                node=facts.id,
                hostname=facts.hostname,
                score=other.total,
                points=other.points,
                scores=other.parts,
                ahead=None if score is None else round(other.points - score.points, 4),
                differences={} if score is None else differences(score.parts, other.parts),
            )
            for facts, other in zip(self.columns.each(rows), scores, strict=True)
        )


def differences(here: Parts, there: Parts) -> dict[str, float]:
    """Return by how many points each part differs, what differs most first; equal ones are not."""
    found = {name: round(there[name].points - part.points, 4) for name, part in here.items()}
    ordered = sorted(found.items(), key=lambda item: (-abs(item[1]), item[0]))
    return {name: points for name, points in ordered if points}
