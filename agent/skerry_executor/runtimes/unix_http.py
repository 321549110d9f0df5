"""HTTP over a unix socket: one connection a request, with time-outs and size limits.

A request that is upgraded becomes a plain stream in both directions.

Knows nothing of containers. Raises OSError and AnswerError; `api` says in words what they mean.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import http_answer
from skerry_executor.runtimes.http_answer import SWITCHING, Head, TooLargeError
from skerry_wire.frozen import frozen

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024
CONNECT_S = 10.0
_PLAIN = re.compile(r"[!-~]+")


@frozen()
class Answer:
    """What a request gave. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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
    with _exchange(path, method, target, body, timeout_s, cancel) as exchange:
        data = bytearray()
        for piece in exchange.pieces():
            data += piece
            if len(data) > MAX_ANSWER_BYTES:
                raise TooLargeError(f"more than {MAX_ANSWER_BYTES} bytes")
        return Answer(exchange.head.status, exchange.head.headers, bytes(data))


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
    with _exchange(path, method, target, None, silence_s, cancel, headers) as exchange:
        yield exchange.head.status, http_answer.lines(exchange.pieces(), MAX_LINE_BYTES)


@contextlib.contextmanager
def pieces(
    path: str, method: str, target: str, *, silence_s: float, cancel: Cancel
) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Send one request; give its status and the bytes of the answer as they come."""
    with _exchange(path, method, target, None, silence_s, cancel) as exchange:
        yield exchange.head.status, exchange.pieces()


@frozen()
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
    with _exchange(path, "POST", target, body, silence_s, cancel, headers) as exchange:
        status = exchange.head.status
        came = http_answer.rest(exchange.source) if status == SWITCHING else exchange.pieces()
        yield Duplex(status, came, exchange.connection)


@frozen()
class _Exchange:
    head: Head
    source: io.BufferedReader
    connection: socket.socket

    def pieces(self) -> Iterator[bytes]:
        return http_answer.pieces(self.source, self.head)


@contextlib.contextmanager
def _exchange(
    path: str,
    method: str,
    target: str,
    body: Any,
    timeout_s: float,
    cancel: Cancel | None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[_Exchange]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:

        def wake() -> None:
            # shutdown, not close: a thread that waits in recv sees it at once.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        connection.settimeout(CONNECT_S)
        connection.connect(path)
        connection.settimeout(timeout_s)
        with cancel.waking(wake) if cancel is not None else contextlib.nullcontext():
            connection.sendall(_written(method, target, body, headers or {}))
            with connection.makefile("rb") as source:
                yield _Exchange(http_answer.head(source), source, connection)


def _written(method: str, target: str, body: Any, headers: Mapping[str, str]) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    every = {"Host": "localhost", "Connection": "close", **headers}
    if body is not None:
        every["Content-Type"] = "application/json"
    if data or method != "GET":
        every["Content-Length"] = str(len(data))
    for text in (target, *headers.values()):
        if _PLAIN.fullmatch(text) is None:
            raise ValueError("a request with a space or a control character in it")
    rows = "".join(f"{name}: {value}\r\n" for name, value in every.items())
    return f"{method} {target} HTTP/1.1\r\n{rows}\r\n".encode("ascii") + data
