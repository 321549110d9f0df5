"""Why a workload goes where it goes: which nodes, which reasons, with numbers. Pure.

What is counted is counted over all nodes at once; words are made only for the nodes that are shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows, Shares
from skerry_hub.model import Assignment, Explanation, Relaxation, Verdict, Workload
from skerry_hub.placement.board import all_pass
from skerry_hub.placement.constraints import MAX_TEXT, clip, lack_of, reason_of, refusals_of
from skerry_hub.placement.scored import scores_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World

SHOWN = 20
"""Most nodes that take it, and most that do not, that are shown unless more are asked for."""
MOST_RELAXATIONS = 3


def explain(
    world: World,
    workload: Workload,
    current: Sequence[Assignment],
    *,
    node: str | None = None,
    most: int = SHOWN,
) -> Explanation:
    """Return what the nodes (or only `node`, an id) say to a workload.

    `current` are its assignments, reserved in the columns. While replicas are missing, the question
    is whether a node takes one more; when none is, whether it would take one, had it none of this
    workload. The verdicts begin with the best node, and go on with the nearest miss: the fewest
    constraints against it, then the smallest shortages. The counts are always those of all nodes.
    """
    with world.columns.trial():
        staying: Sequence[Assignment] = current
        if workload.mode == "global" or len(current) >= workload.replicas:
            staying = ()
            for one in current:
                world.columns.release(one)
        return _Explaining(world, workload, current, staying).explanation(node, most)


@dataclasses.dataclass(frozen=True, slots=True)
class _Obstacle:
    """One constraint or term that some nodes refuse for, and how far each is from passing."""

    name: str
    gives_way: bool
    lack: Shares


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
        self.obstacles = self._obstacles()
        self.against: Counts = np.zeros(len(self.rows), dtype=np.int64)
        for one in self.obstacles:
            self.against += one.lack > 0
        self.feasible: Mask = self.against == 0
        self.there: dict[str, tuple[str, ...]] = {}
        for assignment in sorted(current, key=lambda one: one.id):
            self.there[assignment.node] = (*self.there.get(assignment.node, ()), assignment.id)

    def _obstacles(self) -> list[_Obstacle]:
        found: dict[str, _Obstacle] = {}
        # Row by row, whether there is a node or not: memory is read in its own order.
        everyone = np.arange(self.columns.size)
        for need in self.needs:
            lack = lack_of(need, self.columns, everyone).take(self.rows)
            _put(found, _Obstacle(need.name, need.gives_way, lack))
        for term in self.session.terms:
            if not term.weight:
                passes = term.allowed(term.domains.of_row.take(self.rows))
                _put(found, _Obstacle(term.name, True, (~passes).astype(np.float64)))
        for budget in self.session.budgets:
            passes = budget.affordable(self.rows)
            if any(True for _ in budget.short()):
                passes = np.zeros(len(self.rows), dtype=np.bool_)
            _put(found, _Obstacle(budget.name, False, (~passes).astype(np.float64)))
        return [one for one in found.values() if one.lack.any()]

    def explanation(self, node: str | None, most: int) -> Explanation:
        """Return it."""
        taking, refusing = np.flatnonzero(self.feasible), np.flatnonzero(~self.feasible)
        best: list[int] = []
        nearest: list[int] = []
        if most > 0:
            best, nearest = self._best(taking, most), self._nearest(refusing, most)
        with_some = self._with_instances()
        shown = [*best, *(one for one in with_some if self.feasible[one] and one not in best)]
        missed = [*nearest, *(one for one in with_some if not self.feasible[one])]
        missed = list(dict.fromkeys(missed))
        if node is not None:
            row = self.columns.row(node)
            at = np.flatnonzero(self.rows == (-1 if row is None else row)).tolist()
            shown = [one for one in at if self.feasible[one]]
            missed = [one for one in at if not self.feasible[one]]
        blocked = {one.name: int(np.count_nonzero(one.lack)) for one in self.obstacles}
        single = self.against == 1
        alone = {one.name: int(np.count_nonzero((one.lack > 0) & single)) for one in self.obstacles}
        return Explanation(
            workload=self.workload.name,
            wanted=self._wanted(),
            placed=len(self.current),
            feasible=len(taking),
            nodes=len(self.rows),
            blocked=blocked,
            alone={name: count for name, count in alone.items() if count},
            verdicts=(*self._takers(shown), *map(self._refuser, missed)),
            relaxations=() if len(taking) else tuple(self._relaxations()),
            more=len(shown) + len(missed) < len(self.rows),
        )

    def _with_instances(self) -> list[int]:
        found = [row for one in self.there if (row := self.columns.row(one)) is not None]
        return np.flatnonzero(np.isin(self.rows, found)).tolist() if found else []

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
        for one in self.obstacles:
            lack += one.lack.take(refusing)
        # No lack is over 1, so that a constraint more always counts more.
        misses = self.against.take(refusing) * float(len(self.obstacles) + 1) + lack
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

    def _relaxations(self) -> list[Relaxation]:
        """Return the least that would have to be given up, and the least of other sorts."""
        if not len(self.rows) or not self.obstacles:
            return []
        cost = np.zeros(len(self.rows))
        sorts = np.zeros(len(self.rows), dtype=np.int64)
        for number, one in enumerate(self.obstacles):
            # Where many amounts are short, less of each is less to give up than one constraint.
            cost += np.where(one.lack > 0, one.lack if one.gives_way else np.inf, 0.0)
            sorts |= (one.lack > 0).astype(np.int64) << min(number, 62)
        found: list[Relaxation] = []
        for _ in range(MOST_RELAXATIONS):
            best = int(np.argmin(cost))
            if not np.isfinite(cost[best]):
                break
            found.append(self._relaxation(best, float(cost[best])))
            cost = np.where(sorts == sorts[best], np.inf, cost)
        return found

    def _relaxation(self, index: int, cost: float) -> Relaxation:
        passes = np.ones(len(self.rows), dtype=np.bool_)
        for one in self.obstacles:
            passes &= one.lack <= one.lack[index]
        facts = self.columns.facts(int(self.rows[index]))
        verdict = self._refuser(index)
        return Relaxation(
            node=facts.id,
            hostname=facts.hostname,
            changes=tuple(
                clip(f"without {one.constraint}: {one.text}", MAX_TEXT)
                if one.missing is None
                else clip(f"less {one.constraint}: {one.text}", MAX_TEXT)
                for one in verdict.reasons
            ),
            cost=round(cost, 4),
            nodes=int(np.count_nonzero(passes)),
        )

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


def _put(found: dict[str, _Obstacle], one: _Obstacle) -> None:
    """Add an obstacle; of two of one name a node is as far as from the farther one."""
    before = found.get(one.name)
    if before is not None:
        lack = np.maximum(before.lack, one.lack)
        one = dataclasses.replace(one, lack=lack)
    found[one.name] = one
