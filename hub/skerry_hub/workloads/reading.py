"""Typed values out of the tree: a reader takes a `Value` and returns what it means, or refuses.

Readers of single values raise `RefusedError`; `attempt` turns that into a problem with its line
and goes on, so that one apply tells everything that is wrong. Pure.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from skerry_hub.workloads import yaml_tree
from skerry_hub.workloads.keys import Keys
from skerry_hub.workloads.problems import Problems, RefusedError, short, under
from skerry_hub.workloads.yaml_tree import Entry, Node, Scalar, Sequence

T = TypeVar("T")
D = TypeVar("D")

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_LONGEST_GUESS = 40
EXTENSION = "x-"


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A node, the path and line under which people know it, and where its problems go."""

    node: Node
    field: str
    line: int
    problems: Problems

    def refuse(self, reason: str) -> None:
        """Note that something is wrong with this value."""
        self.problems.add(reason, self.field, self.line)

    def warn(self, reason: str) -> None:
        """Note that this value means less here than it says."""
        self.problems.warn(reason, self.field, self.line)

    @property
    def is_null(self) -> bool:
        """Whether there is nothing here."""
        return isinstance(self.node, Scalar) and self.node.is_null

    @property
    def is_scalar(self) -> bool:
        """Whether it is neither a list nor a mapping."""
        return isinstance(self.node, Scalar)

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.node, yaml_tree.Mapping)

    @property
    def is_sequence(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, Sequence)


Reader = Callable[[Value], T]
Placed = tuple[Value, T]
"""What was read, and where it stands, for what is wrong with it beside others."""


def attempt(value: Value, read: Reader[T]) -> T | None:
    """Return what a reader makes of a value; None, and a problem, where it refuses."""
    try:
        return read(value)
    except RefusedError as refused:
        value.problems.add(refused.reason, refused.field or value.field, refused.line or value.line)
        return None


def differing(value: Value, other: Value) -> str:
    """Return why a value cannot stand beside another one that should say the same."""
    there = f"{other.field} on line {other.line}"
    if isinstance(value.node, Scalar) and isinstance(other.node, Scalar):
        return f"is {short(value.node.text)} and differs from {there}, {short(other.node.text)}"
    return f"differs from {there}"


def below(value: Value, path: str) -> Value | None:
    """Return the value to which a path of keys leads; None where nothing stands there."""
    for key in path.split("."):
        if not isinstance(value.node, yaml_tree.Mapping) or key not in value.node.entries:
            return None
        value = _child(value, key, value.node.entries[key])
    return value


# --- single values -----------------------------------------------------------------------


def text(value: Value) -> str:
    """Read a text, `$$` as `$`. A number or a boolean is the text that it is written as."""
    if not isinstance(value.node, Scalar):
        raise RefusedError(f"must be a text, not {_kind(value.node)}")
    if value.node.is_null:
        raise RefusedError('is empty: give a value, or "" for an empty text')
    return interpolated(value.node.text)


def literal(value: Value) -> str:
    """Read a text as it is written, a dollar sign too, where nothing is replaced."""
    if not isinstance(value.node, Scalar):
        raise RefusedError("must be a text")
    if value.node.is_null:
        raise RefusedError('is empty: give a value, or "" for an empty text')
    return value.node.text


def interpolated(raw: str) -> str:
    """Return a text with `$$` as `$`. A variable would be the operator's, and is refused."""
    if "$" in raw.replace("$$", ""):
        # The text is not quoted: it may be a password with a dollar sign.
        raise RefusedError(
            "has a variable, which is not replaced here: write the value, or $$ for a dollar sign"
        )
    return raw.replace("$$", "$")


def word(value: Value) -> str:
    """Read a text that is not empty."""
    found = text(value)
    if not found:
        raise RefusedError("is empty")
    return found


def boolean(value: Value) -> bool:
    """Read true or false."""
    found = text(value)
    plain = isinstance(value.node, Scalar) and value.node.plain
    if not plain or found not in ("true", "false", "True", "False", "TRUE", "FALSE"):
        raise RefusedError(f"must be true or false, not {short(found)}")
    return found.lower() == "true"


def whole(low: int, high: int) -> Reader[int]:
    """Read a whole number within limits."""

    def read(value: Value) -> int:
        found = text(value)
        if _WHOLE.fullmatch(found) is None or not low <= int(found) <= high:
            raise RefusedError(f"must be a whole number from {low} to {high}, not {short(found)}")
        return int(found)

    return read


def choice(words: Mapping[str, T], hints: Mapping[str, str] | None = None) -> Reader[T]:
    """Read one of a few words. `hints` say what to do instead of words that are not supported."""

    def read(value: Value) -> T:
        found = text(value)
        if found in words:
            return words[found]
        if hints and found in hints:
            raise RefusedError(f"{short(found)} is not supported: {hints[found]}")
        raise RefusedError(f"must be one of {', '.join(words)}; not {short(found)}")

    return read


def parsed(parse: Callable[[str], T]) -> Reader[T]:
    """Read a text that has a form of its own."""
    return lambda value: parse(text(value))


# --- several values ----------------------------------------------------------------------


def items(value: Value) -> Iterator[Value]:
    """Go through a list."""
    if not isinstance(value.node, Sequence):
        raise RefusedError(f"must be a list, not {_kind(value.node)}")
    for index, node in enumerate(value.node.items):
        yield Value(node, f"{value.field}[{index}]", node.line, value.problems)


def listed(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """Read a list; what is wrong with one item does not hide what is wrong with the next."""

    def read_all(value: Value) -> tuple[T, ...]:
        found = (attempt(item, read) for item in items(value))
        return tuple(one for one in found if one is not None)

    return read_all


def placed(read: Reader[T]) -> Reader[tuple[Placed[T], ...]]:
    """Read a list, each item beside where it stands."""
    return listed(lambda value: (value, read(value)))


def once(found: Iterable[Placed[T]], key: Callable[[T], Hashable], what: str) -> tuple[T, ...]:
    """Return each item, and note those that are `what` a second time by their keys."""
    first: dict[Hashable, Value] = {}
    kept: list[T] = []
    for value, one in found:
        before = first.setdefault(key(one), value)
        if before is value:
            kept.append(one)
        else:
            value.refuse(f"is {what} twice, first on line {before.line}")
    return tuple(kept)


def entries(value: Value) -> Iterator[tuple[str, Value]]:
    """Go through a mapping."""
    for key, entry in _mapping(value).items():
        yield key, _child(value, key, entry)


def _mapping(value: Value) -> Mapping[str, Entry]:
    if not isinstance(value.node, yaml_tree.Mapping):
        raise RefusedError(f"must be a mapping of keys, not {_kind(value.node)}")
    return value.node.entries


def _child(value: Value, key: str, entry: Entry) -> Value:
    # What is wrong with a scalar is where the scalar stands, which an alias may move.
    line = entry.value.line if isinstance(entry.value, Scalar) else entry.line
    return Value(entry.value, under(value.field, key), line, value.problems)


def pairs(missing: str | None, why: str = "has no value") -> Reader[dict[str, str]]:
    """Read texts by name, from a mapping or a list of `name=value`.

    A name without a value means `missing`; where that is None, it is refused, for `why`.
    """

    def put(found: dict[str, str], name: str, content: str | None, _at: Value) -> None:
        if not name or "=" in name:
            raise RefusedError(f"{short(name)} is not a name: write name=value")
        if name in found:
            raise RefusedError(f"{short(name)} is given twice")
        if content is None and missing is None:
            raise RefusedError(f"{short(name)} {why}")
        found[name] = missing or "" if content is None else content

    def read(value: Value) -> dict[str, str]:
        found: dict[str, str] = {}
        if value.is_sequence:
            for item in items(value):
                pair = attempt(item, parsed(_split))
                if pair is not None:
                    attempt(item, functools.partial(put, found, *pair))
            return found
        for name, entry in entries(value):
            content = "" if entry.is_null else attempt(entry, text)
            if content is not None:
                said = None if entry.is_null else content
                attempt(entry, functools.partial(put, found, name, said))
        return found

    return read


def _split(pair: str) -> tuple[str, str | None]:
    name, equals, content = pair.partition("=")
    return name, content if equals else None


# --- mappings with known keys -------------------------------------------------------------


class Section:
    """A mapping whose keys are all known. What is not read is refused, never ignored."""

    def __init__(self, value: Value, keys: Keys, *, empty_ok: bool = False) -> None:
        """Note each key that is not supported. Raises RefusedError where this is no mapping."""
        self.value = value
        self._keys = keys
        self._found: dict[str, Value] = {}
        if value.is_null and empty_ok:
            return
        for key, entry in _mapping(value).items():
            if key in keys.supported:
                self._found[key] = _child(value, key, entry)
            elif not (key.startswith(EXTENSION) or _is_usual(entry.value, keys.usual.get(key))):
                value.problems.add(_why_not(key, keys), under(value.field, key), entry.line)

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def at(self, key: str) -> Value | None:
        """Return the value of a key, None where it is not given."""
        if key not in self._keys.supported:
            raise KeyError(key)  # what is read is documented
        return self._found.get(key)

    def get(self, key: str, read: Reader[T], default: D, *, empty_ok: bool = False) -> T | D:
        """Return what a key says; the default where it is not given, or wrong (then noted)."""
        value = self.at(key)
        if value is None or (empty_ok and value.is_null):
            return default
        if value.is_null:
            value.refuse("is empty: give it a value, or remove the key")
            return default
        found = attempt(value, read)
        return default if found is None else found

    def need(self, key: str, read: Reader[T], default: D) -> T | D:
        """Return what a key says that must be given."""
        if self.at(key) is None:
            self.value.problems.add("is missing", under(self.value.field, key), self.value.line)
        return self.get(key, read, default)

    def refuse(self, key: str, reason: str) -> None:
        """Note that something is wrong with a key that is given."""
        self._found[key].refuse(reason)

    def warn(self, key: str, reason: str) -> None:
        """Note that a key that is given means less here than it says."""
        self._found[key].warn(reason)


def _is_usual(node: Node, usual: str | None) -> bool:
    """Say whether a key is at the value at which it changes nothing."""
    if isinstance(node, Scalar):
        return ("null" if node.is_null else node.text) == usual
    if isinstance(node, Sequence):
        return not node.items and usual == "[]"
    return not node.entries and usual == "{}"


def _why_not(key: str, keys: Keys) -> str:
    if key in keys.refused:
        why = keys.refused[key]
        return f"is not supported: {why}" if why else "is not supported"
    known = [*keys.supported, *keys.refused]
    close = difflib.get_close_matches(key, known, n=1) if len(key) <= _LONGEST_GUESS else []
    guess = f"; did you mean {close[0]}?" if close else ""
    return f"is not a key of {keys.title}{guess}"


def _kind(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, yaml_tree.Mapping):
        return "a mapping"
    return "nothing" if node.is_null else short(node.text)
