"""What keeps nodes from taking one more instance: constraints, terms, quotas, over all. Pure."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from skerry_hub.fleet.arrays import Rows, Shares
from skerry_hub.placement.constraints import Requirement, lack_of
from skerry_hub.placement.quotas import Budget
from skerry_hub.placement.session import Session
from skerry_hub.placement.topology import Term


@dataclasses.dataclass(frozen=True, slots=True)
class Obstacle:
    """What some nodes refuse for, and how far each node is from passing: 0 (it does) to 1."""

    name: str
    source: Requirement | Term | Budget
    lack: Shares


def obstacles_of(session: Session, rows: Rows) -> list[Obstacle]:
    """Return everything for which any of these rows, all nodes, refuses one more instance."""
    every = itertools.chain(
        of_requirements(session, rows), of_terms(session, rows), of_budgets(session, rows)
    )
    return [one for one in every if one.lack.any()]


def of_requirements(session: Session, rows: Rows) -> Iterator[Obstacle]:
    """Give what is required of a node, as the columns are now."""
    # Row by row, whether there is a node or not: memory is read in its own order.
    everyone = np.arange(session.columns.size)
    for need in session.board.requirements:
        lack = lack_of(need, session.columns, everyone).take(rows)
        yield Obstacle(need.name, need, lack)


def of_terms(session: Session, rows: Rows) -> Iterator[Obstacle]:
    """Give the terms that are musts, as the session counts them."""
    for term in session.terms:
        if not term.weight:
            passes = term.allowed(term.domains.of_row.take(rows))
            yield Obstacle(term.name, term, (~passes).astype(np.float64))


def of_budgets(session: Session, rows: Rows) -> Iterator[Obstacle]:
    """Give the quotas, as the session counts them."""
    for budget in session.budgets:
        is_short = any(True for _ in budget.short())
        passes = budget.affordable(rows) & (not is_short)
        yield Obstacle(budget.name, budget, (~passes).astype(np.float64))


def by_name(obstacles: Iterable[Obstacle]) -> dict[str, Shares]:
    """Return how far nodes are from passing each; of two of one name, from the farther one."""
    found: dict[str, Shares] = {}
    for one in obstacles:
        before = found.get(one.name)
        found[one.name] = one.lack if before is None else np.maximum(before, one.lack)
    return found
