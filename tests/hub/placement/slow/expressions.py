"""Whether an expression over a node's or a device's fields holds, and what it says where not."""

import re
from collections.abc import Callable
from fractions import Fraction

Told = Callable[[str], list[str]]
"""Gives the values of a field, as texts."""


def holds(text: str, told: Told) -> bool:
    """Say whether an expression holds."""
    word, inner = re.match(r"(?:(all|any|not)\((.*)\)$)?", text).groups()
    if word:
        answers = [holds(part, told) for part in _parts(inner)]
        return {"all": all(answers), "any": any(answers), "not": not answers[0]}[word]
    path, operator, wanted = split(text)
    values = told(path)
    if operator in ("exists", "not exists"):
        return bool(values) == (operator == "exists")
    if operator in ("!=", "not in"):
        return not any(value in _list(wanted) for value in values)
    if operator in ("==", "in", "contains"):
        return any(value in _list(wanted) for value in values)
    if operator == "matches":
        return any(re.search(wanted, value) for value in values)
    return any(_compares(value, operator, wanted) for value in values)


def split(text: str) -> tuple[str, str, str]:
    """Return the field, the operator and the value of a single test."""
    return re.match(
        r"(\S+) (not in|in|not exists|exists|contains|matches|==|!=|<=|>=|<|>) ?(.*)", text
    ).groups()


def _parts(text: str) -> list[str]:
    depth, found = 0, [""]
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return [part.strip() for part in found]


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.strip("[]").split(",")]


def _compares(value: str, operator: str, wanted: str) -> bool:
    if not is_number(value):
        return False
    have, limit = Fraction(value), Fraction(wanted)
    return {"<": have < limit, "<=": have <= limit, ">": have > limit, ">=": have >= limit}[
        operator
    ]


def is_number(value: str) -> bool:
    """Say whether a text is a number."""
    return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
