"""Which expressions contradict each other: no node can fulfil them, whatever the fleet. Pure.

`explain` says of a real fleet what blocks; this is for what can be refused before, with its line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import Expression
from skerry_hub.placement.literals import Formula, formula
from skerry_hub.placement.satisfiability import may_hold

MAX_EFFORT = 10_000
"""Of one list, in tests of one value: some hundredths of a second at the worst."""

MAX_REQUEST = 500_000
"""Of all lists of one request: some seconds."""

MOST_TOLD = 5
"""Most expressions that a reason names beside the one that is refused."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contradiction:
    """An expression, by its index, that no node can fulfil beside others before it.

    Were one of those others left out, some node might, as far as the effort was enough to tell.
    """

    index: int
    beside: tuple[int, ...]


def contradictions(
    expressions: Sequence[Expression], within: Effort | None = None
) -> Iterator[Contradiction]:
    """Give each expression that contradicts those before it that do not contradict themselves.

    `within`: what the whole request may still spend.
    """
    effort = Effort(MAX_EFFORT, within)
    formulas = [formula(one) for one in expressions]
    if may_hold(formulas, effort):
        return
    kept: list[int] = []
    for index in range(len(formulas)):
        if may_hold([formulas[one] for one in (*kept, index)], effort):
            kept.append(index)
        else:
            yield Contradiction(index, _needed(formulas, kept, index, effort))
    if len(kept) == len(formulas):
        # It is proven of all together, and there was no effort left to find which.
        yield Contradiction(kept[-1], tuple(kept[:-1]))


def _needed(
    formulas: Sequence[Formula], kept: Sequence[int], index: int, effort: Effort
) -> tuple[int, ...]:
    """Return those of the kept without which there would be no contradiction."""
    needed = list(kept)
    for one in kept:
        rest = [other for other in needed if other != one]
        if not may_hold([formulas[other] for other in (*rest, index)], effort):
            needed = rest
    return tuple(needed)


def reason(
    expressions: Sequence[Expression],
    found: Contradiction,
    *,
    what: str = "node",
    named: Callable[[int], str] | None = None,
) -> str:
    """Return `no node can fulfil A beside B and C`; `named` says more of one than its text."""
    said = named or (lambda index: str(expressions[index]))
    others = [said(index) for index in found.beside[:MOST_TOLD]]
    more = len(found.beside) - MOST_TOLD
    if more > 0:
        others.append(f"{more} more")
    beside = f" beside {' and '.join(others)}" if others else ""
    return f"no {what} can fulfil {expressions[found.index]}{beside}"
