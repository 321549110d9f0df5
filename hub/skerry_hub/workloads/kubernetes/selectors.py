"""The selector of a Deployment or DaemonSet, which must match its template's labels. Pure.

Here instances belong to their workload, and nothing is selected. A manifest that an API server
refuses is refused all the same, with its line: it would not be what its writer thinks.
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from skerry_hub.workloads.kubernetes.keys import EXPRESSION, SELECTOR
from skerry_hub.workloads.kubernetes.scalars import string, strings
from skerry_hub.workloads.kubernetes.values import name, only
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Placed, Section, Value, entries, listed, placed

_OF_VALUES = ("In", "NotIn")
_OPERATORS = (*_OF_VALUES, "Exists", "DoesNotExist")


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """What the labels must fulfil: an operator over a key and perhaps values."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels fulfil it; a label that is not there is in no set."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
        return self.key not in labels


Selector = tuple[Placed[Requirement], ...]


def selector(value: Value) -> Selector:
    """Read a selector. Raises RefusedError for an empty one, which would select everything."""
    before = len(value.problems)
    section = Section(value, SELECTOR)
    found = (
        *section.get("matchLabels", _labels, (), empty_ok=True),
        *section.get("matchExpressions", placed(_expression), (), empty_ok=True),
    )
    if not found and len(value.problems) == before:
        raise RefusedError("is empty: write the labels of the template as matchLabels")
    return found


def check(found: Selector, labels: Mapping[str, str]) -> None:
    """Note each part that the labels of the template do not match."""
    for value, one in found:
        if one.matches(labels):
            continue
        has = short(labels[one.key]) if one.key in labels else "no label"
        value.refuse(f"does not match the labels of the template: {short(one.key)} is {has} there")


def _labels(value: Value) -> Selector:
    wanted = strings(value)
    return tuple((entry, Requirement(key, "In", (wanted[key],))) for key, entry in entries(value))


def _expression(value: Value) -> Requirement:
    section = Section(value, EXPRESSION)
    key = section.need("key", name, None)
    operator = section.need("operator", only(*_OPERATORS), None)
    values = section.get("values", listed(string), ())
    if key is None or operator is None:
        raise RefusedError("cannot be read without its key and operator")
    if bool(values) is not (operator in _OF_VALUES):
        words = "needs at least one" if operator in _OF_VALUES else "takes none"
        raise RefusedError(f"{operator} {words} of values")
    return Requirement(key, operator, values)
