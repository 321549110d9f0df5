"""RELAXATIONS: the least that would have to be changed so that some node takes a workload. Pure.

What each node would cost is counted over all nodes at once: the missing part of each amount, and 1
for each constraint that is dropped. Words are made only for the cheapest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows, Shares
from skerry_hub.model import Assignment, Relaxation, Workload
from skerry_hub.placement.amounts import FIELDS
from skerry_hub.placement.constraints import MAX_TEXT, Enough, FreePorts, Requirement, clip
from skerry_hub.placement.device_needs import DeviceNeeds
from skerry_hub.placement.easing import Easing, Spot, all_eased
from skerry_hub.placement.obstacles import Obstacle
from skerry_hub.placement.port_easing import OtherPorts
from skerry_hub.placement.quotas import Budget
from skerry_hub.placement.reservations import Unreserved
from skerry_hub.placement.session import Session
from skerry_hub.placement.taints import Taints
from skerry_hub.placement.term_easing import EasedTerm, eased_term
from skerry_hub.placement.topology import RepelledTerm, SpreadTerm, Term

MOST = 3
"""Relaxations that are shown."""
MOST_TRIED = 8
"""Sorts of relaxations that are looked at."""
LEAST = 1e-4
"""What is given up is more than nothing."""
DROPPED_PORT = 2.0
"""What it costs to have no port, where another one would not do."""
MOST_WAYS = 2
"""Ways that are told to give up something of the devices of one node."""
MOST_ROUNDS = 4
"""How often a spread is widened for the domains that a relaxation itself opens."""


@dataclasses.dataclass(frozen=True, slots=True)
class Relaxed:
    """A relaxation, and the workload that it makes; None where not the workload alone changes."""

    relaxation: Relaxation
    workload: Workload | None


def relaxations(
    session: Session, rows: Rows, obstacles: Sequence[Obstacle], staying: Sequence[Assignment]
) -> list[Relaxed]:
    """Return the cheapest relaxations, each for other constraints than those before.

    `rows` are the nodes that are asked, none of which takes one more instance; `staying` are the
    workload's instances that the session has counted.
    """
    if not len(rows) or not obstacles:
        return []
    cost, sorts = _costs(session, rows, obstacles)
    found: list[Relaxed] = []
    for _ in range(MOST_TRIED):
        best = _cheapest(cost, obstacles)
        if not np.isfinite(cost[best]) or len(found) >= MOST:
            break
        relaxing = _Relaxing(session, rows, obstacles, staying, best)
        for way, more in enumerate(relaxing.ways()[:MOST_WAYS]):
            one = relaxing.relaxed(float(cost[best]) + more, way)
            # What others refuse for as well may be mended by the very same.
            told = {other.relaxation.changes for other in found}
            if one is not None and one.relaxation.changes not in told:
                found.append(one)
        cost = np.where(sorts == sorts[best], np.inf, cost)
    return sorted(found, key=lambda one: one.relaxation.cost)[:MOST]


def _costs(session: Session, rows: Rows, obstacles: Sequence[Obstacle]) -> tuple[Shares, Rows]:
    """Return what each node would cost, and a number of the obstacles that it has."""
    sorts = np.zeros(len(rows), dtype=np.int64)
    groups: dict[str, Shares] = {}
    for number, one in enumerate(obstacles):
        sorts |= (one.lack > 0).astype(np.int64) << min(number, 61)
        if isinstance(one.source, FreePorts):
            sorts |= (_beside_its_own(session, rows) & (one.lack > 0)).astype(np.int64) << 62
        for group, cost in _cost_of(session, rows, one):
            before = groups.get(group)
            # What is asked of less of an amount is asked once, whoever has not enough of it.
            groups[group] = cost if before is None else np.maximum(before, cost)
    total = np.zeros(len(rows))
    for cost in groups.values():
        total += cost
    return total, sorts


def _cheapest(cost: Shares, obstacles: Sequence[Obstacle]) -> int:
    """Return the cheapest node; of equals that which misses least, and then the smaller id."""
    equal = np.flatnonzero(cost == cost.min())
    lack = np.zeros(len(equal))
    for one in obstacles:
        lack += one.lack.take(equal)
    return int(equal[np.argmin(lack)])


def _cost_of(session: Session, rows: Rows, one: Obstacle) -> Iterator[tuple[str, Shares]]:
    source = one.source
    if isinstance(source, (Enough, Unreserved)):
        yield FIELDS[source.resource], one.lack
    elif isinstance(source, DeviceNeeds):
        yield one.name, source.given_up(session.columns, rows)
    elif isinstance(source, Budget):
        is_short = any(True for _ in source.short_of_others())
        yield one.name, np.where(source.affordable(rows) & (not is_short), 0.0, 1.0)
        for resource, left in source.short_amounts.items():
            wanted = getattr(session.workload.resources, FIELDS[resource])
            yield FIELDS[resource], np.full(len(rows), (wanted - left) / wanted)
    elif isinstance(source, FreePorts):
        # Beside an instance of its own no other port helps: it has to have none.
        cost = np.where(_beside_its_own(session, rows), DROPPED_PORT, 1.0)
        yield one.name, np.where(one.lack > 0, cost, 0.0)
    elif isinstance(source, Taints):
        yield one.name, np.where(one.lack > 0, 1.0, 0.0)
    elif _gives_way(source):
        yield one.name, one.lack
    else:
        yield one.name, np.where(one.lack > 0, np.inf, 0.0)


def _beside_its_own(session: Session, rows: Rows) -> Mask:
    return np.isin(rows, session.own_rows())


def _gives_way(source: Requirement | Term) -> bool:
    return bool(getattr(source, "gives_way", True))


class _Relaxing:
    """The relaxation for one node."""

    def __init__(
        self,
        session: Session,
        rows: Rows,
        obstacles: Sequence[Obstacle],
        staying: Sequence[Assignment],
        index: int,
    ) -> None:
        self.session, self.columns = session, session.columns
        self.rows, self.obstacles, self.staying = rows, obstacles, staying
        self.row = int(rows[index])
        against = [one.source for one in obstacles if one.lack[index] > 0]
        self.budgets = [one for one in session.budgets if _among(one, against)]
        self.terms = [one for one in session.terms if _among(one, against)]
        self.needs = [one for one in session.board.requirements if _among(one, against)]

    def ways(self) -> list[float]:
        """Return how much more than the least each way costs, the least first."""
        for need in self.needs:
            if isinstance(need, DeviceNeeds):
                found = need.eased(self.columns, self.row)
                return [one.given_up - found[0].given_up for one in found]
        return [0.0]

    def relaxed(self, cost: float, way: int) -> Relaxed | None:
        """Return it in one of the ways; None where something gives no way after all."""
        workload = self.session.workload
        spot = Spot(self.session.world, self.row, workload, way)
        easings = all_eased(spot, self.needs, self.budgets)
        if easings is None:
            return None
        whole = all(one.workload is not None for one in easings)
        whole = whole and not any(isinstance(one, RepelledTerm) for one in self.terms)
        workload = next((one.workload for one in reversed(easings) if one.workload), workload)
        texts = [text for one in easings for text in one.texts]
        anew = whole and self._depends_on_others(workload)
        terms: list[EasedTerm] = []
        for term in self.terms:
            if anew and isinstance(term, SpreadTerm):
                continue
            terms.append(eased_term(term, int(term.domains.of_row[self.row]), workload))
            texts.append(terms[-1].text)
            workload = terms[-1].workload or workload
        if anew:
            choosing = [
                need for one in easings for need in one.needs if isinstance(need, OtherPorts)
            ]
            return self._anew(workload, texts, cost, choosing)
        passes = self._passes(workload, easings, terms)
        return self._told(texts, cost, passes, workload if whole else None)

    def _depends_on_others(self, workload: Workload) -> bool:
        """Say whether what is changed may change what else than that is refused, anywhere."""
        asked = workload.placement
        if any(not one.weight for one in asked.spread) or asked.cost.max_per_hour is not None:
            return True
        return any(budget.depends_on_node for budget in self.session.budgets)

    def _anew(
        self, workload: Workload, texts: Sequence[str], cost: float, choosing: Sequence[OtherPorts]
    ) -> Relaxed | None:
        """Ask again, and widen the spreads for the domains that are open now.

        `choosing` are ports that the workload so changed does not have yet.
        """
        wider: dict[str, str] = {}
        for _ in range(MOST_ROUNDS):
            session = Session(self.session.world, workload, "", self.staying)
            if session.takes(self.row):
                taking = session.keys().take(session.layout.position.take(self.rows)) >= 0
                for need in choosing:
                    taking &= need.mask(self.columns, self.rows)
                return self._told([*texts, *wider.values()], cost, taking, workload)
            for term in session.terms:
                domain = int(term.domains.of_row[self.row])
                if isinstance(term, SpreadTerm) and any(True for _ in term.refusals(domain)):
                    easing = eased_term(term, domain, workload)
                    wider[term.name], workload = easing.text, easing.workload or workload
        return None

    def _told(
        self, texts: Sequence[str], cost: float, passes: Mask, workload: Workload | None
    ) -> Relaxed:
        facts = self.columns.facts(self.row)
        relaxation = Relaxation(
            node=facts.id,
            hostname=facts.hostname,
            changes=tuple(clip(text, MAX_TEXT) for text in dict.fromkeys(texts)),
            cost=max(LEAST, round(cost, 4)),
            nodes=int(np.count_nonzero(passes)),
        )
        return Relaxed(relaxation, workload)

    def _passes(
        self, workload: Workload, easings: Sequence[Easing], terms: Sequence[EasedTerm]
    ) -> Mask:
        """Say which nodes would take it."""
        passes = np.ones(len(self.rows), dtype=np.bool_)
        changed = (*self.needs, *self.budgets, *self.terms)
        for one in self.obstacles:
            need = one.source
            if isinstance(need, (Enough, Unreserved)):
                wanted = getattr(workload.resources, FIELDS[need.resource])
                less = dataclasses.replace(need, wanted=wanted) if wanted else None
                passes &= less is None or less.mask(self.columns, self.rows)
            elif not _among(need, changed):
                passes &= one.lack == 0
        for budget in self.budgets:
            passes &= budget.no_dearer(self.row, self.rows)
        for need in (need for one in easings for need in one.needs):
            passes &= need.mask(self.columns, self.rows)
        for term in (one.term for one in terms if one.term is not None):
            passes &= term.allowed(term.domains.of_row.take(self.rows))
        return passes


def _among(one: object, others: Sequence[object]) -> bool:
    return any(one is other for other in others)
