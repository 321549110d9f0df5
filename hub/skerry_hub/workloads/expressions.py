"""Lists of expressions, as texts or as mappings of them: over nodes, and over devices. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skerry_hub.fleet.fields import field as node_field
from skerry_hub.model import Constraint
from skerry_hub.placement.expression import AllOf, AnyOf, Expression, Not, quoted
from skerry_hub.placement.reading import ExpressionError, Vocabulary, expression
from skerry_hub.workloads.problems import RefusedError
from skerry_hub.workloads.reading import Placed, Section, Value, attempt, interpolated, items
from skerry_hub.workloads.x_placement_keys import EXPRESSION
from skerry_hub.workloads.yaml_tree import Scalar

MAX_EXPRESSIONS = 64

Written = Placed[Expression]

_DOLLAR = re.compile(r"\$(?![A-Za-z0-9_{$])")
"""One that names no variable: the end of a regular expression."""


def expressions(value: Value, vocabulary: Vocabulary = node_field) -> tuple[Written, ...]:
    """Read a list of expressions, all of which must hold."""
    found: list[Written] = []
    for item in items(value):
        read = attempt(item, lambda one: _one(one, vocabulary))
        if read is not None:
            found += ((item, part) for part in _parts(read))
    if len(found) > MAX_EXPRESSIONS:
        raise RefusedError(f"has {len(found)} expressions, more than {MAX_EXPRESSIONS}")
    return tuple(found)


def of_constraint(one: Constraint) -> Expression:
    """Return what compose's own constraint is as an expression."""
    return expression(f"{one.key} {one.operator} {quoted(one.value)}")


def _parts(read: Expression) -> Iterator[Expression]:
    """Give the parts of what must all hold: each is explained, and blocks, on its own."""
    if not isinstance(read, AllOf):
        yield read
        return
    for part in read.parts:
        yield from _parts(part)


def _one(value: Value, vocabulary: Vocabulary) -> Expression:
    """Read one expression, and check that its stored form is within the limits."""
    try:
        return expression(str(_tree(value, vocabulary)), vocabulary)
    except ExpressionError as error:
        raise RefusedError(str(error) if value.is_scalar else error.reason) from None


def _tree(value: Value, vocabulary: Vocabulary) -> Expression:
    if value.is_scalar:
        return expression(_text(value), vocabulary)
    section = Section(value, EXPRESSION)
    given = [key for key in EXPRESSION.supported if key in section]
    if len(given) != 1:
        raise RefusedError("must have one of the keys all, any, not")
    part = section.at(given[0])
    if part is None:
        raise RefusedError("is empty")
    if given[0] == "not":
        return Not(_inner(part, vocabulary))
    parts = tuple(_inner(one, vocabulary) for one in items(part))
    if not parts:
        raise RefusedError("is empty: name at least one expression", part.field, part.line)
    return AllOf(parts) if given[0] == "all" else AnyOf(parts)


def _inner(value: Value, vocabulary: Vocabulary) -> Expression:
    """Read a part; what is wrong with it is told at its own line."""
    try:
        return _tree(value, vocabulary)
    except ExpressionError as error:
        raise RefusedError(str(error), value.field, value.line) from None
    except RefusedError as refused:
        place = refused.field or value.field, refused.line or value.line
        raise RefusedError(refused.reason, *place) from None


def _text(value: Value) -> str:
    """Return a text, where a dollar sign that starts no name is one."""
    if not isinstance(value.node, Scalar) or value.node.is_null or not value.node.text.strip():
        raise RefusedError("is empty: write an expression")
    # As in compose, `$$` is one dollar sign; it is put aside while single ones are doubled.
    pieces = value.node.text.split("$$")
    return interpolated("$$".join(_DOLLAR.sub("$$", piece) for piece in pieces))
