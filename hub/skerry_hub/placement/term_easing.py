"""What would have to be asked for instead of a term, so that one node passes it. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from skerry_hub.model import Workload
from skerry_hub.placement.topology import AtMostTerm, RepelledTerm, SpreadTerm, Term
from skerry_hub.terms import Affinity, AtMost, Spread

T = TypeVar("T", AtMost, Spread, Affinity)


@dataclasses.dataclass(frozen=True, slots=True)
class EasedTerm:
    """One change by which a node passes a term.

    `workload` is None where it is another workload that changes, `term` where the term is dropped.
    """

    text: str
    workload: Workload | None
    term: Term | None = None


def eased_term(term: Term, domain: int, workload: Workload) -> EasedTerm:
    """Return the change by which a domain may take one more."""
    reasons = "; ".join(one.text for one in term.refusals(domain))
    if isinstance(term, RepelledTerm):
        return EasedTerm(f"change the workload whose antiAffinity keeps it away ({reasons})", None)
    asked = workload.placement
    if isinstance(term, AtMostTerm):
        most = term.needed(domain)

        def more(one: AtMost) -> AtMost:
            return dataclasses.replace(one, count=most)

        text = f"allow {most} per {term.domains.topology} ({reasons})"
        at_most = _changed(asked.at_most, term.name, more)
        return EasedTerm(text, _with(workload, at_most=at_most), term.with_most(most))
    if isinstance(term, SpreadTerm) and domain < len(term.domains):
        skew = term.needed(domain)

        def wider(one: Spread) -> Spread:
            return dataclasses.replace(one, max_skew=skew)

        text = f"allow a maxSkew of {skew} over {term.domains.topology} ({reasons})"
        spread = _changed(asked.spread, term.name, wider)
        return EasedTerm(text, _with(workload, spread=spread), term.with_skew(skew))
    text = f"drop {term.name} ({reasons})"
    if isinstance(term, SpreadTerm):
        return EasedTerm(text, _with(workload, spread=_changed(asked.spread, term.name, None)))
    return EasedTerm(text, _with(workload, affinity=_changed(asked.affinity, term.name, None)))


def _with(workload: Workload, **changes: object) -> Workload:
    placement = dataclasses.replace(workload.placement, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(workload, placement=placement)


def _changed(terms: Sequence[T], name: str, change: Callable[[T], T] | None) -> tuple[T, ...]:
    """Return terms with those of a name that are musts changed, or without them."""
    found = []
    for one in terms:
        is_wish = not isinstance(one, AtMost) and one.weight is not None
        if is_wish or str(one) != name:
            found.append(one)
        elif change is not None:
            found.append(change(one))
    return tuple(found)
