"""HTTP over a unix socket: one connection a request, with time-outs and size limits.

A request that is upgraded becomes a plain stream in both directions.

Knows nothing of containers. Raises OSError and http.client.HTTPException; `containers` says in
words what they mean.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from skerry_executor.cancel import Cancel

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024
PIECE_BYTES = 64 * 1024
CONNECT_S = 10.0
SWITCHING = 101


class TooLargeError(http.client.HTTPException):
    """An answer beyond its limit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a request gave."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._silence_s = timeout_s

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_S)
            connection.connect(self._path)
            connection.settimeout(self._silence_s)
        except BaseException:
            connection.close()
            raise
        self.sock = connection


def request(
    path: str,
    method: str,
    target: str,
    *,
    body: Any = None,
    timeout_s: float,
    cancel: Cancel | None = None,
) -> Answer:
    """Send one request, its body as JSON, and return the whole answer.

    `timeout_s` is the longest silence that is waited for.
    """
    with _exchange(path, method, target, body, timeout_s, cancel) as (answer, _):
        data = answer.read(MAX_ANSWER_BYTES + 1)
        if len(data) > MAX_ANSWER_BYTES:
            raise TooLargeError(f"more than {MAX_ANSWER_BYTES} bytes")
        return Answer(answer.status, answer.headers, data)


@contextlib.contextmanager
def lines(
    path: str,
    method: str,
    target: str,
    *,
    silence_s: float,
    cancel: Cancel,
    headers: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Send one request; give its status and the lines of the answer as they come."""
    with _exchange(path, method, target, None, silence_s, cancel, headers) as (answer, _):
        yield answer.status, _lines(answer)


def _lines(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while line := answer.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise TooLargeError(f"a line of more than {MAX_LINE_BYTES} bytes")
        yield line


@contextlib.contextmanager
def pieces(
    path: str, method: str, target: str, *, silence_s: float, cancel: Cancel
) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Send one request; give its status and the bytes of the answer as they come."""
    with _exchange(path, method, target, None, silence_s, cancel) as (answer, _):
        yield answer.status, iter(lambda: answer.read1(PIECE_BYTES), b"")


@dataclasses.dataclass(frozen=True, slots=True)
class Duplex:
    """An upgraded connection: `pieces` come until the other end is done, `sending` is its socket.

    With another status than SWITCHING, `pieces` are the answer that says why.
    """

    status: int
    pieces: Iterator[bytes]
    sending: socket.socket


@contextlib.contextmanager
def upgraded(
    path: str, target: str, *, body: Any, silence_s: float, cancel: Cancel
) -> Iterator[Duplex]:
    """Send one request that turns the connection into a stream in both directions."""
    headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
    with _exchange(path, "POST", target, body, silence_s, cancel, headers) as (answer, sending):
        # What follows the headers of an upgrade is none of HTTP's, and may be read already.
        source = answer.fp if answer.status == SWITCHING else answer
        yield Duplex(answer.status, iter(lambda: source.read1(PIECE_BYTES), b""), sending)


@contextlib.contextmanager
def _exchange(
    path: str,
    method: str,
    target: str,
    body: Any,
    timeout_s: float,
    cancel: Cancel | None,
    more_headers: Mapping[str, str] | None = None,
) -> Iterator[tuple[http.client.HTTPResponse, socket.socket]]:
    connection = _UnixConnection(path, timeout_s)

    def wake() -> None:
        # shutdown, not close: a thread that waits in recv sees it at once.
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    try:
        connection.connect()
        with cancel.waking(wake) if cancel is not None else contextlib.nullcontext():
            headers = {"Connection": "close", **(more_headers or {})}
            data = None
            if body is not None:
                data = json.dumps(body).encode()
                headers["Content-Type"] = "application/json"
            connection.request(method, target, data, headers)
            # The answer takes the connection over and keeps it open; `sock` is still needed.
            kept = connection.sock
            answer = connection.getresponse()
            connection.sock = kept
            with answer:
                yield answer, kept
    finally:
        connection.close()
