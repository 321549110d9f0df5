"""Which expressions contradict each other: no node can fulfil them, whatever the fleet. Pure.

`explain` says of a real fleet what blocks; this is for what can be refused before, with its line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import Expression
from skerry_hub.placement.satisfiability import may_hold

MAX_EFFORT = 50_000
"""Of one list, in tests of one value: some tenths of a second at the worst."""

MOST_TOLD = 5
"""Most expressions that a reason names beside the one that is refused."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contradiction:
    """An expression, by its index, that no node can fulfil beside others before it.

    Were one of those others left out, some node might; there may be none.
    """

    index: int
    beside: tuple[int, ...]


def contradictions(expressions: Sequence[Expression]) -> Iterator[Contradiction]:
    """Give each expression that contradicts those before it that do not contradict themselves."""
    effort = Effort(MAX_EFFORT)
    if may_hold(expressions, effort):
        return
    kept: list[int] = []
    for index in range(len(expressions)):
        if may_hold([expressions[one] for one in (*kept, index)], effort):
            kept.append(index)
        else:
            yield Contradiction(index, _needed(expressions, kept, index, effort))


def _needed(
    expressions: Sequence[Expression], kept: Sequence[int], index: int, effort: Effort
) -> tuple[int, ...]:
    """Return those of the kept without which there would be no contradiction."""
    needed = list(kept)
    for one in kept:
        rest = [other for other in needed if other != one]
        if not may_hold([expressions[other] for other in (*rest, index)], effort):
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
