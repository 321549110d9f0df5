"""What no fleet can ever fulfil together, whatever its nodes are. Pure.

Of expressions only single tests of one value are looked at, which is what people get wrong: a
set, a nested expression or a version range may be impossible too, and then `explain` says which
one blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skerry_hub.fleet.facts import arch_names
from skerry_hub.fleet.fields import ARCH, LABEL, Single
from skerry_hub.placement.expression import Comparison, Expression
from skerry_hub.placement.operators import Operator
from skerry_hub.terms import NODE, Affinity, AtMost

_NAMING = frozenset({Operator.EQUAL, Operator.IN})
_UNTOLD = frozenset(
    {Operator.NOT_EXISTS, Operator.UNEQUAL, Operator.NOT_IN, Operator.VERSION_UNEQUAL}
)
"""The operators that hold where a node does not tell the field."""

_LOW = frozenset({Operator.MORE, Operator.AT_LEAST})
_HIGH = frozenset({Operator.LESS, Operator.AT_MOST})


def contradicted(expressions: Sequence[Expression], new: Expression) -> str | None:
    """Return why no node fulfils the new one beside the others; None where one may."""
    if not isinstance(new, Comparison) or new.field.many:
        return None
    same = [one for one in expressions if isinstance(one, Comparison) and one.field == new.field]
    tests = [*same, new]
    if _possible(tests):
        return None
    others = " and ".join(map(str, same))
    return f"no node can fulfil {new}{f' beside {others}' if others else ''}"


def overfull(
    expressions: Iterable[Expression], limits: Iterable[AtMost], replicas: int
) -> tuple[int, str] | None:
    """Return the first limit's index that leaves too few places, and why; None where none does.

    The expressions name the only domains that there can be: `node.labels.site in [a, b]`.
    """
    tests = [one for one in expressions if isinstance(one, Comparison)]
    for index, limit in enumerate(limits):
        domains = _domains(tests, limit.topology)
        if domains is not None and len(domains) * limit.count < replicas:
            places = f"{limit.topology} {', '.join(domains)}"
            return index, f"{replicas} replicas never fit with {limit}: only {places} may take any"
    return None


def opposed(affinities: Sequence[Affinity], name: str, replicas: int) -> tuple[int, str] | None:
    """Return the index of one that demands the opposite of an earlier one, and why.

    `name` is the workload's own, whose first instance may be near its like and far from it alike.
    """
    demands: dict[tuple[str, str, str], bool] = {}
    for index, one in enumerate(affinities):
        if one.weight is not None or (replicas < 2 and one.workload in (name, "")):
            continue
        if demands.setdefault((one.workload, one.selector, one.topology), one.anti) != one.anti:
            return index, "affinity and antiAffinity to the same never hold together"
    return None


def _domains(tests: Sequence[Comparison], topology: str) -> tuple[str, ...] | None:
    """Return the only domains that the tests leave; None where they name none."""
    path = "node.id" if topology == NODE else LABEL + topology
    same = [one for one in tests if one.field.path == path]
    naming = next((one for one in same if one.operator in _NAMING), None)
    if naming is None:
        return None
    values = dict.fromkeys(naming.wanted)
    # Where none is left, `contradicted` has told why.
    return tuple(str(one) for one in values if all(test.takes((one,)) for test in same)) or None


def _possible(tests: Sequence[Comparison]) -> bool:
    """Say whether some value of the field, or none at all, passes all tests."""
    if all(test.operator in _UNTOLD for test in tests):
        return True
    if any(test.operator is Operator.NOT_EXISTS for test in tests):
        return False
    naming = [test for test in tests if test.operator in _NAMING]
    if naming:
        return any(
            all(test.takes(_values(test, one)) for test in tests) for one in naming[0].wanted
        )
    low = [test for test in tests if test.operator in _LOW]
    high = [test for test in tests if test.operator in _HIGH]
    return all(_meet(one, other) for one in low for other in high)


def _values(test: Comparison, value: Single) -> tuple[Single, ...]:
    return arch_names(str(value)) if test.field.path == ARCH else (value,)


def _meet(low: Comparison, high: Comparison) -> bool:
    least, most = low.wanted[0], high.wanted[0]
    both = (low.operator, high.operator) == (Operator.AT_LEAST, Operator.AT_MOST)
    return bool(least <= most if both else least < most)
