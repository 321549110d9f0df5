r"""Regular expressions whose cost is bounded: a text is read once, whatever the pattern. Pure.

The syntax is what RE2 and Python share of literals, `.`, classes, `\d \w \s` (ASCII) and their
opposites, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$`. A pattern becomes a machine of at most
MAX_STEPS steps that follows all ways at once (Thompson's construction), so that a character costs
at most MAX_STEPS looks; sets of steps that were met are remembered. Backreferences and looking
around need backtracking, and are refused.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable

MAX_PATTERN = 256
MAX_STEPS = 256
MAX_NESTED = 16
MAX_REPEATED = 255
_MAX_KNOWN = 4096
_MAX_COMPILED = 256

_COUNT = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{1,3})?)?\}")
_CLASSES = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
    "s": (("\t", "\r"), (" ", " ")),
}
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r"}
_AGAIN = {"*": (0, None), "+": (1, None), "?": (0, 1)}

Ranges = tuple[tuple[str, str], ...]
States = frozenset[int]


class PatternError(ValueError):
    """A pattern that is not taken; `at` is where in it, from 0."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


# --- the tree of a pattern ----------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Characters:
    ranges: Ranges
    negated: bool = False

    def takes(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) != self.negated


@dataclasses.dataclass(frozen=True, slots=True)
class _Anchor:
    at_end: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Part, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Choice:
    ways: tuple[_Part, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Part
    least: int
    most: int | None


_Part = _Characters | _Anchor | _Sequence | _Choice | _Repeat


class _Reading:
    """Reads a pattern by recursive descent."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self, token: str) -> bool:
        if not self.pattern.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def choice(self, depth: int) -> _Part:
        if depth > MAX_NESTED:
            raise PatternError(f"is nested deeper than {MAX_NESTED}", self.at)
        ways = [self.sequence(depth)]
        while self.take("|"):
            ways.append(self.sequence(depth))
        return ways[0] if len(ways) == 1 else _Choice(tuple(ways))

    def sequence(self, depth: int) -> _Part:
        parts: list[_Part] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(depth))
        if not parts:
            # Each part makes at least one step, which is what bounds the making, too.
            raise PatternError("has nothing here; write (...)? for what may be missing", self.at)
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def repeated(self, depth: int) -> _Part:
        part = self.atom(depth)
        start = self.at
        bounds = self.bounds()
        if bounds is None:
            return part
        least, most = bounds
        if isinstance(part, _Anchor):
            raise PatternError("repeats an anchor", start)
        if most == 0 or (most is not None and most < least):
            raise PatternError("repeats from more to less, or never", start)
        if max(least, most or 0) > MAX_REPEATED:
            raise PatternError(f"repeats more than {MAX_REPEATED} times", start)
        if self.peek() in ("*", "+", "?") or _COUNT.match(self.pattern, self.at):
            raise PatternError("repeats a repetition", self.at)
        return _Repeat(part, least, most)

    def bounds(self) -> tuple[int, int | None] | None:
        sign = self.peek()
        if sign in _AGAIN:
            self.at += 1
            return _AGAIN[sign]
        count = _COUNT.match(self.pattern, self.at)
        if count is None:
            return None
        self.at = count.end()
        least = int(count[1])
        if count[2] is None:
            return least, least
        return least, None if count[3] is None else int(count[3])

    def atom(self, depth: int) -> _Part:
        start = self.at
        self.at += 1
        match sign := self.pattern[start]:
            case "^" | "$":
                return _Anchor(sign == "$")
            case ".":
                return _Characters((("\n", "\n"),), negated=True)
            case "[":
                return self.characters(start)
            case "(":
                return self.group(start, depth)
            case "\\":
                return self.escaped(start)
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise PatternError(f"has {sign} after nothing; write \\{sign} for the sign", start)
        return _Characters(((sign, sign),))

    def group(self, start: int, depth: int) -> _Part:
        if self.take("?") and not self.take(":"):
            raise PatternError("looks around or names a group, which is not supported", start)
        part = self.choice(depth + 1)
        if not self.take(")"):
            raise PatternError("has a ( without its )", start)
        return part

    def escaped(self, start: int) -> _Characters:
        sign = self.peek()
        self.at += 1
        if sign and sign.lower() in _CLASSES:
            return _Characters(_CLASSES[sign.lower()], negated=sign.isupper())
        if sign in _ESCAPED:
            return _Characters(((_ESCAPED[sign], _ESCAPED[sign]),))
        if not sign or (sign.isascii() and sign.isalnum()):
            what = "a backreference" if sign.isdigit() else f"\\{sign}"
            raise PatternError(f"has {what}, which is not supported", start)
        return _Characters(((sign, sign),))

    def characters(self, start: int) -> _Characters:
        negated = self.take("^")
        ranges: list[tuple[str, str]] = []
        while self.peek() != "]" or not ranges:
            low = self.member(start)
            if self.peek() != "-" or self.pattern[self.at + 1 :][:1] in ("]", ""):
                ranges += low
                continue
            self.at += 1
            high = self.member(start)
            if not _is_one(low) or not _is_one(high) or low[0][0] > high[0][1]:
                raise PatternError("has a range that goes down, or of classes", start)
            ranges.append((low[0][0], high[0][1]))
        self.at += 1
        return _Characters(tuple(ranges), negated)

    def member(self, start: int) -> Ranges:
        at, sign = self.at, self.peek()
        self.at += 1
        if not sign:
            raise PatternError("has a [ without its ]", start)
        if sign != "\\":
            return ((sign, sign),)
        found = self.escaped(at)
        if found.negated:
            raise PatternError("has the opposite of a class within [ ]", at)
        return found.ranges


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


# --- the machine -------------------------------------------------------------------------


@dataclasses.dataclass(slots=True)
class _Step:
    """Take a character (then the next step), pass an anchor, or go on at others (`ways`)."""

    characters: _Characters | None = None
    anchor: _Anchor | None = None
    ways: tuple[int, ...] | None = None


class Pattern:
    """A pattern, ready to be asked."""

    def __init__(self, pattern: str) -> None:
        """Make the machine. Raises PatternError."""
        if len(pattern) > MAX_PATTERN:
            raise PatternError(f"is longer than {MAX_PATTERN} characters", 0)
        reading = _Reading(pattern)
        tree = reading.choice(0)
        if reading.at < len(pattern):
            raise PatternError("has a ) without its (", reading.at)
        self._steps: list[_Step] = []
        self._make(tree)
        self._end = len(self._steps)
        self._known: dict[tuple[States, str], States] = {}
        self.start = self._reach({0}, at_start=True, at_end=False)
        """Where it is before a text's first character."""
        self._anew = self._reach({0}, at_start=False, at_end=False)

    def found_in(self, text: str) -> bool:
        """Say whether any part of the text matches."""
        states = self.start
        for character in text:
            if self._end in states:
                return True
            after = self._known.get((states, character))
            if after is None:
                after = self._known_after(states, character)
            states = after
        return self.is_found(states) or self.is_found_at_end(states, is_empty=not text)

    def is_found(self, states: States) -> bool:
        """Say whether a part of the text has matched, whatever follows."""
        return self._end in states

    def is_found_at_end(self, states: States, *, is_empty: bool = False) -> bool:
        """Say whether a part has matched if this was the text; `is_empty`: it had nothing."""
        return self._end in self._reach(states, at_start=is_empty, at_end=True)

    def ranges(self) -> Ranges:
        """Return the ranges of characters that it tells apart from all others."""
        taken = (step.characters.ranges for step in self._steps if step.characters is not None)
        return tuple({one for ranges in taken for one in ranges})

    def _known_after(self, states: States, character: str) -> States:
        after = self.after(states, character)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[states, character] = after
        return after

    def after(self, states: States, character: str) -> States:
        """Return where it is after one more character."""
        taken = set()
        for state in states:
            characters = None if state == self._end else self._steps[state].characters
            if characters is not None and characters.takes(character):
                taken.add(state + 1)
        return self._reach(taken, at_start=False, at_end=False) | self._anew

    def _reach(self, states: Iterable[int], *, at_start: bool, at_end: bool) -> States:
        """Return the steps that wait for a character or an anchor."""
        found: set[int] = set()
        going = list(states)
        while going:
            state = going.pop()
            if state in found:
                continue
            found.add(state)
            if state == self._end:
                continue
            step = self._steps[state]
            if step.ways is not None:
                going += step.ways
            elif step.anchor is not None and (at_end if step.anchor.at_end else at_start):
                going.append(state + 1)
            elif step.anchor is not None and not step.anchor.at_end:
                found.discard(state)  # the start never comes again
        return frozenset(found)

    def _add(self, step: _Step) -> _Step:
        if len(self._steps) >= MAX_STEPS:
            raise PatternError(f"stands for more than {MAX_STEPS} steps; repeat less", 0)
        self._steps.append(step)
        return step

    def _make(self, part: _Part) -> None:
        match part:
            case _Characters():
                self._add(_Step(characters=part))
            case _Anchor():
                self._add(_Step(anchor=part))
            case _Sequence():
                for one in part.parts:
                    self._make(one)
            case _Choice():
                self._make_choice(part)
            case _Repeat():
                self._make_repeat(part)

    def _make_choice(self, part: _Choice) -> None:
        leaving = []
        for way in part.ways[:-1]:
            split = self._add(_Step(ways=()))
            start = len(self._steps)
            self._make(way)
            leaving.append(self._add(_Step(ways=())))
            split.ways = (start, len(self._steps))
        self._make(part.ways[-1])
        for step in leaving:
            step.ways = (len(self._steps),)

    def _make_repeat(self, part: _Repeat) -> None:
        for _ in range(part.least):
            self._make(part.part)
        if part.most is None:
            split = self._add(_Step(ways=()))
            start = len(self._steps)
            self._make(part.part)
            self._add(_Step(ways=(start - 1,)))
            split.ways = (start, len(self._steps))
            return
        splits = []
        for _ in range(part.most - part.least):
            splits.append((self._add(_Step(ways=())), len(self._steps)))
            self._make(part.part)
        for split, start in splits:
            split.ways = (start, len(self._steps))


@functools.lru_cache(maxsize=_MAX_COMPILED)
def compiled(pattern: str) -> Pattern:
    """Return the machine of a pattern. Raises PatternError."""
    return Pattern(pattern)
