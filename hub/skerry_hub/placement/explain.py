"""Why a workload goes where it goes: which nodes, which reasons, with numbers. Pure.

What is counted is counted over all nodes at once; words are made only for the nodes that are shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.model import Assignment, Explanation, Relaxation, Verdict, Workload
from skerry_hub.placement.constraints import all_pass, reason_of, refusals_of
from skerry_hub.placement.obstacles import by_name, obstacles_of
from skerry_hub.placement.outcome import rank_of
from skerry_hub.placement.relaxing import relaxations
from skerry_hub.placement.scored import scores_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.standing import standing_of
from skerry_hub.placement.world import World

SHOWN = 20
"""Most nodes that take it, and most that do not, that are shown unless more are asked for."""
STANDINGS = 5
"""Instances of which it is told why they are where they are, the first, unless one is named."""


def explain(
    world: World,
    workload: Workload,
    current: Sequence[Assignment],
    *,
    node: str | None = None,
    most: int = SHOWN,
    instance: str | None = None,
    standings: int = 0,
) -> Explanation:
    """Return what the nodes (or only `node`, an id) say to a workload.

    `current` are its assignments, reserved in the columns. While replicas are missing, the question
    is whether a node takes one more. When none is, or an `instance` is named, it is whether the
    node would take that one, all others staying where they are: of a node with some, one of these,
    else the last. Of a global workload it is whether the node would take one, were none anywhere.
    The verdicts begin with the best node, and go on with the nearest miss: the fewest constraints
    against it, then the smallest shortages. The counts are always those of all nodes.
    So many `standings` are told at most, or that of the named instance.
    """
    ranked = sorted(current, key=lambda one: rank_of(workload.name, one.id))
    here = [one for one in ranked if node in (None, one.node)]
    about = [one for one in ranked if one.id == instance] or here[:standings]
    told = tuple(standing_of(world, workload, ranked, one) for one in about)
    away = _away(workload, ranked, here, instance)
    with world.columns.trial():
        for one in away:
            world.columns.release(one)
        staying = [one for one in ranked if one not in away]
        found = _Explaining(world, workload, ranked, staying).explanation(node, most)
    asked = away[0].id if workload.mode == "replicated" and away else ""
    return dataclasses.replace(found, standings=told, instance=asked)


def _away(
    workload: Workload,
    current: Sequence[Assignment],
    here: Sequence[Assignment],
    instance: str | None,
) -> Sequence[Assignment]:
    """Return which instances the nodes are asked to take."""
    named = [one for one in current if one.id == instance]
    if workload.mode == "global":
        return current
    if named or len(current) < workload.replicas:
        return named
    return (here or current)[-1:]


class _Explaining:
    """One explanation; arrays are by the nodes' ids."""

    def __init__(
        self,
        world: World,
        workload: Workload,
        current: Sequence[Assignment],
        staying: Sequence[Assignment],
    ) -> None:
        self.columns, self.workload = world.columns, workload
        self.current = current
        self.rows: Rows = world.columns.rows()
        self.session = Session(world, workload, "", staying)
        self.needs = self.session.board.requirements
        self.staying = staying
        self.obstacles = obstacles_of(self.session, self.rows)
        self.lacks = by_name(self.obstacles)
        self.against: Counts = np.zeros(len(self.rows), dtype=np.int64)
        for lack in self.lacks.values():
            self.against += lack > 0
        self.feasible: Mask = self.against == 0
        self.there: dict[str, tuple[str, ...]] = {}
        for assignment in current:
            self.there[assignment.node] = (*self.there.get(assignment.node, ()), assignment.id)

    def explanation(self, node: str | None, most: int) -> Explanation:
        """Return it."""
        taking, refusing = np.flatnonzero(self.feasible), np.flatnonzero(~self.feasible)
        best: list[int] = []
        nearest: list[int] = []
        if most > 0:
            best, nearest = self._best(taking, most), self._nearest(refusing, most)
        if node is not None:
            row = self.columns.row(node)
            at = np.flatnonzero(self.rows == (-1 if row is None else row)).tolist()
            best = [one for one in at if self.feasible[one]]
            nearest = [one for one in at if not self.feasible[one]]
        blocked = {name: int(np.count_nonzero(lack)) for name, lack in self.lacks.items()}
        single = self.against == 1
        alone = {
            name: int(np.count_nonzero((lack > 0) & single)) for name, lack in self.lacks.items()
        }
        return Explanation(
            workload=self.workload.name,
            wanted=self._wanted(),
            placed=len(self.current),
            feasible=len(taking),
            nodes=len(self.rows),
            blocked=blocked,
            alone={name: count for name, count in alone.items() if count},
            verdicts=(*self._takers(best), *map(self._refuser, nearest)),
            relaxations=() if len(taking) else self._relaxations(),
            more=len(best) + len(nearest) < len(self.rows),
        )

    # --- those that take it -------------------------------------------------------------------

    def _best(self, taking: Rows, most: int) -> list[int]:
        """Return the best of those that take it, the best first."""
        layout = self.session.layout
        keys = self.session.keys().take(layout.position.take(self.rows[taking]))
        if len(keys) > most:
            kept = np.argpartition(keys, len(keys) - most)[len(keys) - most :]
            taking, keys = taking[kept], keys[kept]
        found: list[int] = taking[np.argsort(-keys)].tolist()
        return found

    def _takers(self, indexes: Sequence[int]) -> list[Verdict]:
        if not indexes:
            return []
        rows = self.rows[list(indexes)]
        return [
            Verdict(
                node=facts.id,
                hostname=facts.hostname,
                feasible=True,
                score=score.total,
                scores=score.parts,
                instances=self.there.get(facts.id, ()),
            )
            for facts, score in zip(
                self.columns.each(rows), scores_of(self.session, rows), strict=True
            )
        ]

    # --- those that do not --------------------------------------------------------------------

    def _nearest(self, refusing: Rows, most: int) -> list[int]:
        """Return those that come nearest, the nearest first; of equals the smaller id."""
        lack = np.zeros(len(refusing))
        for of in self.lacks.values():
            lack += of.take(refusing)
        # No lack is over 1, so that a constraint more always counts more.
        misses = self.against.take(refusing) * float(len(self.lacks) + 1) + lack
        if len(refusing) > most:
            limit = np.partition(misses, most - 1)[most - 1]
            below, at = np.flatnonzero(misses < limit), np.flatnonzero(misses == limit)
            kept = np.sort(np.concatenate([below, at[: most - len(below)]]))
            refusing, misses = refusing[kept], misses[kept]
        found: list[int] = refusing[np.argsort(misses, kind="stable")].tolist()
        return found

    def _refuser(self, index: int) -> Verdict:
        row = int(self.rows[index])
        facts = self.columns.facts(row)
        refused = [
            *refusals_of(self.columns, self.needs, row),
            *self.session.term_refusals(row),
        ]
        return Verdict(
            node=facts.id,
            hostname=facts.hostname,
            feasible=False,
            reasons=tuple(reason_of(name, refusal) for name, refusal in refused),
            instances=self.there.get(facts.id, ()),
        )

    def _relaxations(self) -> tuple[Relaxation, ...]:
        found = relaxations(self.session, self.rows, self.obstacles, self.staying)
        return tuple(one.relaxation for one in found)

    # --- how many there should be ---------------------------------------------------------------

    def _wanted(self) -> int:
        """Return how many instances there should be: what is placed and what is unplaced."""
        if self.workload.mode == "replicated":
            return self.workload.replicas
        once = [need for need in self.needs if not need.is_used_up]
        # What instances do not use up is never a shortage.
        possible = np.flatnonzero(all_pass(once, self.columns, self.rows))
        having = {self.columns.row(one.node) for one in self.current}
        others = [
            index
            for index in possible.tolist()
            if int(self.rows[index]) not in having
            and (self.feasible[index] or self._is_short(int(self.rows[index])))
        ]
        return len(self.current) + len(others)

    def _is_short(self, row: int) -> bool:
        found = [
            *refusals_of(self.columns, self.needs, row),
            *self.session.term_refusals(row),
        ]
        return all(refusal.is_shortage for _, refusal in found)
