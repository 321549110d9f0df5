"""The agent's side of the executor's socket: one thread a run, which only hands over.

The executor is trusted with the box, so its frames are taken as they are once they decode; the
limits here guard against a damaged or different program behind the socket.
"""

from __future__ import annotations

import array
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable

from skerry_agent.events import (
    AgentEvent,
    ExecutorDone,
    ExecutorFailed,
    ExecutorProgressed,
    TargetsJudged,
)
from skerry_wire import codec, local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorReply, ExecutorRequest

log = logging.getLogger(__name__)

CONNECT_S = 10.0
AWAY_S = 1.5
"""How long a socket may be away, as it is while its unit is started again, before that is told."""
SILENCE_S = 1800.0
"""An executor that says nothing for so long is taken for hung: pulls say how far they are."""

Watch = Callable[[str, int], None]
"""Takes the id of an instance and a pidfd of its main process, which is the taker's to close."""

_AWAY = (FileNotFoundError, ConnectionRefusedError, BlockingIOError)


class Run:
    """One visit to the executor, in a thread of its own."""

    def __init__(
        self,
        path: str,
        number: int,
        request: ExecutorRequest,
        post: Callable[[AgentEvent], None],
        watch: Watch,
    ) -> None:
        """`post` takes how run `number` goes and how it ends; `start` begins it."""
        self._path = path
        self._number = number
        self._request = request
        self._post = post
        self._watch = watch
        self._left = threading.Event()
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._work, name=f"executor-{number}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def leave(self) -> None:
        """Hear no more of this run: a newer one takes over. What the executor does goes on."""
        self._left.set()
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        try:
            with self._connected() as connection:
                self._connection = connection
                if not self._left.is_set():
                    self._converse(connection)
        except (OSError, WireError) as error:
            self._failed(in_words(self._path, error))
        except Exception as error:  # the core waits for an answer
            log.exception("a run of the executor broke off in an unforeseen way")
            self._failed(f"{type(error).__name__}: {error}")

    def _failed(self, reason: str) -> None:
        if not self._left.is_set():
            self._post(ExecutorFailed(self._number, reason))

    def _connected(self) -> socket.socket:
        try:
            return connect(self._path)
        except _AWAY:
            # It weighs as much as half of this agent, and is seldom needed: not before.
            import tenacity as t  # noqa: PLC0415
        again = t.Retrying(
            retry=t.retry_if_exception_type(_AWAY),
            wait=t.wait_random_exponential(multiplier=0.05, max=0.5),
            stop=t.stop_any(t.stop_after_delay(AWAY_S), t.stop_when_event_set(self._left)),
            sleep=t.sleep_using_event(self._left),
            reraise=True,
        )
        return again(connect, self._path)

    def _converse(self, connection: socket.socket) -> None:
        connection.sendall(local.frame(self._request))
        connection.settimeout(SILENCE_S)
        while True:
            reply, fds = _receive(connection)
            for unclaimed in fds[len(reply.watched) :]:
                os.close(unclaimed)
            for instance, fd in zip(reply.watched, fds, strict=False):
                if self._left.is_set():
                    os.close(fd)
                else:
                    self._watch(instance, fd)
            if reply.outcome is None:
                continue
            if reply.kind == "done":
                told = reply.policy, reply.sealing_key, reply.runtime, reply.keys
                self._post(ExecutorDone(self._number, reply.outcome, *told))
                return
            self._post(ExecutorProgressed(self._number, reply.outcome))


def start_verifying(
    path: str, request: ExecutorRequest, data: bytes, post: Callable[[AgentEvent], None]
) -> None:
    """Ask whether targets are the hub's, in a thread of its own, and post the answer, always."""

    def work() -> None:
        try:
            with connect(path) as connection:
                post(_verified(connection, request, data))
        except (OSError, WireError) as error:
            post(TargetsJudged(data, None, in_words(path, error), is_tried_again=True))
        except Exception as error:  # the core waits for an answer
            log.exception("targets could not be verified in an unforeseen way")
            post(TargetsJudged(data, None, type(error).__name__, is_tried_again=True))

    threading.Thread(target=work, name="targets", daemon=True).start()


def _verified(connection: socket.socket, request: ExecutorRequest, data: bytes) -> TargetsJudged:
    connection.sendall(local.frame(request))
    while True:
        reply = receive(connection)
        if reply.kind != "done":
            continue  # of an executor that does not know the question, and looks at its order
        if reply.targets is None:
            reason = reply.targets_refused or _in_problem(reply)
            return TargetsJudged(data, None, reason, is_tried_again=reply.targets_refused is None)
        return TargetsJudged(data, reply.targets)


def _in_problem(reply: ExecutorReply) -> str:
    problems = reply.outcome.problems if reply.outcome is not None else ()
    return "; ".join(problems) or "the executor is of a version that verifies none"


def connect(path: str) -> socket.socket:
    """Return a connection to the executor's socket. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def in_words(path: str, error: OSError | WireError) -> str:
    """Return what went wrong with the executor's socket, for people."""
    if isinstance(error, FileNotFoundError):
        return f"no socket at {path}; is skerry-executor.socket started?"
    if isinstance(error, PermissionError):
        return f"{path} may not be opened by this user; is it in the socket's group?"
    if isinstance(error, TimeoutError):
        return f"no answer on {path}"
    return f"{path}: {error}"


def receive(connection: socket.socket) -> ExecutorReply:
    """Return the next frame, without what came with it. Raises OSError or WireError."""
    reply, fds = _receive(connection)
    for fd in fds:
        os.close(fd)
    return reply


def _receive(connection: socket.socket) -> tuple[ExecutorReply, list[int]]:
    """Return the next frame, and the file descriptors that came with it."""
    fds: list[int] = []
    try:
        length = local.body_length(_exactly(connection, local.HEADER_BYTES, fds))
        body = _exactly(connection, length, fds)
        return codec.decode(ExecutorReply, body, most=local.MAX_FRAME_BYTES), fds
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise


def _exactly(connection: socket.socket, count: int, fds: list[int]) -> bytes:
    room = socket.CMSG_SPACE(local.MAX_WATCHED * array.array("i").itemsize)
    data = bytearray()
    while len(data) < count:
        part, ancillary, _flags, _address = connection.recvmsg(
            count - len(data), room, socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
                fds.extend(numbers)
        if not part:
            raise ConnectionError("the executor ended before it was done")
        data += part
    return bytes(data)
