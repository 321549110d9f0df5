"""Expressions as literals: that some value of a field passes a test, or that none does. Pure.

Every operator says one or both of these, or several at once, so that two expressions that look
nothing alike can be held against each other: `not contains all [a, b]` is that no value is a, or
that none is b.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from skerry_hub.placement.expression import AllOf, AnyOf, Comparison, Expression, Not
from skerry_hub.placement.operators import Operator

_NAMING = frozenset({Operator.EQUAL, Operator.IN, Operator.CONTAINS, Operator.CONTAINS_ANY})
_EXCLUDING = frozenset(
    {Operator.UNEQUAL, Operator.NOT_IN, Operator.NOT_CONTAINS, Operator.NOT_CONTAINS_ANY}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Literal:
    """That a value of the field passes the test; without `holds` that none does.

    The test's operator is `exists`, `in`, `matches`, one that orders, or `version` with one.
    """

    test: Comparison
    holds: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Every:
    """All of several."""

    parts: tuple[Formula, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Either:
    """At least one of several."""

    parts: tuple[Formula, ...]


Formula = Literal | Every | Either


def formula(one: Expression, *, holds: bool = True) -> Formula:
    """Return what it means that an expression holds, or does not."""
    match one:
        case AllOf(parts):
            group = Every if holds else Either
            return group(tuple(formula(part, holds=holds) for part in parts))
        case AnyOf(parts):
            group = Either if holds else Every
            return group(tuple(formula(part, holds=holds) for part in parts))
        case Not(part):
            return formula(part, holds=not holds)
    return _of_test(one, holds=holds)


def _of_test(test: Comparison, *, holds: bool) -> Formula:
    match test.operator:
        case Operator.NOT_EXISTS:
            return _some(test, Operator.EXISTS, not holds)
        case one if one in _NAMING:
            return _some(test, Operator.IN, holds)
        case one if one in _EXCLUDING:
            return _some(test, Operator.IN, not holds)
        case Operator.CONTAINS_ALL | Operator.NOT_CONTAINS_ALL:
            is_all = (test.operator is Operator.CONTAINS_ALL) is holds
            parts = tuple(_some(one, Operator.IN, is_all) for one in _single(test))
            return Every(parts) if is_all else Either(parts)
        case Operator.VERSION_UNEQUAL:
            return _some(test, Operator.VERSION_EQUAL, not holds)
        case Operator.NOT_MATCHES:
            # Alone among its like it does not hold where there is no value.
            told = Literal(Comparison(test.field, Operator.EXISTS), holds)
            parts = (told, _some(test, Operator.MATCHES, not holds))
            return Every(parts) if holds else Either(parts)
    return Literal(test, holds)


def _some(test: Comparison, operator: Operator, holds: bool) -> Literal:
    """Return that some value passes a test, or none, which is the test of another operator."""
    if operator is Operator.EXISTS:
        return Literal(Comparison(test.field, operator), holds)
    return Literal(Comparison(test.field, operator, test.texts, test.wanted), holds)


def _single(test: Comparison) -> Iterator[Comparison]:
    """Give the tests of one value each that a list of values stands for."""
    for text, value in zip(test.texts, test.wanted, strict=True):
        yield Comparison(test.field, test.operator, (text,), (value,))
