"""Asks a port of a container whether it is well: http and tcp probes, and why not.

The answer is the container's own and is trusted with nothing: its first line is read, to a limit,
within a time that counts for the whole.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time

from skerry_executor.health import Reached
from skerry_wire.lifecycle import HttpProbe

MAX_LINE_BYTES = 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")


def http_failure(reached: Reached, probe: HttpProbe, timeout_s: float) -> str | None:
    """Return why a GET request is not answered with 200 to 399; None where it is."""
    what = f"GET {probe.path} on port {probe.port}, {probe.scheme}"
    until = time.monotonic() + timeout_s
    try:
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(_connected(reached, timeout_s))
            connection = plain
            if probe.scheme == "https":
                plain.settimeout(_left(until))
                connection = stack.enter_context(_encrypted(plain))
            connection.settimeout(_left(until))
            connection.sendall(_request(reached, probe))
            line = _first_line(connection, until)
    except (OSError, ValueError) as error:
        return f"{what}: {_words(error, timeout_s)}"
    match = _STATUS.match(line)
    if match is None:
        return f"{what}: " + ("the answer is no HTTP" if line else "closed without an answer")
    return None if 200 <= int(match[1]) < 400 else f"{what}: answered {int(match[1])}"


def tcp_failure(reached: Reached, port: int, timeout_s: float) -> str | None:
    """Return why nobody takes connections there; None where somebody does. `port`: its own."""
    try:
        with _connected(reached, timeout_s):
            return None
    except OSError as error:
        return f"port {port}, tcp: {_words(error, timeout_s)}"


def _words(error: Exception, timeout_s: float) -> str:
    """Return what went wrong with a connection: `connection refused`."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:200]
    return type(error).__name__


def _connected(reached: Reached, timeout_s: float) -> socket.socket:
    return socket.create_connection((reached.host, reached.port), timeout=timeout_s)


def _encrypted(plain: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415 - heavy, and seldom needed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def _request(reached: Reached, probe: HttpProbe) -> bytes:
    host = f"[{reached.host}]" if ":" in reached.host else reached.host
    lines = (
        f"GET {probe.path} HTTP/1.1",
        f"Host: {host}:{reached.port}",
        "User-Agent: skerry-executor",
        "Accept: */*",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _first_line(connection: socket.socket, until: float) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < MAX_LINE_BYTES:
        connection.settimeout(_left(until))
        part = connection.recv(MAX_LINE_BYTES - len(data))
        if not part:
            break
        data += part
    return data


def _left(until: float) -> float:
    left_s = until - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
