"""Mending a skew: which instances move, so that the hard spreads of a workload hold again. Pure.

Nodes come, go and change their labels, and workloads ask for other spreads: then a domain has too
many. Each move is of one instance out of such a domain, to where it could be placed now, and only
if all spreads together have fewer too many afterwards: several spreads often pull against each
other, and what moves for one must not come back for another. So it ends, and the same again moves
nothing. A skew that no such move mends stays: nothing ends for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skerry_hub.model import Assignment, Workload
from skerry_hub.placement.board import board_of
from skerry_hub.placement.outcome import Outcome, rank_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.topology import SpreadTerm, Term, terms_of
from skerry_hub.placement.world import World
from skerry_hub.terms import NODE

MOST_TRIES = 64
"""How many instances, each in other domains, are tried for one move: each looks at all nodes."""


def mend_skew(world: World, workload: Workload, outcome: Outcome) -> bool:
    """Move instances out of domains that have too many; say whether any moved.

    What moves is changed in the columns and in `outcome`, which has what is placed already.
    """
    mending = _Mending(world, workload, outcome)
    moved = False
    while mending.move_one():
        moved = True
    return moved


class _Mending:
    def __init__(self, world: World, workload: Workload, outcome: Outcome) -> None:
        self._world, self._workload, self._outcome = world, workload, outcome
        board = board_of(world, workload)
        terms = terms_of(world, workload, board.layout, board.passes_once)
        musts = [term for term in terms if not term.weight]
        self._spreads = [term for term in musts if isinstance(term, SpreadTerm)]
        self._by_labels = [term for term in musts if term.domains.topology != NODE]
        self._there = {
            name: after
            for name, (_, after, _) in outcome.items()
            if after is not None and after.finished is None
        }
        self._domains = {
            name: self._domains_of(self._spreads, one) for name, one in self._there.items()
        }
        """In which domain of each spread an instance is."""
        for name in self._there:
            self._count(name)
        self._newest = sorted(
            (name for name, one in self._there.items() if self._is_known(one)),
            key=lambda name: rank_of(workload.name, name),
            reverse=True,
        )

    def _is_known(self, one: Assignment) -> bool:
        """Say whether a node told its labels: what is not known of it moves nothing."""
        row = self._world.columns.row(one.node)
        return row is not None and self._world.columns.facts(row).is_known

    def _domains_of(self, terms: Sequence[Term], one: Assignment) -> tuple[int, ...]:
        row = self._world.columns.row(one.node)
        return tuple(
            len(term.domains) if row is None else int(term.domains.of_row[row]) for term in terms
        )

    def _count(self, name: str) -> None:
        for term, domain in zip(self._spreads, self._domains[name], strict=True):
            term.add(domain)

    def _take_away(self, name: str) -> None:
        for term, domain in zip(self._spreads, self._domains[name], strict=True):
            term.take_away(domain)

    def _too_many(self) -> int:
        return sum(int(term.too_many().sum()) for term in self._spreads)

    def move_one(self) -> bool:
        """Move the first that makes it more even; say whether there was one."""
        before = self._too_many()
        if not before:
            return False
        tried: set[tuple[int, ...]] = set()
        for name, why in self._crowded():
            # Of those in the same domains, one can go where the other can. Other terms by node
            # do not tell them apart: none comes back to the node that it leaves.
            at = self._domains[name] + self._domains_of(self._by_labels, self._there[name])
            if at in tried:
                continue
            if len(tried) == MOST_TRIES:
                return False
            tried.add(at)
            if self._move(name, why, before):
                return True
        return False

    def _crowded(self) -> Iterator[tuple[str, str]]:
        """Give who is where too many are and why it moves: the fullest domain, the newest first."""
        for index, term in enumerate(self._spreads):
            too_many = term.too_many()
            for domain in (-too_many).argsort(kind="stable").tolist():
                if not too_many[domain]:
                    break
                for name in self._newest:
                    if self._domains[name][index] == domain:
                        yield name, f"too many in {term.word(domain)}"

    def _move(self, name: str, why: str, before: int) -> bool:
        """Move an instance to its best node, if fewer than `before` are too many then."""
        columns, one, left = self._world.columns, self._there.pop(name), self._domains[name]
        columns.release(one)
        self._take_away(name)
        was, _, reason = self._outcome[name]
        placed = self._place(name, was)
        if placed is not None:
            self._domains[name] = self._domains_of(self._spreads, placed)
            self._count(name)
            if self._too_many() < before:
                self._there[name] = placed
                self._outcome[name] = was, placed, reason or why
                return True
            columns.release(placed)
            self._take_away(name)
        columns.reserve(one)
        self._there[name], self._domains[name] = one, left
        self._count(name)
        return False

    def _place(self, name: str, was: Assignment | None) -> Assignment | None:
        session = Session(
            self._world, self._workload, self._workload.revision, self._there.values()
        )
        # Where it comes back to its node, it has its devices again.
        return session.place(name, {hold.device for hold in was.held} if was else ())
