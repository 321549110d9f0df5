"""How good nodes are to a workload, with what makes it up, in people's numbers. Pure."""

from __future__ import annotations

import dataclasses

import numpy as np

from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.model import Part, Parts
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.scores import own_spread_of
from skerry_hub.placement.session import Session


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """One node's score, from 0 to 1, and its parts by name.

    It is its `points` by `most`, the sum of all weights: those of a node that could not be better.
    """

    total: float
    points: float
    most: int
    parts: Parts


def scores_of(session: Session, rows: Rows) -> list[Score]:
    """Return the scores of rows that take one more instance, as the session counts them now."""
    found: dict[str, tuple[int, Counts]] = {}
    spread = own_spread_of(session.world, session.workload)
    own = [spread.of(session.own(row)) for row in rows.tolist()]
    _put(found, spread.name, spread.weight, np.array(own, dtype=np.int64))
    for one in session.board.points:
        _put(found, one.name, one.weight, one.of(session.columns, rows))
    for term in session.terms:
        _put(found, term.name, term.weight, term.points(term.domains.of_row.take(rows)))
    most = sum(weight for weight, _ in found.values())
    return [_score(found, most, at) for at in range(len(rows))]


def _put(found: dict[str, tuple[int, Counts]], name: str, weight: int, of: Counts) -> None:
    """Add a part, its points times its weight; those of one name are one part."""
    if weight:
        before = found.get(name, (0, np.int64(0)))
        found[name] = before[0] + weight, before[1] + weight * of


def _score(found: dict[str, tuple[int, Counts]], most: int, at: int) -> Score:
    points = sum(int(of[at]) for _, of in found.values())
    return Score(
        total=round(points / (SCALE * max(1, most)), 4),
        points=round(points / SCALE, 4),
        most=most,
        parts={
            name: Part(
                value=round(int(of[at]) / (SCALE * weight), 4),
                weight=weight,
                points=round(int(of[at]) / SCALE, 4),
            )
            for name, (weight, of) in found.items()
        },
    )
