"""The agent's side of the executor's socket: one thread a run, which only hands over.

The executor is trusted with the box, so its frames are taken as they are once they decode; the
limits here guard against a damaged or different program behind the socket.
"""

from __future__ import annotations

import array
import os
import socket
import threading
from collections.abc import Callable

from skerry_agent.events import AgentEvent, ExecutorDone, ExecutorFailed, ExecutorProgressed
from skerry_wire import codec, local
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorReply, ExecutorRequest

CONNECT_S = 10.0
SILENCE_S = 1800.0
"""An executor that says nothing for so long is taken for hung: pulls say how far they are."""

Watch = Callable[[str, int], None]
"""Takes the id of an instance and a pidfd of its main process, which is the taker's to close."""


def start(
    path: str,
    run: int,
    request: ExecutorRequest,
    post: Callable[[AgentEvent], None],
    watch: Watch,
) -> None:
    """Begin run `run` in a thread of its own, which posts how it goes and how it ends."""

    def work() -> None:
        try:
            _converse(path, run, request, post, watch)
        except (OSError, WireError) as error:
            post(ExecutorFailed(run, _in_words(path, error)))

    threading.Thread(target=work, name=f"executor-{run}", daemon=True).start()


def _in_words(path: str, error: OSError | WireError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no socket at {path}; is skerry-executor.socket started?"
    if isinstance(error, PermissionError):
        return f"{path} may not be opened by this user; is it in the socket's group?"
    if isinstance(error, TimeoutError):
        return f"no answer on {path}"
    return f"{path}: {error}"


def _converse(
    path: str,
    run: int,
    request: ExecutorRequest,
    post: Callable[[AgentEvent], None],
    watch: Watch,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_S)
        connection.connect(path)
        connection.sendall(local.frame(request))
        connection.settimeout(SILENCE_S)
        while True:
            reply, fds = _receive(connection)
            for unclaimed in fds[len(reply.watched) :]:
                os.close(unclaimed)
            for instance, fd in zip(reply.watched, fds, strict=False):
                watch(instance, fd)
            if reply.outcome is None:
                continue
            if reply.kind == "done":
                post(ExecutorDone(run, reply.outcome))
                return
            post(ExecutorProgressed(run, reply.outcome))


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
