"""Why a workload goes where it goes: which nodes, which reasons, with numbers. Pure.

What is counted is counted over all nodes at once; words are made only for the nodes that are shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.model import Assignment, Explanation, Relaxation, Verdict, Workload
from skerry_hub.placement.asked import Asked, asked_of
from skerry_hub.placement.constraints import all_pass, reason_of
from skerry_hub.placement.obstacles import by_name
from skerry_hub.placement.outcome import rank_of
from skerry_hub.placement.standing import standing_of
from skerry_hub.placement.turns import waiting_in
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
    node would take that one, all others staying where they are: the first that waits for its turn
    on its former revision, else of a node with some one of these, else the last. Of a global
    workload it is whether a node takes its own, or, where it has none, one more: see `asked`.
    The verdicts begin with the best node, and go on with the nearest miss: the fewest constraints
    against it, then the smallest shortages. The counts are always those of all nodes.
    So many `standings` are told at most, or that of the named instance.
    """
    ranked = sorted(current, key=lambda one: rank_of(workload.name, one.id))
    here = [one for one in ranked if node in (None, one.node) and one.finished is None]
    named = [one for one in ranked if one.id == instance]
    about = [one for one in named if one.finished is None] if named else here[:standings]
    told = tuple(standing_of(world, workload, ranked, one) for one in about)
    away = _away(workload, ranked, here, instance)
    with world.columns.trial():
        for one in away:
            world.columns.release(one)
        asked = asked_of(world, workload, [one for one in ranked if one not in away])
        waiting = len(waiting_in(workload, ranked))
        found = _Explaining(workload, ranked, asked, waiting).explanation(node, most)
    return dataclasses.replace(found, standings=told, instance=away[0].id if away else "")


def _away(
    workload: Workload,
    current: Sequence[Assignment],
    here: Sequence[Assignment],
    instance: str | None,
) -> Sequence[Assignment]:
    """Return which instances the nodes are asked to take; none where it is one more, or its own."""
    if workload.mode == "global":
        return ()
    named = [one for one in current if one.id == instance]
    if named or len(current) < workload.replicas:
        return named
    waiting = waiting_in(workload, current)
    if waiting:
        return waiting[:1]
    return (here or current)[-1:]


class _Explaining:
    """One explanation; arrays are by the nodes' ids."""

    def __init__(
        self, workload: Workload, current: Sequence[Assignment], asked: Asked, waiting: int
    ) -> None:
        self.workload, self.current, self.asked = workload, current, asked
        self.waiting = waiting
        self.session, self.rows = asked.session, asked.rows
        self.columns = self.session.columns
        self.needs = self.session.board.requirements
        self.lacks = by_name(asked.obstacles)
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
        without = self._without()
        wanted = self.workload.replicas
        if self.workload.mode == "global":
            wanted = len(self.current) + len(without)
        single = self.against == 1
        alone = {
            name: int(np.count_nonzero((lack > 0) & single)) for name, lack in self.lacks.items()
        }
        return Explanation(
            workload=self.workload.name,
            wanted=wanted,
            placed=len(self.current) - self.waiting,
            feasible=len(taking),
            nodes=len(self.rows),
            blocked=blocked,
            alone={name: count for name, count in alone.items() if count},
            verdicts=(*self._takers(best), *map(self._refuser, nearest)),
            relaxations=self._relaxations(without),
            more=len(best) + len(nearest) < len(self.rows),
        )

    # --- those that take it -------------------------------------------------------------------

    def _best(self, taking: Rows, most: int) -> list[int]:
        """Return the best of those that take it, the best first."""
        layout = self.session.layout
        keys = self.asked.keys().take(layout.position.take(self.rows[taking]))
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
            for facts, score in zip(self.columns.each(rows), self.asked.scores(rows), strict=True)
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
        refused = self.asked.refusals(row)
        return Verdict(
            node=facts.id,
            hostname=facts.hostname,
            feasible=False,
            reasons=tuple(reason_of(name, refusal) for name, refusal in refused),
            instances=self.there.get(facts.id, ()),
        )

    def _relaxations(self, without: Sequence[int]) -> tuple[Relaxation, ...]:
        """Return what would help where one is missing that no node takes."""
        is_global = self.workload.mode == "global"
        open_to = self.feasible[list(without)] if is_global else self.feasible
        if open_to.any() or (is_global and not without):
            return ()
        return tuple(one.relaxation for one in self.asked.relaxed(without))

    # --- how many there should be ---------------------------------------------------------------

    def _without(self) -> list[int]:
        """Return which nodes should have one of a global workload and have none.

        Those are all that take one, or would if others took less.
        """
        if self.workload.mode == "replicated":
            return []
        once = [need for need in self.needs if not need.is_used_up]
        # What instances do not use up is never a shortage.
        possible = np.flatnonzero(all_pass(once, self.columns, self.rows))
        having = {self.columns.row(one.node) for one in self.current}
        return [
            index
            for index in possible.tolist()
            if int(self.rows[index]) not in having
            and (self.feasible[index] or self._is_short(int(self.rows[index])))
        ]

    def _is_short(self, row: int) -> bool:
        return all(refusal.is_shortage for _, refusal in self.asked.refusals(row))
