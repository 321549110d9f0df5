"""Expressions over a node's fields: what they say of one node, and why they say no. Pure.

A field is a set of values: one or none where it is not within a list. An operator holds when it
holds for one of them; `!=`, `not in`, `version !=` and `not contains` hold when their opposite does
not. So with a field that the node does not tell, only those and `not exists` hold.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.facts import Facts, Resource
from skerry_hub.fleet.fields import ARCH, Field, Kind, Single
from skerry_hub.fleet.told import Told
from skerry_hub.placement.amounts import down, unit_of, up
from skerry_hub.placement.automaton import automaton
from skerry_hub.placement.operators import (
    CONTAINING,
    EXISTENCE,
    LACKING,
    LISTS,
    ORDERING,
    VERSIONS,
    Operator,
)
from skerry_hub.placement.pattern import Pattern
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.version import Version, version

MOST_TOLD = 5
"""Most values of one list that a reason tells."""

_BARE = re.compile(r"[^\s,()\[\]\"=!<>]+")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """One field, operator and what it is compared with.

    `texts` is that as it was written; `wanted` the same in the field's own type, a `Pattern` or a
    `Version` where the operator compares by one.
    """

    field: Field
    operator: Operator
    texts: tuple[str, ...] = ()
    wanted: tuple[Any, ...] = dataclasses.field(default=(), compare=False)

    def __str__(self) -> str:
        parts = [self.field.path, str(self.operator)]
        if self.operator in LISTS:
            parts.append(f"[{', '.join(map(quoted, self.texts))}]")
        else:
            parts += map(quoted, self.texts)
        return " ".join(parts)

    def holds(self, facts: Facts) -> bool:
        """Say whether a node passes."""
        return _holds(self, self.field.values(facts))

    def over(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        told = columns.told(self.field)
        match self.operator:
            case Operator.EXISTS:
                return told.any_of(rows)
            case Operator.NOT_EXISTS:
                return ~told.any_of(rows)
            case Operator.EQUAL | Operator.IN if self.field.path != ARCH:
                return told.one_of(self.wanted, rows)
            case Operator.UNEQUAL | Operator.NOT_IN if self.field.path != ARCH:
                return ~told.one_of(self.wanted, rows)
            case Operator.MATCHES:
                return _matching(self, told, rows)
            case Operator.NOT_MATCHES:
                return told.any_of(rows) & ~_matching(self, told, rows)
        return told.holding(self, functools.partial(_holds, self), rows)

    def takes(self, values: Sequence[Single]) -> bool:
        """Say whether a node with these values of the field would pass."""
        return _holds(self, values)

    def refusals(self, facts: Facts) -> Iterator[Refusal]:
        """Give the reason of a node that does not pass; none when it does."""
        values = self.field.values(facts)
        if _holds(self, values):
            return
        yield self.refusal(values) if values else _not_told(self, facts)

    def refusal(self, values: Sequence[Single]) -> Refusal:
        """Return the reason of these values, of which there are some, and which do not pass."""
        if self.operator in ORDERING:
            return _out_of_order(self, values)
        if self.operator in VERSIONS:
            return Refusal(_version_words(self, values))
        if self.operator in LACKING:
            return Refusal(_having(self, values))
        if self.operator in CONTAINING:
            return Refusal(_lacking(self, values))
        return Refusal(_difference(self, values))

    @property
    def wanted_words(self) -> str:
        """Return what is wanted, for a reason that has told the field; "" for existence alone."""
        return _wanted(self)


@dataclasses.dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of several."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"all({', '.join(map(str, self.parts))})"

    def holds(self, facts: Facts) -> bool:
        """Say whether a node passes."""
        return all(part.holds(facts) for part in self.parts)

    def over(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        passing: Mask = np.logical_and.reduce([part.over(columns, rows) for part in self.parts])
        return passing

    def refusals(self, facts: Facts) -> Iterator[Refusal]:
        """Give every reason."""
        for part in self.parts:
            yield from part.refusals(facts)


@dataclasses.dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of several."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"any({', '.join(map(str, self.parts))})"

    def holds(self, facts: Facts) -> bool:
        """Say whether a node passes."""
        return any(part.holds(facts) for part in self.parts)

    def over(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        passing: Mask = np.logical_or.reduce([part.over(columns, rows) for part in self.parts])
        return passing

    def refusals(self, facts: Facts) -> Iterator[Refusal]:
        """Give one reason, of what is wrong with each way; the nearest way counts as shortage."""
        ways = [list(part.refusals(facts)) for part in self.parts]
        if not all(ways):
            return
        words = [" and ".join(one.text for one in way) for way in ways]
        nearest = min(ways, key=lambda way: max(one.share for one in way))
        yield Refusal(
            "; nor: ".join(words),
            nearest[0].missing if len(nearest) == 1 else None,
            share=max(one.share for one in nearest),
            is_unknown=any(one.is_unknown for way in ways for one in way),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Expression

    def __str__(self) -> str:
        return f"not({self.part})"

    def holds(self, facts: Facts) -> bool:
        """Say whether a node passes."""
        return not self.part.holds(facts)

    def over(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return ~self.part.over(columns, rows)

    def refusals(self, facts: Facts) -> Iterator[Refusal]:
        """Give what holds and must not."""
        if self.part.holds(facts):
            yield Refusal(f"{_told(self.part, facts)}{self.part} holds, which is excluded")


Expression = Comparison | AllOf | AnyOf | Not


def quoted(text: str) -> str:
    """Return a value as it may stand in an expression."""
    if _BARE.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)


# --- whether -----------------------------------------------------------------------------


def _holds(test: Comparison, values: Sequence[Single]) -> bool:
    wanted = test.wanted
    match test.operator:
        case Operator.EXISTS:
            return bool(values)
        case Operator.NOT_EXISTS:
            return not values
        case Operator.EQUAL | Operator.IN | Operator.CONTAINS | Operator.CONTAINS_ANY:
            return any(value in wanted for value in values)
        case Operator.UNEQUAL | Operator.NOT_IN | Operator.NOT_CONTAINS | Operator.NOT_CONTAINS_ANY:
            return not any(value in wanted for value in values)
        case Operator.CONTAINS_ALL:
            return set(wanted).issubset(values)
        case Operator.NOT_CONTAINS_ALL:
            return not set(wanted).issubset(values)
        case Operator.MATCHES:
            return any(_found(wanted[0], value) for value in values)
        case Operator.NOT_MATCHES:
            return bool(values) and not any(_found(wanted[0], value) for value in values)
        case Operator.VERSION_UNEQUAL:
            return not any(version(str(value)) == wanted[0] for value in values)
        case one if one in VERSIONS:
            compare = _COMPARE[one.removeprefix("version ")]
            found = (version(str(value)) for value in values)
            return any(compare(known, wanted[0]) for known in found if known is not None)
    compare = _COMPARE[test.operator]
    return any(compare(number, wanted[0]) for number in _numbers(values))


def _matching(test: Comparison, told: Told, rows: Rows) -> Mask:
    """Say on which rows a pattern is found in one of the field's values."""
    pattern = test.texts[0]
    return told.holding_of_one(("matches", pattern), automaton(pattern).found_in_each, rows)


def _found(pattern: Pattern, value: Single) -> bool:
    return pattern.found_in(str(value))


def _numbers(values: Sequence[Single]) -> list[int | float]:
    """Return the values that are numbers; a label's text may be one."""
    found = (number(value) if isinstance(value, str) else value for value in values)
    return [one for one in found if one is not None]


def number(text: str) -> int | float | None:
    """Return the number that a text is, None where it is none."""
    if _NUMBER.fullmatch(text) is None:
        return None
    return float(text) if "." in text else int(text)


# --- why not -----------------------------------------------------------------------------


def _not_told(test: Comparison, facts: Facts) -> Refusal:
    """Return the reason of a node that does not tell the field at all."""
    field = test.field
    why = field.unknown_because(facts)
    wanted = _wanted(test)
    rest = f", {wanted} wanted" if wanted else ""
    if facts.is_known and why is None and field.kind is Kind.LABEL:
        return Refusal(f"{field.name} is not set{rest}")
    if facts.is_known and why is None and field.many:
        return Refusal(f"{field.name}: none there{rest}")
    because = f" ({why})" if why else "" if facts.is_known else ": the node has told nothing yet"
    return Refusal(f"{field.name} is not known{because}{rest}", is_unknown=True)


def _wanted(test: Comparison) -> str:
    if test.operator in EXISTENCE:
        return ""
    if test.operator in LISTS:
        word = "all" if test.operator is Operator.CONTAINS_ALL else "one"
        return f"{word} of {_listing(test.texts)}"
    if test.operator in (Operator.EQUAL, Operator.CONTAINS):
        return f'"{test.texts[0]}"'
    return f"{test.operator} {test.texts[0]}"


def _out_of_order(test: Comparison, values: Sequence[Single]) -> Refusal:
    """Return `memory.total_bytes 4 GiB < 8 GiB`, of the value that comes nearest."""
    field, limit = test.field, test.wanted[0]
    numbers = _numbers(values)
    if not numbers:
        return Refusal(f'{field.name} is "{values[0]}", which is not a number')
    is_least = test.operator in (Operator.MORE, Operator.AT_LEAST)
    nearest = max(numbers) if is_least else min(numbers)
    most = ("at most " if is_least else "at least ") if len(numbers) > 1 else ""
    gap = abs(limit - nearest)
    unit = 1
    if field.kind is Kind.BYTES:
        unit = unit_of(Resource.MEMORY, int(limit))[1]
        first, last = (down, up) if is_least else (up, down)
        found, wanted = first(Resource.MEMORY, int(nearest)), last(Resource.MEMORY, int(limit))
    else:
        found, wanted = f"{nearest}", f"{limit}"
    return Refusal(
        f"{field.name} {most}{found} {_OPPOSITE[test.operator]} {wanted}",
        round(gap / unit, 3),
        share=min(1.0, gap / (max(abs(limit), abs(nearest)) or 1)),
    )


def _version_words(test: Comparison, values: Sequence[Single]) -> str:
    sign = test.operator.removeprefix("version ")
    known: dict[str, Version] = {}
    for value in map(str, values):
        found = version(value)
        if found is not None:
            known[value] = found
    if not known:
        return f'{test.field.name} is "{values[0]}", which is not a version'
    best = (min if sign.startswith("<") else max)(known, key=lambda value: known[value])
    if sign == "!=":
        best = next(value for value, found in known.items() if found == test.wanted[0])
    return f"{test.field.name} {best} {_OPPOSITE[sign]} {test.texts[0]}"


def _lacking(test: Comparison, values: Sequence[Single]) -> str:
    if test.operator is Operator.CONTAINS_ANY:
        return f"{test.field.name} has none of {_listing(test.texts)}"
    pairs = zip(test.texts, test.wanted, strict=True)
    return f"{test.field.name} lacks {_listing([text for text, one in pairs if one not in values])}"


def _having(test: Comparison, values: Sequence[Single]) -> str:
    pairs = zip(test.texts, test.wanted, strict=True)
    found = _listing([text for text, one in pairs if one in values])
    return f"{test.field.name} has {found}, which is excluded"


def _difference(test: Comparison, values: Sequence[Single]) -> str:
    found = _is(test.field, values)
    match test.operator:
        case Operator.EQUAL:
            return f'{found}, not "{test.texts[0]}"'
        case Operator.IN:
            return f"{found}, none of {_listing(test.texts)}"
        case Operator.UNEQUAL | Operator.NOT_IN:
            return f"{found}, which is excluded"
        case Operator.NOT_EXISTS:
            return f"{found}, but must not exist"
        case Operator.NOT_MATCHES:
            return f"{found}, which matches {test.texts[0]}"
    return f"{found}, which does not match {test.texts[0]}"


def _is(field: Field, values: Sequence[Single]) -> str:
    """Return `site is "quay-9"`; of a list, its values."""
    if field.kind is Kind.RECORD:
        return f"{field.name}: {len(values)} there"
    if field.many:
        return f"{field.name} is {_listing(list(dict.fromkeys(map(_word, values))))}"
    value = _word(values[0])
    return (
        f'{field.name} is "{value}"' if isinstance(values[0], str) else f"{field.name} is {value}"
    )


def _word(value: Single) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listing(texts: Sequence[str]) -> str:
    told = ", ".join(texts[:MOST_TOLD])
    more = len(texts) - MOST_TOLD
    return f"{told} and {more} more" if more > 0 else told


def _told(part: Expression, facts: Facts) -> str:
    """Return what a node says of a single test's field, for the reason of its opposite."""
    if not isinstance(part, Comparison):
        return ""
    values = part.field.values(facts)
    return f"{_is(part.field, values)}: " if values else ""
