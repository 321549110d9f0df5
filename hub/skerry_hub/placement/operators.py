"""What an expression may ask of a field: the operators, and which of them are of one sort. Pure."""

from __future__ import annotations

import enum


class Operator(enum.StrEnum):
    """What is asked of a field."""

    EQUAL = "=="
    UNEQUAL = "!="
    IN = "in"
    NOT_IN = "not in"
    EXISTS = "exists"
    NOT_EXISTS = "not exists"
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    VERSION_EQUAL = "version =="
    VERSION_UNEQUAL = "version !="
    VERSION_LESS = "version <"
    VERSION_AT_MOST = "version <="
    VERSION_MORE = "version >"
    VERSION_AT_LEAST = "version >="
    MATCHES = "matches"
    NOT_MATCHES = "not matches"
    CONTAINS = "contains"
    CONTAINS_ALL = "contains all"
    CONTAINS_ANY = "contains any"
    NOT_CONTAINS = "not contains"
    NOT_CONTAINS_ALL = "not contains all"
    NOT_CONTAINS_ANY = "not contains any"


EXISTENCE = frozenset({Operator.EXISTS, Operator.NOT_EXISTS})
LACKING = frozenset(one for one in Operator if one.startswith("not contains"))
CONTAINING = LACKING | frozenset(one for one in Operator if one.startswith("contains"))
MATCHING = frozenset({Operator.MATCHES, Operator.NOT_MATCHES})
ORDERING = frozenset({Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST})
VERSIONS = frozenset(one for one in Operator if one.startswith("version"))

LISTS = frozenset({Operator.IN, Operator.NOT_IN}) | frozenset(
    one for one in CONTAINING if one.endswith((" all", " any"))
)
"""The operators that take several values."""
