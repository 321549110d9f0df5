"""Answers of HTTP as runtimes send them, and as nobody should."""

import io

import pytest

from skerry_executor.runtimes import http_answer
from skerry_executor.runtimes.http_answer import AnswerError, TooLargeError

OK = b"HTTP/1.1 200 OK\r\n"


class Slow(io.RawIOBase):
    """Gives a few bytes at a time, as a network may."""

    def __init__(self, data, size):
        self._data, self._size = io.BytesIO(data), size

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self._data.read(min(self._size, len(buffer)))
        buffer[: len(part)] = part
        return len(part)


def read(data, size=1000):
    source = io.BufferedReader(Slow(data, size))
    found = http_answer.head(source)
    return found, b"".join(http_answer.pieces(source, found))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello and more", b"hello"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (OK + b"\r\nall that comes", b"all that comes"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\nx", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx", b"x"),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n"
            b"Trailer: x\r\n\r\n",
            b"abc0123456789",
        ),
    ],
)
def test_bodies_are_read_in_each_form(answer, body, size):
    found, data = read(answer, size)
    assert data == body
    assert found.status in (200, 204, 304)


def test_headers_are_read_in_any_case():
    found, _ = read(OK + b"API-Version:1.41\r\nLibpod-Api-Version:  4.3.1  \r\n\r\n")
    assert found.headers == {"api-version": "1.41", "libpod-api-version": "4.3.1"}


def test_what_follows_an_upgrade_is_left():
    source = io.BufferedReader(Slow(b"HTTP/1.1 101 UPGRADED\r\n\r\nframes", 1000))
    found = http_answer.head(source)
    assert (found.status, list(http_answer.pieces(source, found))) == (101, [])
    assert b"".join(http_answer.rest(source)) == b"frames"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "ended without a whole answer"),
        (b"HTTP/1.1 200", "ended without a whole answer"),
        (OK + b"Content-Length: 5\r\n", "ended without a whole answer"),
        (OK + b"Content-Length: 5\r\n\r\nhell", "ended without a whole answer"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhell", "ended without a whole answer"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "ended without a whole"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n", "longer than it says"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", "'x' is no length"),
        (OK + b"Content-Length: -5\r\n\r\n", "'-5' is no length"),
        (OK + b"nonsense\r\n\r\n", "b'nonsense' is no header"),
        (b"SSH-2.0\r\n\r\n", "is no answer of HTTP"),
        (b"HTTP/1.1 two\r\n\r\n", "is no answer of HTTP"),
    ],
)
def test_what_is_no_answer_is_said(answer, words):
    with pytest.raises(AnswerError, match=words):
        read(answer)


@pytest.mark.parametrize(
    "answer", [OK + b"x: " + b"y" * 70_000 + b"\r\n\r\n", OK + b"x: y\r\n" * 200 + b"\r\n"]
)
def test_headers_have_their_limits(answer):
    with pytest.raises(TooLargeError):
        read(answer)


def test_lines_are_made_of_pieces():
    pieces = iter([b"on", b"e\ntwo\n", b"", b"\nfour", b"!"])
    assert list(http_answer.lines(pieces, 100)) == [b"one", b"two", b"", b"four!"]
    with pytest.raises(TooLargeError):
        list(http_answer.lines(iter([b"x" * 60, b"x" * 60]), 100))
