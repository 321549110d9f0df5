"""What is asked of all nodes, and what each of them has against it. Pure.

Of a replicated workload it is one more instance. Of a global one it is another thing for each
node: where it has none, one more; where it has one, that one again, all others staying.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.model import Assignment, Resources, Workload
from skerry_hub.placement.constraints import refusals_of
from skerry_hub.placement.obstacles import (
    Obstacle,
    obstacles_of,
    of_budgets,
    of_requirements,
    of_terms,
)
from skerry_hub.placement.quotas import budgets_of
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.relaxing import Relaxed, relaxations
from skerry_hub.placement.scored import Score, scores_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.topology import AffinityTerm, SpreadTerm, Term
from skerry_hub.placement.world import World


class Asked(Protocol):
    """A question to all nodes; arrays are by the nodes' ids."""

    session: Session
    """It counts all that stays wherever the question is."""
    rows: Rows
    obstacles: Sequence[Obstacle]

    def refusals(self, row: int) -> list[tuple[str, Refusal]]:
        """Return every reason of a node, with the names of what they are of."""

    def keys(self) -> Counts:
        """Return the keys of all nodes, by position in the session's layout."""

    def scores(self, rows: Rows) -> list[Score]:
        """Return the scores of nodes that take it."""

    def relaxed(self, among: Sequence[int]) -> list[Relaxed]:
        """Return what would help so that one more node takes it; of a global one, `among` these."""


class OneMore:
    """One more instance, `staying` counted; the columns are as they are while it is asked."""

    def __init__(self, world: World, workload: Workload, staying: Sequence[Assignment]) -> None:
        self.session = Session(world, workload, "", staying)
        self.rows: Rows = world.columns.rows()
        self.obstacles: Sequence[Obstacle] = obstacles_of(self.session, self.rows)
        self._staying = staying

    def refusals(self, row: int) -> list[tuple[str, Refusal]]:
        """Return every reason of a node."""
        return _refusals(self.session, row)

    def keys(self) -> Counts:
        """Return the keys of all nodes."""
        return self.session.keys()

    def scores(self, rows: Rows) -> list[Score]:
        """Return the scores of nodes that take it."""
        return scores_of(self.session, rows)

    def relaxed(self, among: Sequence[int]) -> list[Relaxed]:  # noqa: ARG002 - as OnEach
        """Return what would help."""
        return relaxations(self.session, self.rows, self.obstacles, self._staying)


class OnEach:
    """Each node's own instance of a global workload, `current` being those that there are."""

    def __init__(self, world: World, workload: Workload, current: Sequence[Assignment]) -> None:
        self._world, self._workload, self._current = world, workload, current
        self._columns = world.columns
        self.session = Session(world, workload, "", current)
        self.rows: Rows = world.columns.rows()
        self._own = {
            row: one for one in current if (row := world.columns.row(one.node)) is not None
        }
        self._covered: Mask = np.isin(self.rows, list(self._own))
        with self._columns.trial():
            bare = self._bare()
            self._keys = bare.keys().copy()
            # What an instance uses up is of its node alone: that of others is in nobody's way.
            needs = list(of_requirements(self.session, self.rows))
        every = (*needs, *self._of_terms(bare), *self._of_budgets())
        self.obstacles: Sequence[Obstacle] = [one for one in every if one.lack.any()]

    def _bare(self) -> Session:
        """Give all instances back, and return a session that counts none of them."""
        for one in self._current:
            self._columns.release(one)
        return Session(self._world, self._workload, "")

    def _of_terms(self, bare: Session) -> Iterator[Obstacle]:
        at = np.flatnonzero(self._covered)
        musts = ([term for term in of.terms if not term.weight] for of in (self.session, bare))
        for one, term, alone in zip(of_terms(self.session, self.rows), *musts, strict=True):
            one.lack[at] = ~_keeping(term, alone, self.rows.take(at))
            yield one

    def _of_budgets(self) -> Iterator[Obstacle]:
        """Give the quotas: of instances that reserve the same, each is as good as the other."""
        alike: dict[Resources, list[int]] = {}
        for row, one in self._own.items():
            alike.setdefault(one.resources, []).append(row)
        found = list(of_budgets(self.session, self.rows))
        for rows in alike.values() if found else ():
            with self._columns.trial():
                self._columns.release(self._own[rows[0]])
                budgets = budgets_of(self._world, self._workload)
                refuse = [any(True for _ in one.reasons(rows[0])) for one in budgets]
            at = np.isin(self.rows, rows)
            for obstacle, refuses in zip(found, refuse, strict=True):
                obstacle.lack[at] = refuses
        yield from found

    def refusals(self, row: int) -> list[tuple[str, Refusal]]:
        """Return every reason of a node."""
        own = self._own.get(row)
        if own is None:
            return _refusals(self.session, row)
        with self._columns.trial():
            self._columns.release(own)
            others = [one for one in self._current if one.id != own.id]
            return _refusals(Session(self._world, self._workload, "", others), row)

    def keys(self) -> Counts:
        """Return the keys of all nodes, were it nowhere: nothing is chosen by them."""
        return self._keys

    def scores(self, rows: Rows) -> list[Score]:
        """Return the scores of nodes that take it, were it nowhere."""
        with self._columns.trial():
            return scores_of(self._bare(), rows)

    def relaxed(self, among: Sequence[int]) -> list[Relaxed]:
        """Return what would help so that one more of `among`, nodes without one, takes it."""
        at = np.array(among, dtype=np.intp)
        lacks = [dataclasses.replace(one, lack=one.lack.take(at)) for one in self.obstacles]
        against = [one for one in lacks if one.lack.any()]
        return relaxations(self.session, self.rows.take(at), against, self._current)


def _refusals(session: Session, row: int) -> list[tuple[str, Refusal]]:
    needs = session.board.requirements
    return [*refusals_of(session.columns, needs, row), *session.term_refusals(row)]


def _keeping(term: Term, bare: Term, rows: Rows) -> Mask:
    """Say which of these rows may have the instance again that each has, which is not counted.

    `bare` is the same term without any instance of the workload.
    """
    domains = term.domains.of_row.take(rows)
    if isinstance(term, SpreadTerm):
        # One less in a domain and then one more: no more than there are.
        within: Mask = np.append(term.too_many() == 0, False).take(domains)
        return within
    less = copy.copy(term)
    less.counts = term.counts - np.minimum(term.counts - bare.counts, 1)
    if isinstance(term, AffinityTerm) and term.own and term.counts.sum() > 1:
        # It is not the first: there are others, if only elsewhere.
        elsewhere: Mask = (less.counts.take(domains) > 0) & ~term.in_none(domains)
        return elsewhere
    return less.allowed(domains)


def asked_of(world: World, workload: Workload, staying: Sequence[Assignment]) -> Asked:
    """Return the question about a workload; of a replicated one `staying` is what stays."""
    kind = OnEach if workload.mode == "global" else OneMore
    return kind(world, workload, staying)
