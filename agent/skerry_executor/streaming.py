"""An answer that comes bit by bit: from the runtime, in a thread of its own, to the client.

It ends when the work does, when its time is over, when the client goes, or when somebody asks for
its end; and whoever writes faster than the client reads waits meanwhile.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.log import log
from skerry_executor.pieces import Limits, Pieces, Stream
from skerry_executor.runtimes.base import RuntimeFailure
from skerry_executor.session import Session
from skerry_executor.talk import Talk
from skerry_wire import codec, local
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.local import ExecutorInput, Restarted
from skerry_wire.messages import MAX_PIECE_BYTES
from skerry_wire.session import SessionError

STALL_S = 60.0
"""How long a client may take to read a part: the link behind it may be in the dark for a while."""
READ_BYTES = 64 * 1024
MAX_INPUT_FRAME_BYTES = MAX_PIECE_BYTES + 64
LEAVE_S = 5.0
"""How long the work is waited for once it is to end; then it is left behind with its thread."""


@frozen()
class End:
    """How the work ended."""

    error: str | None = None
    exit_code: int | None = None
    visit: bool = False
    """Whether the order wants a visit now."""
    restarted: Restarted | None = None


Write = Callable[[Stream, bytes], None]
"""Takes what was written; waits while the client is slow. Raises Cancelled."""
Work = Callable[[Write], End]


class Streaming:
    """One answer. `run` belongs to the thread of the client."""

    def __init__(
        self,
        talk: Talk,
        limits: Limits,
        within_s: float,
        cancel: Cancel,
        session: Session,
    ) -> None:
        """`cancel` is what the work is given, too; anybody may ask it for the end.

        What the client sends meanwhile is for the session, which seals the answer.
        """
        self._talk = talk
        self._session = session
        self._input = InputFrames(talk.connection)
        self._pieces = Pieces(limits)
        self._within_s = within_s
        self._cancel = cancel
        self._lock = threading.Condition()
        self._end: End | None = None
        self._ending = False
        self._news = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def run(self, work: Work, left: Callable[[], None]) -> None:
        """Do the work, and tell the client; `left` is called when its thread has ended."""
        thread = threading.Thread(target=self._work, args=(work, left), daemon=True)
        thread.start()
        error: str | None = "it was ended"
        self._session.wake = self._wake
        with contextlib.suppress(Cancelled), self._cancel.waking(self._wake):
            error = self._pass_on()
        self._stop()
        thread.join(LEAVE_S)
        with self._lock:
            end = self._end or End("what was asked for does not end")
            # Only now nobody writes to it any more.
            news, self._news = self._news, -1
            os.close(news)
        if error is not None:
            end = dataclasses.replace(end, error=error)
        # Sealed as all of it: a broker is not to know or say how it ended.
        self._talk.ended(
            self._session.ended(end.error, end.exit_code), visit=end.visit, restarted=end.restarted
        )

    def _pass_on(self) -> str | None:
        """Send parts until there is an end; return why it ended before its own end."""
        until = time.monotonic() + self._within_s, f"it took more than {self._within_s:g} s"
        self._talk.connection.settimeout(STALL_S)
        poll = select.poll()
        poll.register(self._news, select.POLLIN)
        poll.register(self._talk.connection, select.POLLRDHUP | select.POLLIN)
        while True:
            now = time.monotonic()
            with self._lock:
                ended = self._end is not None
                due_at = self._pieces.due_at(ended)
                part = self._pieces.take(now) if due_at is not None and due_at <= now else None
                self._lock.notify_all()
            told_at = self._send(part, now)
            if self._talk.is_gone:
                return "the client is gone"
            if part is not None:
                continue
            if due_at is None and (ended or self._pieces.cut):
                return self._cut_words() if self._pieces.cut else None
            if self._cancel.asked:
                return "it was ended"
            over_at, why = min(until, self._session.over_at())
            if now >= over_at:
                return why
            wait_s = min(one for one in (over_at, due_at, told_at) if one is not None) - now
            for fd, _ in poll.poll(max(0.0, wait_s) * 1000 + 1):
                if fd == self._news:
                    os.eventfd_read(self._news)
                elif (end := self._come()) is not None:
                    return end

    def _send(self, part: tuple[Stream, bytes] | None, now: float) -> float | None:
        """Send a part; return when the client is to be told of its input although there is none."""
        told_at = self._session.due_at()
        if part is None and told_at is not None and told_at <= now:
            part = "out", b""
        if part is None:
            return told_at
        self._talk.part(self._session.sealed(*part))
        return None

    def _come(self) -> str | None:
        """Take what the client sent; return why that is the end."""
        try:
            pieces = self._input.read()
            for piece in pieces or ():
                self._session.take(piece)
        except (SessionError, WireError) as error:
            return f"its input cannot be taken: {error}"
        return "the client is gone" if pieces is None else None

    def _cut_words(self) -> str:
        return f"it is cut off here, after {self._pieces.limits.total_bytes} bytes"

    def _work(self, work: Work, left: Callable[[], None]) -> None:
        try:
            end = work(self._write)
        except Cancelled:
            end = End("it was ended")
        except RuntimeFailure as failure:
            end = End(failure.reason)
        except Exception as error:  # noqa: BLE001 - the last line of its thread: say it
            end = End(f"executor: {type(error).__name__}: {error}")
            log("error", "a request failed in an unforeseen way", reason=end.error)
        finally:
            left()
        with self._lock:
            self._end = end
            self._tell()

    def _write(self, stream: Stream, data: bytes) -> None:
        with self._lock:
            while self._pieces.full and not self._ending:
                self._lock.wait()
            if self._ending or self._pieces.cut:
                raise Cancelled
            self._pieces.add(stream, data, time.monotonic())
            self._tell()

    def _wake(self) -> None:
        with self._lock:
            self._tell()

    def _tell(self) -> None:
        if self._news >= 0:
            os.eventfd_write(self._news, 1)

    def _stop(self) -> None:
        with self._lock:
            self._ending = True
            self._lock.notify_all()
        self._session.close()
        self._cancel.ask()


class InputFrames:
    """The frames of input that come over a connection, whole."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = bytearray()

    def read(self) -> list[bytes] | None:
        """Return the pieces that are whole now; None where the client is gone. Raises WireError."""
        try:
            data = self._connection.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self._data += data
        pieces = []
        while len(self._data) >= local.HEADER_BYTES:
            end = local.HEADER_BYTES + local.body_length(bytes(self._data[: local.HEADER_BYTES]))
            if end > MAX_INPUT_FRAME_BYTES:
                raise WireError("", f"a frame of {end} bytes, more than {MAX_INPUT_FRAME_BYTES}")
            if len(self._data) < end:
                break
            body = bytes(self._data[local.HEADER_BYTES : end])
            pieces.append(codec.decode(ExecutorInput, body, strict=True).piece)
            del self._data[:end]
        return pieces
