"""TERMS: what depends on where other instances are: affinity, spread, at most so many. Pure.

A term counts instances in the domains of a topology. It says which domains may take one more, and
how much each is liked. Nodes that are in no domain have a number of their own, after the last one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Numbers
from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Workload
from skerry_hub.placement.about import are_waiting, is_about, others_of
from skerry_hub.placement.layout import Domains, Layout
from skerry_hub.placement.points import SCALE
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, AtMost, Spread


class Term(Protocol):
    """One term of one workload, while its instances are placed."""

    name: str
    domains: Domains
    counts: Counts
    weight: int
    """0 where it is a must."""

    def allowed(self, domains: Numbers) -> Mask:
        """Say which of these domains may take one more."""

    def points(self, domains: Numbers) -> Counts:
        """Return how much each of these domains is liked, from 0 to SCALE."""

    def add(self, domain: int) -> bool:
        """Count an instance of the workload; say whether other domains' answers may change."""

    def refusals(self, domain: int) -> Iterator[Refusal]:
        """Give why a domain takes none; nothing where it does."""


class _Counting:
    """What all terms have: the counts, the last of which is of nodes in no domain."""

    def __init__(self, name: str, domains: Domains, weight: int | None) -> None:
        self.name = name
        self.domains = domains
        self.weight = weight or 0
        self.counts: Counts = np.zeros(len(domains) + 1, dtype=np.int64)

    def points(self, domains: Numbers) -> Counts:
        """Like all domains the same."""
        return np.zeros(len(domains), dtype=np.int64)

    def add(self, domain: int) -> bool:
        """Count an instance of the workload."""
        self.counts[domain] += 1
        return False

    def in_none(self, domains: Numbers) -> Mask:
        """Say which of these stand for nodes that are in no domain."""
        found: Mask = domains == len(self.domains)
        return found

    def within(self, count: object, domain: int) -> str:
        """Return how many are in a domain, or that the node is in none."""
        if domain >= len(self.domains):
            return f"{count}: the node has no {self.domains.topology}"
        return f"{count} in {self.word(domain)}"

    def word(self, domain: int) -> str:
        """Return a domain as people know it, or that there is none."""
        if domain >= len(self.domains):
            return f"no {self.domains.topology}"
        return f"{self.domains.topology} {self.domains.names[domain]}"


class AtMostTerm(_Counting):
    """No more than so many in a domain; nodes in none are not counted."""

    def __init__(self, term: AtMost, domains: Domains) -> None:
        super().__init__(str(term), domains, None)
        self._most = term.count

    def allowed(self, domains: Numbers) -> Mask:
        """Say which of these domains may take one more."""
        passes: Mask = (self.counts.take(domains) < self._most) | self.in_none(domains)
        return passes

    def refusals(self, domain: int) -> Iterator[Refusal]:
        """Give how many there are."""
        if domain < len(self.domains) and self.counts[domain] >= self._most:
            text = f"{self.counts[domain]} of {self._most} in {self.word(domain)} already"
            yield Refusal(text, is_shortage=True)

    def needed(self, domain: int) -> int:
        """Return how many would have to be allowed for one more in a domain."""
        return int(self.counts[domain]) + 1

    def with_most(self, most: int) -> AtMostTerm:
        """Return the same counts under another limit."""
        found = copy.copy(self)
        found._most = most
        return found


class AntiAffinityTerm(_Counting):
    """Nowhere where one of the others is. `own`: the workload is one of the others."""

    def __init__(self, term: Affinity, domains: Domains, *, own: bool) -> None:
        super().__init__(str(term), domains, term.weight)
        self.own = own
        self._others = term.workload or term.selector

    def allowed(self, domains: Numbers) -> Mask:
        """Say which of these domains may take one more."""
        if self.weight:
            return np.ones(len(domains), dtype=np.bool_)
        passes: Mask = (self.counts.take(domains) == 0) | self.in_none(domains)
        return passes

    def points(self, domains: Numbers) -> Counts:
        """Like a domain the less the more of the others are there."""
        there = np.where(self.in_none(domains), 0, self.counts.take(domains))
        found: Counts = SCALE // (1 + there)
        return found

    def add(self, domain: int) -> bool:
        """Count an instance of the workload, where it is one of the others."""
        self.counts[domain] += self.own
        return False

    def refusals(self, domain: int) -> Iterator[Refusal]:
        """Give what is there."""
        if not self.weight and domain < len(self.domains) and self.counts[domain]:
            yield Refusal(f"{self.counts[domain]} of {self._others} in {self.word(domain)}")


class RepelledTerm(_Counting):
    """Nowhere where others are that do not want this workload beside them."""

    def __init__(self, topology: str, domains: Domains) -> None:
        super().__init__(f"antiAffinity of others by {topology}", domains, None)
        self._by: dict[int, str] = {}

    def repel(self, domain: int, workload: str) -> None:
        """Note an instance of a workload that wants none beside it."""
        self.counts[domain] += 1
        self._by[domain] = workload

    def allowed(self, domains: Numbers) -> Mask:
        """Say which of these domains may take one more."""
        passes: Mask = (self.counts.take(domains) == 0) | self.in_none(domains)
        return passes

    def add(self, domain: int) -> bool:  # noqa: ARG002 - as every term
        """Count nothing: they are about others."""
        return False

    def refusals(self, domain: int) -> Iterator[Refusal]:
        """Give who does not want it."""
        if domain < len(self.domains) and self.counts[domain]:
            text = f"{self._by[domain]} in {self.word(domain)} wants none of this beside it"
            yield Refusal(text)


class AffinityTerm(_Counting):
    """Only where one of the others is. `own`: the workload is one of the others."""

    def __init__(self, term: Affinity, domains: Domains, *, own: bool) -> None:
        super().__init__(str(term), domains, term.weight)
        self.own = own
        self._others = term.workload or term.selector

    @property
    def _first(self) -> bool:
        """Say whether there is none yet, and the first may be the workload's own."""
        return self.own and not self.counts.any()

    def allowed(self, domains: Numbers) -> Mask:
        """Say which of these domains may take one more."""
        if self.weight:
            return np.ones(len(domains), dtype=np.bool_)
        inside = ~self.in_none(domains)
        return inside if self._first else inside & (self.counts.take(domains) > 0)

    def points(self, domains: Numbers) -> Counts:
        """Like the domains where one of the others is."""
        there = (self.counts.take(domains) > 0) & ~self.in_none(domains)
        return there * np.int64(SCALE)

    def add(self, domain: int) -> bool:
        """Count an instance of the workload, where it is one of the others."""
        first = self._first
        self.counts[domain] += self.own
        return first

    def refusals(self, domain: int) -> Iterator[Refusal]:
        """Give what is not there."""
        if not self.allowed(np.array([domain]))[0]:
            yield Refusal(self.within(f"none of {self._others}", domain))

    def separation(self, domain: int) -> str | None:
        """Return why an instance that is there is apart from all others, None where it is not.

        One that is its own other may have been the first, and the others came elsewhere later.
        """
        if not self.own or self.counts[domain] > 1:
            return None
        return self.within(f"no other of {self._others}", domain)

    def take_away(self, domain: int) -> None:
        """Count one less."""
        self.counts[domain] -= 1


class SpreadTerm(_Counting):
    """No domain has `max_skew` more than the one with the fewest, against the weights.

    Only domains with a node that could take an instance count: those are `eligible`.
    """

    def __init__(self, term: Spread, domains: Domains, eligible: Mask) -> None:
        super().__init__(str(term), domains, term.weight)
        self._skew = term.max_skew
        self._eligible = np.flatnonzero(eligible)
        self._weights: Counts = np.ones(len(self.counts), dtype=np.int64)
        if term.weights:
            self._weights[:-1] = [term.weights.get(name, 1) for name in domains.names]
        self._least = self._find_least()

    def _find_least(self) -> int:
        """Return the domain with the fewest against its weight; -1 where none counts."""
        if not len(self._eligible):
            return -1
        # Quotients of whole numbers below 2**53 are equal exactly when they should be.
        quotients = self.counts.take(self._eligible) / self._weights.take(self._eligible)
        return int(self._eligible[int(quotients.argmin())])

    def allowed(self, domains: Numbers) -> Mask:
        """Say which of these domains may take one more."""
        if self.weight:
            return np.ones(len(domains), dtype=np.bool_)
        inside = ~self.in_none(domains)
        return inside if self._least < 0 else inside & (self._over(domains, 1) <= 0)

    def _over(self, domains: Numbers, more: int) -> Counts:
        """Return how far these domains would be over the skew with so many more; above 0: are."""
        fewest, of = int(self.counts[self._least]), int(self._weights[self._least])
        weights = self._weights.take(domains)
        return (self.counts.take(domains) + more - self._skew * weights) * of - fewest * weights

    def needed(self, domain: int) -> int:
        """Return the skew that would have to be allowed for one more in a domain."""
        fewest, of = int(self.counts[self._least]), int(self._weights[self._least])
        weight = int(self._weights[domain])
        return -(-((int(self.counts[domain]) + 1) * of - fewest * weight) // (weight * of))

    def with_skew(self, skew: int) -> SpreadTerm:
        """Return the same counts under another skew."""
        found = copy.copy(self)
        found._skew = skew
        return found

    def points(self, domains: Numbers) -> Counts:
        """Like a domain the less the more are there, against its weight."""
        weights = self._weights.take(domains)
        found: Counts = SCALE * weights // (weights + self.counts.take(domains))
        return np.where(self.in_none(domains), 0, found)

    def add(self, domain: int) -> bool:
        """Count an instance of the workload."""
        self.counts[domain] += 1
        if domain != self._least:
            return False
        count, weight = int(self.counts[domain]) - 1, int(self._weights[domain])
        self._least = self._find_least()
        return count * int(self._weights[self._least]) != int(self.counts[self._least]) * weight

    def refusals(self, domain: int) -> Iterator[Refusal]:
        """Give how uneven it would be."""
        if self.allowed(np.array([domain]))[0]:
            return
        if domain >= len(self.domains):
            yield Refusal(f"the node has no {self.domains.topology} to spread over")
            return
        least = self._least
        yield Refusal(
            f"{self.counts[domain]} in {self.word(domain)} and {self.counts[least]} in "
            f"{self.word(least)}: one more is a skew over {self._skew}"
        )

    def too_many(self) -> Counts:
        """Return how many would have to leave each domain, to be within the skew."""
        if self._least < 0:
            return np.zeros(len(self.domains), dtype=np.int64)
        over = np.maximum(self._over(np.arange(len(self.domains)), 0), 0)
        found: Counts = -(-over // self._weights[self._least])
        return found

    def take_away(self, domain: int) -> None:
        """Count one less."""
        self.counts[domain] -= 1
        self._least = self._find_least()


# --- from what is asked for ---------------------------------------------------------------


def terms_of(world: World, workload: Workload, layout: Layout, passes: Mask) -> list[Term]:
    """Return a workload's terms, with what other workloads have counted in.

    `passes` says, by position in the layout, which nodes could take an instance but for others.
    """
    asked = workload.placement
    found: list[Term] = [AtMostTerm(one, layout.domains[one.topology]) for one in asked.at_most]
    for spread in asked.spread:
        domains = layout.domains[spread.topology]
        eligible = np.zeros(len(domains) + 1, dtype=np.bool_)
        eligible[domains.of_row.take(layout.rows[passes])] = True
        found.append(SpreadTerm(spread, domains, eligible[:-1]))
    for one in asked.affinity:
        domains = layout.domains[one.topology]
        own = is_about(one, workload)
        kind = AntiAffinityTerm if one.anti else AffinityTerm
        term = kind(one, domains, own=own)
        others = others_of(world.workloads, workload, one)
        for other in others:
            _count(world.columns, other, term)
        if not (one.anti or one.weight or own or term.counts.any()):
            # Who is waited for by all of them chooses, as one's own first does.
            term.own = are_waiting(world, workload, others)
        found.append(term)
    found += _repelled(world, workload, layout)
    return found


def _repelled(world: World, workload: Workload, layout: Layout) -> Iterable[Term]:
    terms: dict[str, RepelledTerm] = {}
    for other in world.repelling:
        if other.name == workload.name:
            continue
        for one in _repulsions(other, workload):
            domains = layout.domains[one.topology]
            term = terms.setdefault(one.topology, RepelledTerm(one.topology, domains))
            for there in world.columns.instances_of(other.name).values():
                row = world.columns.row(there.node)
                if row is not None:
                    term.repel(int(domains.of_row[row]), other.name)
    return terms.values()


def topologies_of(world: World, workload: Workload) -> tuple[str, ...]:
    """Return the topologies in which a workload's instances, or those it must not meet, count."""
    asked = workload.placement
    found = [one.topology for one in asked.at_most]
    found += [one.topology for one in asked.spread]
    found += [one.topology for one in asked.affinity]
    for other in world.repelling:
        if other.name != workload.name:
            found += [one.topology for one in _repulsions(other, workload)]
    return tuple(sorted(set(found)))


def _repulsions(other: Workload, workload: Workload) -> Iterator[Affinity]:
    """Give the terms by which another workload must not have this one beside it."""
    for one in other.placement.affinity:
        if one.anti and not one.weight and is_about(one, workload):
            yield one


def _count(columns: Columns, workload: str, term: AntiAffinityTerm | AffinityTerm) -> None:
    for one in columns.instances_of(workload).values():
        row = columns.row(one.node)
        if row is not None:
            term.counts[term.domains.of_row[row]] += 1
