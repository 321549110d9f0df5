"""Where in the JSON files of a request a problem of the hub's is: the file, its line and path.

The hub is sent all files' workloads as one list, and names what is wrong by its place in that:
`workloads[3].containers[0].image`. Looked at only when it refuses something.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from skerry_cli.failures import RefusedError
from skerry_wire.frozen import frozen

if TYPE_CHECKING:
    from skerry_cli.records import Problem  # which takes long to import

_BLANK = re.compile(r"[ \t\n\r]*")
_INDEX = re.compile(r"\[([0-9]{1,9})\]")
_FIELD = re.compile(r"workloads\[([0-9]{1,9})\]\.?(.*)", re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
_DECODER = json.JSONDecoder()

Step = tuple[int, str]
"""Where a value begins, and what is left of the path to it."""


@frozen()
class JsonFile:
    """A file of workloads, which is known to be JSON.

    `first` is the place of its first workload in the request, `count` how many it has; `path` is
    what leads to their list, None where the file is one workload.
    """

    name: str
    text: str
    first: int
    count: int
    path: str | None

    def within(self, index: int, rest: str) -> str:
        """Return the path in this file of something within one of its workloads."""
        if self.path is None:
            return rest
        dot = "." if rest and not rest.startswith("[") else ""
        return f"{self.path}[{index - self.first}]{dot}{rest}"


@frozen()
class Places:
    """The JSON files of one request."""

    files: Sequence[JsonFile] = ()

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Let what the hub refuses meanwhile be told by file and line."""
        try:
            yield
        except RefusedError as failure:
            raise failure.placed(self.of) from None

    def of(self, problem: Problem) -> Problem:
        """Return a problem as the files know it."""
        found = _FIELD.fullmatch(problem.field or "") if problem.file is None else None
        if found is None:
            return problem
        index = int(found[1])
        file = next((one for one in self.files if 0 <= index - one.first < one.count), None)
        if file is None:
            return problem
        path = file.within(index, found[2])
        return dataclasses.replace(
            problem, file=file.name, line=line_of(file.text, path), field=path or None
        )


NO_FILES = Places()


def line_of(text: str, path: str) -> int:
    """Return the line of the deepest value that a JSON text has on the way along a path."""
    at = _skip(text, 0)
    with contextlib.suppress(RecursionError):  # what was just read is too deep from here
        while path and (step := _step(text, at, path)) is not None:
            at, path = step
    return text.count("\n", 0, at) + 1


def fault_of(text: str) -> tuple[int, str]:
    """Return the first key given twice in one object, or number that is none: its line, and why.

    Of a text that is JSON otherwise, in which there is one.
    """
    within: list[set[str] | None] = []
    tokens = list(_TOKEN.finditer(text))
    for token, after in itertools.zip_longest(tokens, tokens[1:]):
        word, reason = token[0], ""
        if word in "{[":
            within.append(set() if word == "{" else None)
        elif word in "}]":
            within.pop()
        elif word in _NO_NUMBERS:
            reason = f"{word} is not a number of JSON"
        elif after is not None and after[0] == ":" and (keys := within[-1]) is not None:
            key = json.loads(word)
            if key in keys:
                reason = f"the key {key[:80]!r} is given twice in one object"
            keys.add(key)
        if reason:
            return text.count("\n", 0, token.start()) + 1, reason
    return 1, "is not JSON"


def _step(text: str, at: int, path: str) -> Step | None:
    if text[at] == "[":
        index = _INDEX.match(path)
        return None if index is None else _item(text, at, int(index[1]), path[index.end() :])
    return _member(text, at, path.removeprefix(".")) if text[at] == "{" else None


def _item(text: str, at: int, index: int, rest: str) -> Step | None:
    at = _skip(text, at + 1)
    while text[at] != "]":
        if index == 0:
            return at, rest
        at, index = _after(text, at), index - 1
    return None


def _member(text: str, at: int, path: str) -> Step | None:
    """Return the value of the longest key that the path begins with: a key may have dots."""
    found: Step | None = None
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, end) + 1)
        rest = path[len(key) :]
        is_on_the_way = path.startswith(key) and rest[:1] in ("", ".", "[")
        if is_on_the_way and (found is None or len(rest) <= len(found[1])):
            found = at, rest
        at = _after(text, at)
    return found


def _after(text: str, at: int) -> int:
    """Return where what follows a value begins, beyond its comma."""
    at = _skip(text, _DECODER.raw_decode(text, at)[1])
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()
