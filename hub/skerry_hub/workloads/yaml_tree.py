"""YAML text into a tree of which every value knows its line. Pure.

Made from the parser's events, so that the limits hold before anything is made, and no tag ever
makes an object. Scalars stay text: what a text means is for whoever knows the field (`22:22` is a
port mapping and no number, `no` is a restart policy and not false).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping as Map
from typing import Any

import yaml

from skerry_hub.workloads.problems import Problems, RefusedError, short, under

MAX_TEXT_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000
"""Most values of a file, each alias counted as all that it stands for."""
MAX_CHARACTERS = 1024 * 1024
"""Most characters in all scalars, aliases counted likewise."""

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_NULLS = ("", "~", "null", "Null", "NULL")
_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"


@dataclasses.dataclass(frozen=True, slots=True)
class Scalar:
    """A text. `plain`: without quotes and tag, so that it may also mean a number or nothing."""

    text: str
    line: int
    plain: bool

    @property
    def is_null(self) -> bool:
        """Whether it says nothing, as `key:` alone does."""
        return self.plain and self.text in _NULLS


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their values, merge keys resolved."""

    entries: Map[str, Entry]
    line: int


Node = Scalar | Sequence | Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """The value of a key, and the key's line; `plain`: the key is without quotes and tag."""

    value: Node
    line: int
    plain: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Anchor:
    """What an alias stands for, and what it costs there."""

    node: Node
    height: int
    nodes: int
    characters: int


def parse_tree(text: str, problems: Problems) -> Node | None:
    """Return the tree of the one document that the text holds; None for a text without any.

    Duplicate keys are noted as problems. Raises RefusedError where there is no tree to go on with.
    """
    if len(text) > MAX_TEXT_BYTES or len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise RefusedError(f"is larger than {MAX_TEXT_BYTES // 1024} KiB")
    loader: Any = None
    line: int | None
    try:
        loader = yaml.SafeLoader(text)
        return _Builder(loader, problems).document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise RefusedError(
            f"has a character that YAML forbids: #x{error.character:04x}", line=line
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from None
    except (yaml.YAMLError, ValueError, OverflowError, IndexError):
        # The parser's own slips: an escape beyond Unicode, a version of thousands of digits.
        line = None if loader is None else loader.line + 1
        reason = "is not YAML: a number or an escape is out of range"
        raise RefusedError(reason, line=line) from None


def _syntax(error: yaml.MarkedYAMLError) -> RefusedError:
    what = (error.problem or "cannot be read").replace("\n", " ")[:200]
    if "'\\t'" in what:
        what += " (indent with spaces, not with tabs)"
    mark, start = error.problem_mark, error.context_mark
    if error.context and start is not None and (mark is None or start.line != mark.line):
        what += f" ({error.context[:100]} that starts on line {start.line + 1})"
    line = mark or start
    return RefusedError(f"is not YAML: {what}", line=None if line is None else line.line + 1)


class _Builder:
    """Takes one event after the other; counts what it makes."""

    def __init__(self, loader: Any, problems: Problems) -> None:
        self._loader = loader
        self._problems = problems
        self._anchors: dict[str, _Anchor | None] = {}  # None: still being made
        self._nodes = 0
        self._characters = 0

    def document(self) -> Node | None:
        self._next()
        if isinstance(self._loader.peek_event(), yaml.StreamEndEvent):
            return None
        self._next()
        root, _ = self._node(self._next(), "", 1)
        self._next()
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise RefusedError("holds more than one document", line=after.start_mark.line + 1)
        return root

    def _next(self) -> Any:
        return self._loader.get_event()

    def _node(self, event: Any, field: str, depth: int) -> tuple[Node, int]:
        """Return the node that starts with the event, and how many levels it has."""
        line = event.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise RefusedError(f"is nested deeper than {MAX_DEPTH}", field, line)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), field, depth, line)
        nodes, characters = self._nodes, self._characters
        self._spend(1, 0, field, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node, height = self._made(event, field, depth, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(
                node, height, self._nodes - nodes, self._characters - characters
            )
        return node, height

    def _made(self, event: Any, field: str, depth: int, line: int) -> tuple[Node, int]:
        if isinstance(event, yaml.ScalarEvent):
            _check_tag(event.tag, "str", field, line)
            self._spend(0, len(event.value), field, line)
            if _UNFIT.search(event.value):
                raise RefusedError("has a NUL or half a surrogate pair", field, line)
            return Scalar(event.value, line, event.implicit[0] and event.tag is None), 1
        if isinstance(event, yaml.SequenceStartEvent):
            _check_tag(event.tag, "seq", field, line)
            return self._sequence(field, depth, line)
        _check_tag(event.tag, "map", field, line)
        return self._mapping(field, depth, line)

    def _alias(self, name: str, field: str, depth: int, line: int) -> tuple[Node, int]:
        if name not in self._anchors:
            raise RefusedError(f"the alias *{name[:80]} has no anchor before it", field, line)
        anchor = self._anchors[name]
        if anchor is None:
            raise RefusedError(f"the alias *{name[:80]} stands within its own anchor", field, line)
        if depth + anchor.height - 1 > MAX_DEPTH:
            raise RefusedError(f"is nested deeper than {MAX_DEPTH}", field, line)
        self._spend(anchor.nodes, anchor.characters, field, line)
        return anchor.node, anchor.height

    def _spend(self, nodes: int, characters: int, field: str, line: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            raise RefusedError(
                f"the file holds more than {MAX_NODES} values, aliases expanded", field, line
            )
        if self._characters > MAX_CHARACTERS:
            raise RefusedError(
                f"the file holds more than {MAX_CHARACTERS} characters, aliases expanded",
                field,
                line,
            )

    def _sequence(self, field: str, depth: int, line: int) -> tuple[Node, int]:
        items: list[Node] = []
        highest = 0
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            item, height = self._node(event, f"{field}[{len(items)}]", depth + 1)
            items.append(item)
            highest = max(highest, height)
        return Sequence(tuple(items), line), highest + 1

    def _mapping(self, field: str, depth: int, line: int) -> tuple[Node, int]:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        first: dict[str, int] = {}
        highest = 1
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key, _ = self._node(event, field, depth + 1)
            at = event.start_mark.line + 1
            if not isinstance(key, Scalar):
                raise RefusedError("has a key that is not a text", field, at)
            value, height = self._node(self._next(), under(field, key.text), depth + 1)
            highest = max(highest, height)
            if key.text in first:
                reason = f"is given twice, first on line {first[key.text]}"
                self._problems.add(reason, under(field, key.text), at)
                continue
            first[key.text] = at
            if key.plain and key.text == _MERGE:
                merged = _merged(value, field, at)
            else:
                own[key.text] = Entry(value, at, key.plain)
        return Mapping({**merged, **own}, line), highest + 1


def _merged(value: Node, field: str, line: int) -> dict[str, Entry]:
    """Return the entries that a merge key brings in; the earlier mapping of a list wins."""
    sources = value.items if isinstance(value, Sequence) else (value,)
    found: dict[str, Entry] = {}
    for source in sources:
        if not isinstance(source, Mapping):
            raise RefusedError("must be a mapping, or a list of them", under(field, _MERGE), line)
        for key, entry in source.entries.items():
            found.setdefault(key, entry)
    return found


def _check_tag(tag: str | None, kind: str, field: str, line: int) -> None:
    if tag in (None, "!", _TAG + kind):
        return
    name = tag.replace(_TAG, "!!")
    if name in ("!reset", "!override"):
        raise RefusedError(f"{name} is not supported: files are not merged", field, line)
    raise RefusedError(f"the tag {short(name)} is not supported", field, line)
