"""Terms over domains that no fleet can ever fulfil for all replicas of a workload. Pure.

Only `node` is known to be finer than every other topology: two labels may lie across each other.
A node without a label is in none of its domains, where neither `at most` nor `antiAffinity` counts,
so these only say something of a label that the workload's nodes must have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skerry_hub.fleet.fields import LABEL, field
from skerry_hub.model import Workload
from skerry_hub.placement.about import is_about
from skerry_hub.placement.contradiction import MAX_EFFORT, MOST_TOLD
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import Comparison, Expression
from skerry_hub.placement.literals import Formula, Literal, formula
from skerry_hub.placement.operators import Operator
from skerry_hub.placement.satisfiability import may_hold
from skerry_hub.terms import NODE, Affinity, AtMost

Term = Affinity | AtMost


def contradicted_terms(
    workload: Workload, expressions: Sequence[Expression], within: Effort | None = None
) -> Iterator[tuple[Term, str]]:
    """Give each term that leaves too little beside the others and all expressions, and why."""
    asked = workload.placement
    musts = [one for one in asked.affinity if one.weight is None]
    if not musts and not asked.at_most:
        return
    known = _Known(workload, expressions, Effort(MAX_EFFORT, within))
    opposed = dict(_opposed(workload, musts, known))
    yield from opposed.items()
    told = {(one.workload, one.selector) for one in opposed}
    for term, limit in _limits(workload, musts):
        if limit.count >= workload.replicas:
            continue
        if isinstance(term, Affinity) and (term.workload, term.selector) in told:
            continue
        why = _in_one_domain(workload, musts, limit, known) or _overfull(workload, limit, known)
        if why is not None:
            yield term, why


def field_of(workload: Workload, term: Term) -> str:
    """Return the field of the record where a term stands."""
    asked = workload.placement
    if isinstance(term, Affinity):
        return f"placement.affinity[{asked.affinity.index(term)}]"
    return f"placement.at_most[{asked.at_most.index(term)}]"


class _Known:
    """What the expressions, and terms that are musts, say of every node of a workload."""

    def __init__(
        self, workload: Workload, expressions: Sequence[Expression], effort: Effort
    ) -> None:
        self._formulas = tuple(map(formula, expressions))
        self._effort = effort
        asked = workload.placement
        near = {one.topology for one in asked.affinity if one.weight is None and not one.anti}
        even = {one.topology for one in asked.spread if one.weight is None}
        self._inside = {NODE, *near, *even}

    def is_inside(self, topology: str) -> bool:
        """Say whether every node is in a domain of a topology, whatever node it is."""
        return topology in self._inside or not self._may(
            Comparison(field(f"{LABEL}{topology}"), Operator.NOT_EXISTS)
        )

    def domains(self, topology: str) -> tuple[str, ...] | None:
        """Return the only domains that there may be; None where nothing names them."""
        asked = field("node.id" if topology == NODE else f"{LABEL}{topology}")
        named = dict.fromkeys(
            str(value)
            for one in self._formulas
            for test in _tests(one)
            if test.field == asked and test.operator is Operator.IN
            for value in test.wanted
        )
        every = tuple(named)
        if not every or self._may(Comparison(asked, Operator.NOT_IN, every, every)):
            return None
        tests = ((one, Comparison(asked, Operator.EQUAL, (one,), (one,))) for one in every)
        return tuple(one for one, test in tests if self._may(test))

    def _may(self, test: Comparison) -> bool:
        return may_hold((*self._formulas, formula(test)), self._effort)


def _tests(one: Formula) -> Iterator[Comparison]:
    if isinstance(one, Literal):
        yield one.test
        return
    for part in one.parts:
        yield from _tests(part)


def _opposed(
    workload: Workload, musts: Sequence[Affinity], known: _Known
) -> Iterator[tuple[Affinity, str]]:
    """Give what must be apart from those that another term wants near."""
    for index, one in enumerate(musts):
        for before in musts[:index]:
            same = (one.workload, one.selector) == (before.workload, before.selector)
            if not same or one.anti is before.anti:
                continue
            if workload.replicas < 2 and is_about(one, workload):
                continue  # the first is near its like, and far from it, alone
            far, near = (one, before) if one.anti else (before, one)
            if far.topology == near.topology:
                yield one, "affinity and antiAffinity to the same never hold together"
                break
            if near.topology == NODE and known.is_inside(far.topology):
                yield one, f"{far} never holds beside {near}, since a node is in one {far.topology}"
                break


def _limits(workload: Workload, musts: Sequence[Affinity]) -> Iterator[tuple[Term, AtMost]]:
    """Give every limit of a workload's own instances in a domain, and the term that makes it."""
    for limit in workload.placement.at_most:
        yield limit, limit
    for one in musts:
        if one.anti and is_about(one, workload):
            yield one, AtMost(topology=one.topology, count=1)


def _in_one_domain(
    workload: Workload, musts: Sequence[Affinity], limit: AtMost, known: _Known
) -> str | None:
    """Return why not all replicas may be in the one domain in which they must be together."""
    for one in musts:
        if one.anti or one.workload != workload.name:
            continue
        if one.topology == limit.topology or (
            one.topology == NODE and known.is_inside(limit.topology)
        ):
            return f"{workload.replicas} replicas never fit with {limit}: {one} keeps them together"
    return None


def _overfull(workload: Workload, limit: AtMost, known: _Known) -> str | None:
    """Return why the domains that the expressions name take too few; None where they suffice."""
    domains = known.domains(limit.topology)
    # Where there is none, the expressions contradict each other.
    if not domains or len(domains) * limit.count >= workload.replicas:
        return None
    more = len(domains) - MOST_TOLD
    names = ", ".join(domains[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
    only = f"only {limit.topology} {names} may take any"
    return f"{workload.replicas} replicas never fit with {limit}: {only}"
