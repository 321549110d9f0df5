"""Expressions that no node can ever fulfil together. Pure.

Only single tests of one value are looked at, which is what people get wrong: a set, a nested
expression or a version range may be impossible too, and then `explain` says which one blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub.fleet.facts import arch_names
from skerry_hub.fleet.fields import ARCH, Single
from skerry_hub.placement.expression import Comparison, Expression, Operator

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
