"""gRPC over a unix socket: one connection a call, with time limits and size limits.

Knows nothing of containers. As much of HTTP/2 as one call at a time needs: the executor may open no
other sort of connection, and a library for all of it would weigh more than the executor.
https://www.rfc-editor.org/rfc/rfc9113
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
import urllib.parse

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import hpack

MAX_ANSWER_BYTES = 32 * 1024 * 1024
CONNECT_S = 10.0
NOT_FOUND = 5


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW, _MORE_HEADERS = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 1, 1, 4, 8, 32
_INITIAL_WINDOW, _INITIAL_WINDOW_ID, _PUSH_ID = 65535, 4, 2
_LARGEST_WINDOW = 2**31 - 1
_MAX_FRAME_BYTES = 16384
_STREAM = 1


class GrpcError(Exception):
    """A call that the server did not carry out: its status, and its own words."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(status, said)
        self.status = status
        self.said = said


class ProtocolError(OSError):
    """The other end does not speak gRPC."""


def call(
    path: str,
    method: str,
    message: bytes,
    *,
    timeout_s: float,
    headers: tuple[tuple[str, str], ...] = (),
    cancel: Cancel | None = None,
) -> bytes:
    """Call `/package.Service/Method` and return its one answer.

    `timeout_s` is the most that the whole call may take. Raises GrpcError, OSError, Cancelled.
    """
    until = time.monotonic() + timeout_s
    with contextlib.closing(_connected(path)) as connection:

        def wake() -> None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        with cancel.waking(wake) if cancel is not None else contextlib.nullcontext():
            exchange = _Exchange(connection, until)
            exchange.send(method, message, headers)
            return exchange.answer()


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


class _Exchange:
    """One call on a connection of its own."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection = connection
        self._until = until
        self._buffer = bytearray()
        self._decoder = hpack.Decoder()
        self._windows = {0: _INITIAL_WINDOW, _STREAM: _INITIAL_WINDOW}
        self._initial_window = _INITIAL_WINDOW
        self._headers: dict[str, str] = {}
        self._block = b""
        self._body = bytearray()
        self._ends = False
        self._over = False

    def send(self, method: str, message: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        """Send the whole request, in pieces as large as the server takes."""
        settings = struct.pack(">HIHI", _PUSH_ID, 0, _INITIAL_WINDOW_ID, _LARGEST_WINDOW)
        # Whole answers are taken whatever their size, up to our own limit.
        window = struct.pack(">I", _LARGEST_WINDOW - _INITIAL_WINDOW)
        block = hpack.encode(
            (
                (":method", "POST"),
                (":scheme", "http"),
                (":path", method),
                (":authority", "localhost"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                *headers,
            )
        )
        opening = _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW, 0, 0, window)
        self._write(opening + _frame(_HEADERS, _END_HEADERS, _STREAM, block))
        left = memoryview(struct.pack(">BI", 0, len(message)) + message)
        while left and not self._over:
            most = min(_MAX_FRAME_BYTES, *self._windows.values())
            if most <= 0:
                self._take_frame()
                continue
            piece, left = left[:most], left[most:]
            flags = 0 if len(left) else _END_STREAM
            self._write(_frame(_DATA, flags, _STREAM, bytes(piece)))
            self._windows = {stream: size - len(piece) for stream, size in self._windows.items()}

    def answer(self) -> bytes:
        """Return the answer's message, when the stream has ended."""
        while not self._over:
            self._take_frame()
        status = self._headers.get("grpc-status")
        if status is None:
            said = self._headers.get(":status", "none")
            raise ProtocolError(f"it does not speak gRPC: status {said}")
        if status != "0":
            said = urllib.parse.unquote(self._headers.get("grpc-message", ""))
            raise GrpcError(int(status) if status.isdecimal() else 2, " ".join(said.split()))
        if len(self._body) < 5 or len(self._body) - 5 != int.from_bytes(self._body[1:5], "big"):
            raise ProtocolError("its answer is not one whole message")
        if self._body[0]:
            raise ProtocolError("its answer is compressed, which nobody asked for")
        return bytes(self._body[5:])

    def _take_frame(self) -> None:
        head = self._read(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        stream = int.from_bytes(head[5:9], "big") & _LARGEST_WINDOW
        if length > _MAX_FRAME_BYTES:
            raise ProtocolError(f"a frame of {length} bytes")
        payload = self._read(length)
        match kind:
            case 0:
                self._take_data(flags, payload)
            case 1 | 9:
                self._take_headers(kind, flags, payload)
            case 3:
                raise ProtocolError("it gave the call up")
            case 4 if not flags & _ACK:
                self._take_settings(payload)
                self._write(_frame(_SETTINGS, _ACK, 0, b""))
            case 6 if not flags & _ACK:
                self._write(_frame(_PING, _ACK, 0, payload))
            case 7:
                raise ProtocolError("it ended the connection")
            case 8 if length == 4:
                more = int.from_bytes(payload, "big") & _LARGEST_WINDOW
                self._windows[stream] = self._windows.get(stream, 0) + more

    def _take_data(self, flags: int, payload: bytes) -> None:
        self._body += _unpadded(flags, payload)
        if len(self._body) > MAX_ANSWER_BYTES:
            raise ProtocolError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        self._over = bool(flags & _END_STREAM)

    def _take_headers(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == _HEADERS:
            payload = _unpadded(flags, payload)
            self._block = payload[5:] if flags & _PRIORITY else payload
            self._ends = bool(flags & _END_STREAM)
        else:
            self._block += payload
        if len(self._block) > 4 * _MAX_FRAME_BYTES:
            raise ProtocolError("its headers are too long")
        if flags & _END_HEADERS:
            try:
                self._headers.update(self._decoder.decode(self._block))
            except hpack.HpackError as error:
                raise ProtocolError(str(error)) from None
            self._over = self._ends

    def _take_settings(self, payload: bytes) -> None:
        for at in range(0, len(payload) - 5, 6):
            name, value = struct.unpack_from(">HI", payload, at)
            if name == _INITIAL_WINDOW_ID:
                self._windows[_STREAM] += value - self._initial_window
                self._initial_window = value

    def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._limit()
            part = self._connection.recv(65536)
            if not part:
                raise ProtocolError("it closed the connection")
            self._buffer += part
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _write(self, data: bytes) -> None:
        self._limit()
        self._connection.sendall(data)

    def _limit(self) -> None:
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & _PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ProtocolError("a frame that is all padding")
    return payload[1 : len(payload) - payload[0]]
