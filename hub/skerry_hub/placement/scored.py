"""How good nodes are to a workload, with what makes it up, in people's numbers. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from skerry_hub.fleet.arrays import Counts, Rows
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.scores import own_spread_of
from skerry_hub.placement.session import Session


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """One node's score and its parts by name, each from 0 to 1."""

    total: float
    parts: Mapping[str, float]


def scores_of(session: Session, rows: Rows) -> list[Score]:
    """Return the scores of rows that take one more instance, as the session counts them now."""
    found: list[tuple[str, int, Counts]] = [
        (one.name, one.weight, one.of(session.columns, rows)) for one in session.board.points
    ]
    spread = own_spread_of(session.world, session.workload)
    own = [spread.of(session.own(row)) for row in rows.tolist()]
    found.append((spread.name, spread.weight, np.array(own, dtype=np.int64)))
    found += [
        (term.name, term.weight, term.points(term.domains.of_row.take(rows)))
        for term in session.terms
        if term.weight
    ]
    scale = SCALE * max(1, sum(weight for _, weight, _ in found))
    return [
        Score(
            total=round(sum(weight * int(of[at]) for _, weight, of in found) / scale, 4),
            parts={name: round(int(of[at]) / SCALE, 4) for name, weight, of in found if weight},
        )
        for at in range(len(rows))
    ]
