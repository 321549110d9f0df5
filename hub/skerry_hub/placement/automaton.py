"""A pattern asked of many texts at once: one character of every text a step. Pure.

The sets of steps in which the pattern's machine can be are numbered as texts lead to them, and
where each character leads from each is kept in a table; so a step of all texts is a look into it.
Both are bounded. Where the bounds do not do, a text is asked by itself: sets beyond the number
that is kept, and characters beyond Latin-1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from skerry_hub.fleet.arrays import Mask
from skerry_hub.fleet.fields import Single
from skerry_hub.placement.pattern import Pattern, States, compiled

MOST_STATES = 256
BATCH = 16_384
"""Texts that go through together: what is looked at for them stays in the processor's cache."""
FEW = 64
"""So few texts are asked one by one: that is faster."""
BEYOND = 256
"""Stands for every character that is none of Latin-1."""
WIDTH = BEYOND + 1

FOUND, NEVER, ALONE = 0, 1, 2
"""States that end it: a part matches, none ever will, and the text is to be asked by itself."""
ENDING = 3
"""So many states are these."""
_UNKNOWN = -1

Numbers = npt.NDArray[np.intp]


class Automaton:
    """A pattern's states, as far as texts led to them."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._number_of: dict[States, int] = {}
        self._sets: list[States] = [frozenset()] * ENDING
        self._matches_at_end = np.zeros(MOST_STATES, dtype=np.bool_)
        self._table = np.full((8, WIDTH), _UNKNOWN, dtype=np.int16)
        self._start = self._number(pattern.start)

    def found_in_each(self, values: Sequence[Single]) -> Mask:
        """Say of each value whether any part of it, as a text, matches."""
        if len(values) < FEW:
            texts = map(str, values)
            return np.fromiter(map(self._pattern.found_in, texts), np.bool_, len(values))
        found: Mask = np.zeros(len(values), dtype=np.bool_)
        for first in range(0, len(values), BATCH):
            batch = list(map(str, values[first : first + BATCH]))
            found[first : first + len(batch)] = self._found_in(batch)
        return found

    def _found_in(self, texts: Sequence[str]) -> Mask:
        found: Mask = np.zeros(len(texts), dtype=np.bool_)
        encoded = "".join(texts).encode("utf-32-le", "surrogatepass")
        characters = np.minimum(np.frombuffer(encoded, "<u4"), BEYOND).astype(np.intp)
        lengths = np.fromiter(map(len, texts), np.intp, len(texts))
        if not lengths.all():
            found[lengths == 0] = self._pattern.found_in("")
        which = np.flatnonzero(lengths)
        ends = np.cumsum(lengths)[which]
        at = ends - lengths[which]
        states: Numbers = np.full(len(which), self._start, dtype=np.intp)
        while len(which):
            states = self._after(states, characters.take(at))
            at += 1
            self._settle(found, which, states, at == ends, texts)
            going = np.flatnonzero((states >= ENDING) & (at < ends))
            if len(going) < len(which):
                which, states, at, ends = (one.take(going) for one in (which, states, at, ends))
        return found

    def _settle(
        self, found: Mask, which: Numbers, states: Numbers, ended: Mask, texts: Sequence[str]
    ) -> None:
        """Note the answers of those that have one now; `which` are the texts' numbers."""
        found[which[states == FOUND]] = True
        over = ended & (states >= ENDING)
        found[which[over]] = self._matches_at_end.take(states[over])
        for number in which[states == ALONE].tolist():
            found[number] = self._pattern.found_in(texts[number])

    def _after(self, states: Numbers, characters: Numbers) -> Numbers:
        """Return the states to which characters lead from states."""
        if self._start < ENDING:
            return states
        places = states * WIDTH + characters
        after = self._table.ravel().take(places)
        unknown = after == _UNKNOWN
        if unknown.any():
            for place in np.unique(places[unknown]).tolist():
                self._learn(*divmod(place, WIDTH))
            after = self._table.ravel().take(places)
        return after.astype(np.intp)

    def _learn(self, state: int, character: int) -> None:
        """Find out where a character leads."""
        number = ALONE
        if character != BEYOND:
            number = self._number(self._pattern.after(self._sets[state], chr(character)))
        self._table[state, character] = number

    def _number(self, states: States) -> int:
        if self._pattern.is_found(states):
            return FOUND
        if not states:
            return NEVER
        known = self._number_of.get(states)
        if known is not None:
            return known
        number = len(self._sets)
        if number == MOST_STATES:
            return ALONE
        self._number_of[states] = number
        self._sets.append(states)
        self._matches_at_end[number] = self._pattern.is_found_at_end(states)
        if number == len(self._table):
            self._table = np.concatenate([self._table, np.full_like(self._table, _UNKNOWN)])
        return number


@functools.lru_cache(maxsize=64)
def automaton(pattern: str) -> Automaton:
    """Return the automaton of a pattern. Raises PatternError."""
    return Automaton(compiled(pattern))
