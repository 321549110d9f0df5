"""A text that has all of some patterns in it and none of others, if there is any. Pure.

The patterns' machines go through a text together; characters that none of them tells apart are one.
So there are finitely many places where they can be together, and all of them are looked at.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Sequence

from skerry_hub.placement.effort import Effort
from skerry_hub.placement.pattern import Pattern, States

_FOUND: States = frozenset({-1})
"""Of a pattern that is found already: what follows changes nothing."""

_LAST = 0x10FFFF


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where the machines are together after some text.

    `excluded` are those of the excluded texts that begin so; of their `length` nothing else is
    known but that it is 0 before the first character.
    """

    states: tuple[States, ...]
    excluded: tuple[str, ...]
    length: int


def common_text(
    found: Sequence[Pattern], absent: Sequence[Pattern], excluded: Collection[str], effort: Effort
) -> str | None:
    """Return a shortest text that has all patterns `found`, none `absent`, and is not excluded.

    None where there is no such text. Raises TooMuchError.
    """
    patterns = (*found, *absent)
    characters = _characters(patterns, excluded)
    first = _Place(tuple(one.start for one in patterns), tuple(sorted(set(excluded))), 0)
    going, texts = collections.deque([first]), {first: ""}
    while going:
        place = going.popleft()
        if any(map(Pattern.is_found, absent, place.states[len(found) :])):
            continue
        if _ends_well(place, found, absent):
            return texts[place]
        work = 1 + sum(map(len, place.states))
        for character in characters:
            effort.spend(work)
            after = _after(place, patterns, character)
            if after not in texts and all(after.states[: len(found)]):  # else one never is found
                texts[after] = texts[place] + character
                going.append(after)
    return None


def _ends_well(place: _Place, found: Sequence[Pattern], absent: Sequence[Pattern]) -> bool:
    """Say whether the text so far is one that is looked for."""
    if any(len(text) == place.length for text in place.excluded):
        return False
    at_end = [
        states is _FOUND or one.is_found_at_end(states, is_empty=place.length == 0)
        for one, states in zip((*found, *absent), place.states, strict=True)
    ]
    return all(at_end[: len(found)]) and not any(at_end[len(found) :])


def _after(place: _Place, patterns: Sequence[Pattern], character: str) -> _Place:
    at = place.length
    begun = tuple(text for text in place.excluded if text[at : at + 1] == character)
    states = tuple(
        _FOUND if states is _FOUND or one.is_found(states) else one.after(states, character)
        for one, states in zip(patterns, place.states, strict=True)
    )
    return _Place(states, begun, at + 1 if begun else 1)


def _characters(patterns: Sequence[Pattern], excluded: Collection[str]) -> list[str]:
    """Return one character of each sort that the patterns or the texts tell apart."""
    ranges = {one for pattern in patterns for one in pattern.ranges()}
    ranges |= {(character, character) for text in excluded for character in text}
    firsts = {0, *(ord(low) for low, _ in ranges), *(ord(high) + 1 for _, high in ranges)}
    return [chr(one) for one in sorted(firsts) if one <= _LAST]
