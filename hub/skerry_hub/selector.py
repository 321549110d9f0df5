"""Label selectors, as kubectl spells them: `site=quay-3,tier!=test,gpu,!spare`. Pure."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping

MOST_TERMS = 32
_TERM = re.compile(
    r"(?P<no>!?)(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]{0,252})(?:(?P<operator>!=|==|=)(?P<value>[^=!,]{0,256}))?"
)


class SelectorError(ValueError):
    """The selector cannot be understood; the text says which part of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """One condition; without a value, that the label is there."""

    key: str
    value: str | None
    negated: bool

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels meet it. A label that is not there is unequal to every value."""
        there = self.key in labels if self.value is None else labels.get(self.key) == self.value
        return there is not self.negated


@functools.lru_cache(maxsize=1024)
def parse(text: str | None) -> tuple[Term, ...]:
    """Return the conditions of a selector, all of which must hold. Raises SelectorError."""
    if text is None or not text.strip():
        return ()
    parts = text.split(",")
    if len(parts) > MOST_TERMS:
        raise SelectorError(f"more than {MOST_TERMS} conditions")
    return tuple(_term(part.strip()) for part in parts)


def _term(part: str) -> Term:
    match = _TERM.fullmatch(part)
    if match is None or (match["no"] and match["operator"]):
        raise SelectorError(f"{part[:80]!r} is neither key=value, key!=value, key nor !key")
    if match["operator"]:
        return Term(match["key"], match["value"].strip(), match["operator"] == "!=")
    return Term(match["key"], None, bool(match["no"]))


def fits(terms: tuple[Term, ...], labels: Mapping[str, str]) -> bool:
    """Say whether labels meet every condition."""
    return all(term.fits(labels) for term in terms)
