"""What a token may see and change of the fleet: nodes by their labels, and workloads by theirs.

Pure. A scope is pairs such as `site=quay-3`. A node is within it when its labels have each of them.
A workload is when its own constraints ask for each, so that it can never run elsewhere.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping

from skerry_hub import selector
from skerry_hub.model import Explanation, Node, Workload
from skerry_hub.placement.expression import AllOf, Comparison, Expression
from skerry_hub.placement.operators import Operator
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.state import Known
from skerry_hub.views import EventView, PlanView
from skerry_wire.labels import wrong

MOST_PAIRS = 8
LABEL = "node.labels."


class ScopeError(ValueError):
    """A scope cannot be understood; the text says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """The pairs of a scope, by key; without any, it is everything."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.pairs)

    def __bool__(self) -> bool:
        return bool(self.pairs)

    @property
    def keys(self) -> frozenset[str]:
        """Return the labels that it is about."""
        return frozenset(key for key, _ in self.pairs)

    @property
    def terms(self) -> tuple[selector.Term, ...]:
        """Return it as a selector of nodes."""
        return tuple(selector.Term(key, value, negated=False) for key, value in self.pairs)

    def has_node(self, node: Node | None) -> bool:
        """Say whether a node is within it; one that is not there is within everything."""
        if not self.pairs:
            return True
        return node is not None and selector.fits(self.terms, node.all_labels)

    def has_labels(self, labels: Mapping[str, str]) -> bool:
        """Say whether what has these labels is within it."""
        return not self.pairs or selector.fits(self.terms, labels)

    def has_workload(self, workload: Workload | None) -> bool:
        """Say whether a workload is within it."""
        if not self.pairs:
            return True
        return workload is not None and set(self.pairs) <= _asked_for(workload)


EVERYTHING = Scope()


def scope_of(text: str) -> Scope:
    """Read `site=quay-3,ward=b`. Raises ScopeError."""
    pairs: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        key, equals, value = part.partition("=")
        reason = wrong(key, value) if equals else "a scope is KEY=VALUE, of a node's label"
        if reason is None and not value:
            reason = "a value is missing"
        if reason is None and pairs.get(key, value) != value:
            reason = f"{key} has two values, which no node can have"
        if reason is not None:
            raise ScopeError(f"{part[:80]!r}: {reason}")
        pairs[key] = value
    if len(pairs) > MOST_PAIRS:
        raise ScopeError(f"more than {MOST_PAIRS} labels")
    return Scope(tuple(sorted(pairs.items())))


def _asked_for(workload: Workload) -> set[tuple[str, str]]:
    """Return the labels that each node of a workload must have."""
    found = {
        (one.key.removeprefix(LABEL), one.value)
        for one in workload.constraints
        if one.operator == "==" and one.key.startswith(LABEL)
    }
    for text in workload.expressions:
        found |= _pairs_of(text)
    return found


@functools.lru_cache(maxsize=4096)
def _pairs_of(text: str) -> frozenset[tuple[str, str]]:
    try:
        return frozenset(_equalities(expression(text)))
    except ExpressionError:
        return frozenset()  # what cannot be read asks for nothing


def _equalities(one: Expression) -> Iterator[tuple[str, str]]:
    match one:
        case AllOf(parts=parts):
            for part in parts:
                yield from _equalities(part)
        case Comparison(operator=Operator.EQUAL | Operator.IN) if len(
            one.texts
        ) == 1 and one.field.path.startswith(LABEL):
            yield one.field.path.removeprefix(LABEL), one.texts[0]


# --- names that are asked for --------------------------------------------------------------


def sees_node(scope: Scope, known: Known, name: str) -> bool:
    """Say whether a name means a node within a scope, and can mean no other."""
    if not scope:
        return True
    node = known.nodes.get(name)
    if node is not None:
        return scope.has_node(node)
    named = [one for one in list(known.nodes.values()) if one.hostname == name]
    return bool(named) and all(map(scope.has_node, named))


def sees_workload(scope: Scope, known: Known, name: str) -> bool:
    """Say whether a workload is there, and within a scope."""
    if not scope:
        return True
    kept = known.workloads.get(name)
    return kept is not None and scope.has_workload(kept.workload)


def sees_instance(scope: Scope, known: Known, name: str) -> bool:
    """Say whether an instance's workload and each node that has it are within a scope."""
    if not scope:
        return True
    assignment = known.assignments.get(name)
    if assignment is None or not sees_workload(scope, known, assignment.workload):
        # What a node still runs, and nobody wants any more, is of no workload.
        return False
    return scope.has_node(known.nodes.get(assignment.node))


# --- answers, narrowed ---------------------------------------------------------------------


def narrowed_events(scope: Scope, known: Known, events: Iterable[EventView]) -> list[EventView]:
    """Return the events of nodes and workloads within a scope."""
    if not scope:
        return list(events)
    nodes = _remembered(lambda name: scope.has_node(known.nodes.get(name)))
    workloads = _remembered(lambda name: sees_workload(scope, known, name))
    return [one for one in events if nodes(one.node) or (one.workload and workloads(one.workload))]


def narrowed_explanation(scope: Scope, known: Known, found: Explanation) -> Explanation:
    """Return an explanation that tells of nodes within a scope alone; the rest is not counted."""
    if not scope:
        return found
    here = _remembered(lambda name: scope.has_node(known.nodes.get(name)))
    verdicts = tuple(one for one in found.verdicts if here(one.node))
    standings = tuple(
        dataclasses.replace(
            one, runners_up=tuple(runner for runner in one.runners_up if here(runner.node))
        )
        for one in found.standings
        if here(one.node)
    )
    return dataclasses.replace(
        found,
        feasible=sum(one.feasible for one in verdicts),
        nodes=len(verdicts),
        blocked={},
        alone={},
        verdicts=verdicts,
        relaxations=tuple(one for one in found.relaxations if here(one.node)),
        standings=standings,
    )


def narrowed_plan(
    scope: Scope, known: Known, plan: PlanView, asked: Iterable[Workload] = ()
) -> PlanView:
    """Return a plan that tells of what is within a scope alone; `asked` may not be known yet."""
    if not scope:
        return plan
    new = {one.name: one for one in asked}

    def within(name: str) -> bool:
        found = new.get(name)
        return sees_workload(scope, known, name) if found is None else scope.has_workload(found)

    changes = tuple(
        one
        for one in plan.changes
        if within(one.workload) or scope.has_node(known.nodes.get(one.node))
    )
    return dataclasses.replace(
        plan,
        changes=changes,
        orphans=tuple(one for one in plan.orphans if sees_workload(scope, known, one)),
        unplaced=tuple(
            narrowed_explanation(scope, known, one) for one in plan.unplaced if within(one.workload)
        ),
    )


def _remembered(test: Callable[[str], bool]) -> Callable[[str], bool]:
    return functools.lru_cache(maxsize=None)(test)
