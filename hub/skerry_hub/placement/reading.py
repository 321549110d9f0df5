"""Texts of constraint expressions into expressions. Pure.

    node.labels.site in [quay-3, quay-4]
    node.hardware.memory.total_bytes >= 8GiB
    any(node.hardware.cpu.flags contains avx2, not(node.platform.arch == x86_64))

A value that has a blank or one of `,()[]"=!<>` stands in double quotes, as JSON has them; only a
regular expression at the end of a text may do without. What `str` makes of an expression reads
back as the same. Everything is bounded: characters, depth, tests, values.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from skerry_hub.fleet.fields import ARCH, Field, Kind, UnknownFieldError, field
from skerry_hub.placement.expression import (
    AllOf,
    AnyOf,
    Comparison,
    Expression,
    Not,
    number,
)
from skerry_hub.placement.operators import (
    CONTAINING,
    EXISTENCE,
    LISTS,
    MATCHING,
    ORDERING,
    VERSIONS,
    Operator,
)
from skerry_hub.placement.pattern import PatternError, compiled
from skerry_hub.placement.version import version
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.units import byte_count

MAX_TEXT = 4096
MAX_DEPTH = 8
MAX_TESTS = 128
MAX_VALUES = 128
MAX_VALUE = 1024

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"[^\s,()\[\]\"=!<>]+")
_WORD = _FIELD
_UNIT = re.compile(r"[ \t]+(?:[kmgtp]i?b|b)(?![^ \t\n,)\]])", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SIGN = re.compile(r"[=!]~|[=!<>]+")
_SPELLINGS: Mapping[str, Operator] = {
    **{one: one for one in Operator if " " not in one},
    "=": Operator.EQUAL,
    # Kubernetes'
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.NOT_EXISTS,
    "Gt": Operator.MORE,
    "Lt": Operator.LESS,
    # Nomad's
    "is_set": Operator.EXISTS,
    "is_not_set": Operator.NOT_EXISTS,
    "regexp": Operator.MATCHES,
    "set_contains": Operator.CONTAINS,
    "set_contains_all": Operator.CONTAINS_ALL,
    "set_contains_any": Operator.CONTAINS_ANY,
}
"""What one word or sign stands for."""

_INSTEAD: Mapping[str, str] = {
    "=~": "matches",
    "!~": "not matches",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
    "is": "==",
    "like": "matches",
    "has": "contains",
    "notin": "not in",
    "semver": "version ==",
}
"""What to write for signs and words of other languages."""

_BEGINNINGS = frozenset({"not", "version", "contains", "not contains"})
"""What takes, or may take, one more word."""

_GROUPS: Mapping[str, Callable[[tuple[Expression, ...]], Expression]] = {
    "all": AllOf,
    "any": AnyOf,
    "not": lambda parts: Not(parts[0]),
}


class ExpressionError(ValueError):
    """A text that is no expression; `column`, from 1, is where."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(f"column {column}: {reason}")
        self.reason = reason
        self.column = column


Vocabulary = Callable[[str], Field]
"""What there is to ask of: the field of a path. Raises UnknownFieldError."""


@functools.lru_cache(maxsize=1024)
def expression(text: str, vocabulary: Vocabulary = field) -> Expression:
    """Return the expression that a text is, over a node's fields where no others are given.

    Raises ExpressionError.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"is longer than {MAX_TEXT} characters", MAX_TEXT)
    reading = _Reading(text, vocabulary)
    found = reading.expression(0)
    if reading.next():
        reading.refuse(_left_over(text[reading.at :]))
    return found


class _Reading:
    """One text, read by recursive descent."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.at = 0
        self.tests = 0

    def refuse(self, reason: str, at: int | None = None) -> NoReturn:
        raise ExpressionError(reason, 1 + (self.at if at is None else at))

    def next(self) -> str:
        """Skip blanks, and return the character that comes then."""
        self.at = _match(_SPACE, self.text, self.at)[1]
        return self.text[self.at : self.at + 1]

    def take(self, token: str) -> bool:
        self.next()
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def word(self) -> str:
        """Take a word, a sign or nothing."""
        self.next()
        for kind in (_WORD, _SIGN):
            found, end = _match(kind, self.text, self.at)
            if found:
                self.at = end
                return found
        return ""

    def expression(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            self.refuse(f"is nested deeper than {MAX_DEPTH}")
        self.next()
        start = self.at
        word = self.word()
        if word in _GROUPS and self.take("("):
            return self.group(word, start, depth)
        return self.test(word, start, depth)

    def group(self, word: str, start: int, depth: int) -> Expression:
        parts = [self.expression(depth + 1)]
        while self.take(","):
            parts.append(self.expression(depth + 1))
        if not self.take(")"):
            self.refuse(f"{word}( is without its )", start)
        if word == "not" and len(parts) > 1:
            self.refuse(
                "not(...) takes one expression; write not(any(...)) for none of several", start
            )
        return _GROUPS[word](tuple(parts))

    def test(self, path: str, start: int, depth: int) -> Comparison:
        self.tests += 1
        if self.tests > MAX_TESTS:
            self.refuse(f"has more than {MAX_TESTS} tests", start)
        try:
            asked = self.vocabulary(path)
        except UnknownFieldError as unknown:
            self.refuse(str(unknown), start)
        self.next()
        at = self.at
        operator = self.operator(at)
        self.fits(asked, operator, at)
        self.next()
        at = self.at
        texts = self.values(operator, depth, asked.kind is Kind.BYTES)
        if texts in (("any",), ("all",)) and self.next() not in ("", ",", ")"):
            self.refuse(f"{operator} {texts[0]} takes a list: [a, b]")
        return Comparison(asked, operator, texts, tuple(self.typed(asked, operator, texts, at)))

    def operator(self, at: int) -> Operator:
        word = words = self.word()
        found, end = _SPELLINGS.get(word), self.at
        while words in _BEGINNINGS:
            # `contains all` may be the set's item `all`: only a list makes the difference.
            is_open = words.endswith("contains")
            words = f"{words} {self.word()}"
            if words in list(Operator) and (not is_open or self.next() == "["):
                found, end = Operator(words), self.at
        self.at = end
        if found is None:
            self.refuse(_no_operator(word or self.text[at : at + 20]), at)
        return found

    def fits(self, asked: Field, operator: Operator, at: int) -> None:
        """Refuse an operator that can say nothing of a field of this kind."""
        kind = asked.kind
        if operator in EXISTENCE:
            return
        if kind is Kind.RECORD:
            self.refuse(
                f"{asked.path} is a list of records: use exists, or name a field below it", at
            )
        if operator in CONTAINING and not asked.many:
            self.refuse(f"{asked.path} is one value, not a list: use == or in", at)
        if operator in ORDERING and kind not in (Kind.NUMBER, Kind.BYTES, Kind.LABEL):
            hint = "; for versions, write version >=" if kind is Kind.TEXT else ""
            self.refuse(f"{asked.path} is {kind}, which has no order{hint}", at)
        if operator in VERSIONS | MATCHING and kind not in (Kind.TEXT, Kind.LABEL):
            self.refuse(f"{asked.path} is {kind}, not a text: {operator} is for texts", at)

    def values(self, operator: Operator, depth: int, are_sizes: bool) -> tuple[str, ...]:
        if operator in EXISTENCE:
            return ()
        if operator not in LISTS:
            if operator in MATCHING and depth == 0 and self.next() != '"':
                start, self.at = self.at, len(self.text)
                return (self.text[start:].rstrip() or self.refuse("the pattern is missing", start),)
            return (self.value(are_sizes),)
        if not self.take("["):
            self.refuse(f"{operator} takes a list: [a, b]")
        found = [self.value(are_sizes)]
        while self.take(","):
            found.append(self.value(are_sizes))
            if len(found) > MAX_VALUES:
                self.refuse(f"a list has more than {MAX_VALUES} values")
        if not self.take("]"):
            self.refuse("the list is without its ]")
        return tuple(found)

    def value(self, is_size: bool) -> str:
        """Take a value; that of a size may have a blank before its unit, as sizes are shown."""
        mark = self.next()
        start = self.at
        if mark == '"':
            raw, end = _match(_QUOTED, self.text, self.at)
            try:
                found = json.loads(raw)
            except ValueError:
                self.refuse("the quoted text does not end, or has a \\ that is not written \\\\")
        else:
            found, end = _match(_WORD, self.text, self.at)
            if not found:
                self.refuse(f"a value is missing{f' before {mark}' if mark else ''}")
            if is_size and found[-1].isdecimal():
                unit, behind = _match(_UNIT, self.text, end)
                found, end = (found + unit.strip(), behind) if unit else (found, end)
        self.at = end
        if len(found) > MAX_VALUE:
            self.refuse(f"the value is longer than {MAX_VALUE} characters", start)
        return str(found)

    def typed(self, asked: Field, operator: Operator, texts: tuple[str, ...], at: int) -> list[Any]:
        """Return the values in the type in which the node's are compared with them."""
        try:
            return [_typed(asked, operator, text) for text in texts]
        except PatternError as error:
            self.refuse(f"the pattern {error.reason} (at {error.at + 1} in it)", at)
        except RefusedError as error:
            self.refuse(error.reason, at)


def _left_over(rest: str) -> str:
    """Return why a text must end before this; `rest` is not empty."""
    word = rest.split(maxsplit=1)[0].lower()
    if word in ("and", "&&", "or", "||"):
        group = "all" if word in ("and", "&&") else "any"
        return f"{short(rest)} is not read: write {group}(..., ...) for several expressions"
    if rest[0] in ",)]":
        return f"{short(rest)} is not read: nothing is open that {rest[0]} could belong to"
    return f"{short(rest)} is not read: a value with blanks or signs stands in double quotes"


def _no_operator(word: str) -> str:
    """Return why this is no operator, and what to write instead where that is known."""
    if not word:
        return f"an operator is missing: {', '.join(Operator)}"
    instead = _INSTEAD.get(word.lower())
    if instead is not None:
        return f"{short(word)} is not an operator: write {instead}"
    return f"{short(word)} is not an operator: {', '.join(Operator)}"


def _match(kind: re.Pattern[str], text: str, at: int) -> tuple[str, int]:
    found = kind.match(text, at)
    return (found[0], found.end()) if found else ("", at)


def _typed(asked: Field, operator: Operator, text: str) -> Any:
    if operator in MATCHING:
        return compiled(text)
    if operator in VERSIONS:
        found = version(text)
        if found is None:
            raise RefusedError(f"{short(text)} is not a version like 5.15")
        return found
    if asked.kind is Kind.BYTES:
        return byte_count(text)
    if asked.kind is Kind.NUMBER or operator in ORDERING:
        amount = number(text)
        if amount is None:
            raise RefusedError(
                f"{short(text)} is not a number, which {asked.path} is compared with"
            )
        return amount
    if asked.kind is Kind.BOOLEAN:
        if text not in ("true", "false"):
            raise RefusedError(f"{asked.path} is true or false, not {short(text)}")
        return text == "true"
    if asked.choices and text not in asked.choices:
        raise RefusedError(f"{asked.path} is one of {', '.join(asked.choices)}; not {short(text)}")
    return text.lower() if asked.path == ARCH else text
