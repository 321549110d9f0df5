"""Whether a field could have values that fit literals about it: those that it might have. Pure.

Said to be impossible is only what is: of a text that no test names, the number, the version and
the patterns are looked at apart.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from skerry_hub.fleet.facts import arch_names
from skerry_hub.fleet.fields import ARCH, Field, Kind, Single
from skerry_hub.placement.common_text import common_text
from skerry_hub.placement.effort import Effort, TooMuchError
from skerry_hub.placement.expression import Comparison
from skerry_hub.placement.literals import Literal
from skerry_hub.placement.operators import ORDERING, VERSIONS, Operator
from skerry_hub.placement.pattern import Pattern
from skerry_hub.placement.version import LARGEST, MOST_NUMBERS, Numbers, Version

_ALWAYS_TOLD = frozenset({"node.id", "node.hostname"})
_FOR_PATTERNS = 10_000
"""What may be spent on the patterns of one value."""
_PER_UNIT = 32
"""Characters of a text that are read for a pattern at the cost of one test."""

Tests = Sequence[Comparison]


def fits_some(literals: Sequence[Literal], effort: Effort) -> bool:
    """Say whether a field may fit all these literals about it. Raises TooMuchError."""
    some = [one.test for one in literals if one.holds]
    none = [one.test for one in literals if not one.holds]
    field = literals[0].test.field
    if any(test.operator is Operator.EXISTS for test in none):
        return not some and field.path not in _ALWAYS_TOLD
    if not some:
        return True
    if field.many:
        # Each of the values that are wanted may be another one; none may be of those excluded.
        return all(_value(field, [test], none, effort) for test in some)
    return _value(field, some, none, effort)


def _value(field: Field, some: Tests, none: Tests, effort: Effort) -> bool:
    """Say whether one value may pass all of some tests, and none of the others."""
    named = [test.wanted for test in some if test.operator is Operator.IN]
    if named:
        return _any_fits(field, min(named, key=len), some, none, effort)
    if field.choices or field.kind is Kind.BOOLEAN:
        return _any_fits(field, field.choices or (True, False), some, none, effort)
    if field.kind in (Kind.NUMBER, Kind.BYTES):
        return _any_fits(field, _numbers(field, (*some, *none)), some, none, effort)
    if field.kind is Kind.RECORD:
        return True
    patterns = {test.texts for test in some if test.operator is Operator.MATCHES}
    if any(test.operator is Operator.MATCHES and test.texts in patterns for test in none):
        return False
    if field.path == ARCH:
        return True  # each test may be passed by another of its names
    if not _may_match(some, none, effort):
        return False
    return all(
        _other_text(field, some, none, operators, effort) for operators in (ORDERING, VERSIONS)
    )


def _may_match(some: Tests, none: Tests, effort: Effort) -> bool:
    """Say whether a text may have the patterns that it must, and none of the others."""
    found, absent = _patterns(some), _patterns(none)
    if not found and not absent:
        return True  # there are more texts than anybody can exclude
    granted = min(effort.left, _FOR_PATTERNS)
    part = Effort(granted)  # charged below
    try:
        may = common_text(found, absent, _excluded(none), part) is not None
    except TooMuchError:
        may = True  # and other fields are looked at all the same
    effort.spend(granted - max(part.left, 0))
    return may


def _patterns(tests: Tests) -> list[Pattern]:
    matching = (test.wanted[0] for test in tests if test.operator is Operator.MATCHES)
    return [one for one in matching if isinstance(one, Pattern)]


def _excluded(none: Tests) -> list[str]:
    return [str(one) for test in none if test.operator is Operator.IN for one in test.wanted]


def _other_text(
    field: Field, some: Tests, none: Tests, operators: frozenset[Operator], effort: Effort
) -> bool:
    """Say whether a text that no test names may have the number, or the version, that is wanted.

    Where none is wanted, a text may have neither.
    """
    wanted = [test for test in some if test.operator in operators]
    if not wanted:
        return True
    excluded = [test for test in none if test.operator in operators]
    values: Iterator[Any] = (
        _numbers(field, (*wanted, *excluded))
        if operators is ORDERING
        else _versions((*wanted, *excluded))
    )
    return _any_fits(field, values, wanted, excluded, effort)


def _any_fits(field: Field, values: Any, some: Tests, none: Tests, effort: Effort) -> bool:
    for value in values:
        for told in _told(field, value):
            long = len(value) // _PER_UNIT if isinstance(value, str) else 0
            effort.spend((len(some) + len(none)) * (1 + long))
            if all(test.takes(told) for test in some) and not any(
                test.takes(told) for test in none
            ):
                return True
    return False


def _told(field: Field, value: Single) -> Iterator[tuple[Single, ...]]:
    """Give what nodes tell together with a value: an architecture has several names."""
    if field.path != ARCH:
        yield (value,)
        return
    for name in arch_names(str(value)):
        yield arch_names(name)


def _numbers(field: Field, tests: Tests) -> Iterator[Any]:
    """Give one number of each sort that the tests tell apart: each limit, and what is between."""
    limits = sorted({Fraction(one) for test in tests for one in test.wanted})
    if not limits:
        yield 0
        return
    if field.whole:
        near = {math.floor(limit) + step for limit in limits for step in (-1, 0, 1)}
        # No size is below 0.
        yield from sorted(one for one in near if one >= 0 or field.kind is not Kind.BYTES)
        return
    yield limits[0] - 1
    for low, high in itertools.pairwise(limits):
        yield from (low, (low + high) / 2)
    yield from (limits[-1], limits[-1] + 1)


def _versions(tests: Tests) -> Iterator[str]:
    """Give the lowest version, each limit, and the one right after it, as texts."""
    limits = sorted({one for test in tests for one in test.wanted})
    yield _text(((), (), -1))
    for limit in limits:
        yield _text(limit)
        after = _next(limit)
        if after is not None:
            yield _text(after)


def _next(one: Version) -> Version | None:
    """Return the version right after one, None where there is none."""
    numbers, build, before = one
    if before < 0:
        return numbers, build, 0
    after = _one_more(build)
    if after is not None:
        return numbers, after, -1
    after = _one_more(numbers)
    return None if after is None else (after, (), -1)


def _one_more(numbers: Numbers) -> Numbers | None:
    """Return the numbers right after some, None where there are none."""
    every = [*numbers, *[0] * (MOST_NUMBERS - len(numbers))]
    while every and every[-1] == LARGEST:
        every.pop()
    return (*every[:-1], every[-1] + 1) if every else None


def _text(one: Version) -> str:
    numbers, build, before = one
    parts = [".".join(map(str, some or (0,))) for some in (numbers, build)]
    return f"{parts[0]}{f'-{parts[1]}' if build else ''}{'-rc' if before < 0 else ''}"
