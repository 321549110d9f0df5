"""JSON read piece by piece, each value as soon as it is whole. Pure.

A document may be far larger than memory; no single value that is asked for may be larger than
MAX_VALUE_CHARS, nor all of it than MAX_CHARS. Numbers that are none of JSON (NaN) are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_VALUE_CHARS = 4 * 1024 * 1024
MAX_CHARS = 32 * 1024**3
MOST_DIGITS = 20
_ESCAPED = re.compile(r"\\u[dD]")
_SPACE = re.compile(r"[ \t\n\r]*")


class JsonError(Exception):
    """What is not JSON, or too large; `line` is where."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


class _RefusedNumber(Exception):  # noqa: N818 - it never leaves this module
    pass


def _refuse(text: str) -> Any:
    raise _RefusedNumber(text[:40])


def _integer(text: str) -> int:
    number: int = int(text) if len(text) <= MOST_DIGITS else _refuse(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer)


class JsonStream:
    """The text, from its beginning to its end."""

    def __init__(self, chunks: Iterator[str], most_chars: int = MAX_CHARS) -> None:
        self._chunks = chunks
        self._most_chars = most_chars
        self._text = ""
        self._at = 0
        self._read = 0
        self._lines = 1
        """The line of the beginning of the text that is held."""
        self._ended = False

    @property
    def line(self) -> int:
        """Return the line that is next, from 1."""
        return self._lines + self._text.count("\n", 0, self._at)

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = self._at if found is None else found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, expected: str) -> None:
        """Pass one of these characters. Raises JsonError."""
        if self.peek() not in tuple(expected):
            found = repr(self.peek()) if self.peek() else "the end"
            words = " or ".join(map(repr, expected))
            raise JsonError(f"expected {words}, not {found}", self.line)
        self._at += 1

    def value(self) -> Any:
        """Return the next value, whole. Raises JsonError."""
        while True:
            if not self.peek():
                raise JsonError("ends too early", self.line)
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise JsonError(error.msg, self._line_of(error.pos)) from None
            except _RefusedNumber as error:
                raise JsonError(f"{error} is no number that can be read", self.line) from None
            except RecursionError:
                raise JsonError("nests too deeply", self.line) from None
            else:
                # A number may go on in the next piece, behind what is none yet: `1.`, `1e+`.
                is_number = type(value) in (int, float)
                size = end - self._at
                if is_number and len(self._text) - end <= 2 and self._more():
                    continue
                self._check_characters(value, self._at, self._at + size)
                self._at += size
                return value

    def _check_characters(self, value: Any, start: int, end: int) -> None:
        """Refuse halves of characters, which only escapes can say: nothing can write them again."""
        if _ESCAPED.search(self._text, start, end) is None:
            return
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            reason = "has half a character (\\ud800 to \\udfff without the other)"
            raise JsonError(reason, self.line) from None

    def members(self) -> Iterator[str]:
        """Yield the keys of the object that is next; each value is to be read before the next."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                raise JsonError("expected a key in quotation marks", self.line)
            key = self.value()
            self.take(":")
            yield key
            if self.peek() == "}":
                self.take("}")
                return
            self.take(",}")

    def elements(self) -> Iterator[Any]:
        """Yield the elements of the array that is next."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.peek() == "]":
                self.take("]")
                return
            self.take(",]")

    def _line_of(self, position: int) -> int:
        return self._lines + self._text.count("\n", 0, position)

    def _more(self) -> bool:
        """Read on, as much again as there is, so that no value is read many times over."""
        if self._ended:
            return False
        held = self._text[self._at :]
        if len(held) > MAX_VALUE_CHARS:
            reason = f"one value has more than {MAX_VALUE_CHARS >> 20} Mi characters"
            raise JsonError(reason, self.line)
        self._lines += self._text.count("\n", 0, self._at)
        self._at = 0
        parts, wanted = [held], len(held) + 1
        while wanted > 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
                break
            parts.append(chunk)
            wanted -= len(chunk)
            self._read += len(chunk)
        self._text = "".join(parts)
        if self._read > self._most_chars:
            raise JsonError(f"has more than {self._most_chars} characters", self.line)
        return len(self._text) > len(held)
