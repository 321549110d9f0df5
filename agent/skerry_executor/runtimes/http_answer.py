"""Reads an answer of HTTP/1.1 from a stream of bytes, within limits.

The standard library's client takes half of a visit's time to read the headers of many small
answers, and longer to import than all the rest of the executor. This one reads what runtimes send
and no more: no compression, no further answer on the same connection.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from skerry_wire.frozen import frozen

MAX_LINE_BYTES = 64 * 1024
MAX_HEADERS = 100
PIECE_BYTES = 64 * 1024
SWITCHING = 101
_BODILESS = (101, 204, 304)


class AnswerError(Exception):
    """What came is no answer, not all of one, or too much."""


class TooLargeError(AnswerError):
    """An answer beyond its limit."""


class Source(Protocol):
    """What an answer is read from, as io.BufferedReader is."""

    def readline(self, size: int, /) -> bytes:
        """Return a line with its end, or what there is of it."""

    def read1(self, size: int, /) -> bytes:
        """Return what is there, at least a byte; nothing at the end."""


@frozen()
class Head:
    """The status of an answer, and its headers by their names in lower case."""

    status: int
    headers: Mapping[str, str]


def head(source: Source) -> Head:
    """Read as far as the headers. What only says that the answer is to come is left out."""
    while True:
        found = Head(_status(_line(source)), _headers(source))
        if found.status >= 200 or found.status == SWITCHING:
            return found


def pieces(source: Source, answer: Head) -> Iterator[bytes]:
    """Yield the body as it comes. Raises AnswerError when it is cut short."""
    if answer.status in _BODILESS:
        return
    if "chunked" in answer.headers.get("transfer-encoding", "").lower():
        yield from _chunks(source)
        return
    length = answer.headers.get("content-length")
    if length is None:
        yield from rest(source)
        return
    yield from _exactly(source, _number(length, 10))


def rest(source: Source) -> Iterator[bytes]:
    """Yield all that comes until the other end is done."""
    return iter(lambda: source.read1(PIECE_BYTES), b"")


def lines(parts: Iterator[bytes], most_bytes: int) -> Iterator[bytes]:
    """Yield whole lines, and what is left at the end."""
    kept = b""
    for part in parts:
        *whole, kept = (kept + part).split(b"\n")
        yield from whole
        if len(kept) > most_bytes:
            raise TooLargeError(f"a line of more than {most_bytes} bytes")
    if kept:
        yield kept


def _status(line: bytes) -> int:
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise AnswerError(f"{line[:80]!r} is no answer of HTTP")
    return int(words[1])


def _headers(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(MAX_HEADERS + 1):
        line = _line(source)
        if not line:
            return found
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise AnswerError(f"{line[:80]!r} is no header")
        found[name.strip().lower()] = value.strip()
    raise TooLargeError(f"more than {MAX_HEADERS} headers")


def _line(source: Source) -> bytes:
    line = source.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise TooLargeError(f"a line of more than {MAX_LINE_BYTES} bytes")
    if not line.endswith(b"\n"):
        raise AnswerError("the connection ended without a whole answer")
    return line.rstrip(b"\r\n")


def _chunks(source: Source) -> Iterator[bytes]:
    while True:
        size = _number(_line(source).partition(b";")[0].decode("latin-1"), 16)
        if size == 0:
            while _line(source):
                pass
            return
        yield from _exactly(source, size)
        if _line(source):
            raise AnswerError("a chunk is longer than it says")


def _exactly(source: Source, count: int) -> Iterator[bytes]:
    while count:
        part = source.read1(min(count, PIECE_BYTES))
        if not part:
            raise AnswerError("the connection ended without a whole answer")
        count -= len(part)
        yield part


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        number = -1
    if number < 0:
        raise AnswerError(f"{text[:80]!r} is no length")
    return number
