"""What only a running box can do for `Host`: child processes, and a question on a unix socket.

Imported by `host` alone, when it is first needed. Everything here ends within its time limit.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence

from skerry_agent.host import Ended, NotEnded, Unreadable

MAX_HTTP_BYTES = 65_536
CLOSING_S = 1.0
"""How long a child that has closed its output, or was killed, may take to end."""


def run_child(
    arguments: Sequence[str],
    *,
    timeout_s: float,
    most: int,
    environment: Mapping[str, str] | None,
) -> Ended | NotEnded:
    """Run a program, without a shell, and return how it ended; see `Host.run`."""
    try:
        child = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=None if environment is None else dict(environment),
            start_new_session=True,
            close_fds=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return NotEnded(f"could not be started: {type(error).__name__}")
    if child.stdout is None:
        raise AssertionError("a child that was told to has no output")
    try:
        with child.stdout:
            output = _collect(child.stdout.fileno(), time.monotonic() + timeout_s, most)
        if isinstance(output, bytes):
            return Ended(child.wait(timeout=CLOSING_S), output)
    except subprocess.TimeoutExpired:
        output = NotEnded("closed its output and went on")
    except BaseException:
        _kill(child)
        raise
    if _kill(child):
        return output
    return NotEnded(f"{output.reason} and cannot be killed")


def http_get(place: str, target: str, *, timeout_s: float) -> bytes | Unreadable:
    """Return the body of `GET target` over HTTP on the unix socket at a real path."""
    deadline = time.monotonic() + timeout_s
    request = f"GET {target} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as link:
            link.settimeout(timeout_s)
            link.connect(place)
            link.sendall(request.encode("ascii"))
            answer = _collect(link.fileno(), deadline, MAX_HTTP_BYTES)
    except OSError as error:
        return Unreadable((error.strerror or "took too long").lower())
    if not isinstance(answer, bytes):
        return Unreadable(answer.reason)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.") or head[9:12] != b"200":
        return Unreadable("did not answer with 200 OK")
    return _unchunked(body) if b"chunked" in head.lower() else body


def _collect(handle: int, deadline: float, most: int) -> bytes | NotEnded:
    """Return all that can be read until the other end closes."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    parts: list[bytes] = []
    size = 0
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            return NotEnded("took too long")
        data = os.read(handle, 65_536)
        if not data:
            return b"".join(parts)
        parts.append(data)
        size += len(data)
        if size > most:
            return NotEnded(f"wrote more than {most} bytes")


def _kill(child: subprocess.Popen[bytes]) -> bool:
    """End a child with all that it started; False when it does not end."""
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    try:
        child.wait(timeout=CLOSING_S)
    except subprocess.TimeoutExpired:
        return False  # it hangs in the kernel, mostly in a driver, where no signal reaches it
    return True


def _unchunked(body: bytes) -> bytes:
    """Return the content of a chunked HTTP body, as far as it is whole."""
    parts: list[bytes] = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if length <= 0:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)
