"""The agent's control socket: whoever connects is told how the agent is, on one line, and let go.

Nothing is read from a client and no client is waited for: the answer goes into the socket's buffer
at once or not at all. So a client that hangs costs nothing, and this needs no thread.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import pathlib
import socket
import stat
import struct
import time
from collections.abc import Callable

from skerry_agent import status
from skerry_agent.status import AgentStatus
from skerry_wire.errors import WireError

log = logging.getLogger(__name__)

BACKLOG = 16
MODE = 0o660
_PEER = struct.Struct("3i")
"""The kernel's `struct ucred`: process, user, group."""
ANSWER_S = 2.0
"""How long `ask` waits for a whole answer."""


class ControlError(Exception):
    """The socket cannot be served, or no agent answers there; the text says why."""


class NoAgentError(ControlError):
    """Nobody serves the socket."""


class Control:
    """The listening end; `on_ready` is called by the one loop whenever `fd` can be read."""

    def __init__(self, path: str, tell: Callable[[], AgentStatus]) -> None:
        """Listen at `path`, in place of what a dead agent left. Raises ControlError."""
        self._path = pathlib.Path(path)
        self._tell = tell
        self._listener = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        )
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _clear(path)
            before = os.umask(0o777 & ~MODE)
            try:
                self._listener.bind(path)
            finally:
                os.umask(before)
            self._listener.listen(BACKLOG)
        except OSError as error:
            self._listener.close()
            raise ControlError(f"{path}: {error.strerror or error}") from None
        except ControlError:
            self._listener.close()
            raise
        self.fd = self._listener.fileno()

    def on_ready(self) -> None:
        """Answer everybody who waits."""
        for _ in range(BACKLOG):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody left, or gone already
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            data = status.answer(self._tell())
        except WireError:
            log.exception("the status cannot be told")
            return
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(data) + 4096)
            # A part of it is as good as nothing: the client sees that no line ends it.
            connection.send(data)

    def close(self) -> None:
        """Stop listening, and remove the socket."""
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def _clear(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ControlError(f"{path} is there and is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        failure = probe.connect_ex(path)
    if failure in (0, errno.EAGAIN):
        raise ControlError(f"another agent serves {path}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def ask(path: str, timeout_s: float = ANSWER_S) -> AgentStatus:
    """Return what the agent at `path` says. Raises ControlError in words when none does."""
    return ask_peer(path, timeout_s)[0]


def ask_peer(path: str, timeout_s: float = ANSWER_S) -> tuple[AgentStatus, int]:
    """Return what the agent at `path` says, and its process id. Raises ControlError."""
    try:
        line, pid = _line(path, timeout_s)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoAgentError(
            f"no agent serves {path}; is it started? try `systemctl status skerry-agent`, "
            "or name its socket: --control"
        ) from None
    except PermissionError:
        raise ControlError(f"{path} may not be opened by this user; ask as root") from None
    except TimeoutError:
        raise ControlError(f"the agent at {path} did not answer within {timeout_s:g} s") from None
    except OSError as error:
        raise ControlError(f"{path}: {error.strerror or error}") from None
    try:
        return status.read_answer(line), pid
    except (WireError, ValueError, RecursionError) as error:
        raise ControlError(f"what serves {path} does not speak like an agent: {error}") from None


def _line(path: str, timeout_s: float) -> tuple[bytes, int]:
    until = time.monotonic() + timeout_s
    data = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(path)
        # Of who has listened, by the kernel's own word.
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        while not data.endswith(b"\n"):
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            connection.settimeout(left_s)
            part = connection.recv(65_536)
            if not part:
                raise ConnectionError("the answer broke off")
            data += part
            if len(data) > 2 * status.MOST_ANSWER_BYTES:
                raise ConnectionError("the answer does not end")
    return data, int(_PEER.unpack(peer)[0])
