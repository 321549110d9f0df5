"""An answer that comes bit by bit: from the runtime, in a thread of its own, to the client.

It ends when the work does, when its time is over, when the client goes, or when somebody asks for
its end; and whoever writes faster than the client reads waits meanwhile.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import threading
import time
from collections.abc import Callable

from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.log import log
from skerry_executor.pieces import Limits, Pieces, Stream
from skerry_executor.runtimes.base import RuntimeFailure
from skerry_executor.talk import Talk

STALL_S = 60.0
"""How long a client may take to read a part: the link behind it may be in the dark for a while."""
LEAVE_S = 5.0
"""How long the work is waited for once it is to end; then it is left behind with its thread."""


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """How the work ended."""

    error: str | None = None
    exit_code: int | None = None
    visit: bool = False
    """Whether the order wants a visit now."""


Write = Callable[[Stream, bytes], None]
"""Takes what was written; waits while the client is slow. Raises Cancelled."""
Work = Callable[[Write], End]


class Streaming:
    """One answer. `run` belongs to the thread of the client."""

    def __init__(self, talk: Talk, limits: Limits, within_s: float, cancel: Cancel) -> None:
        """`cancel` is what the work is given, too; anybody may ask it for the end."""
        self._talk = talk
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
        self._talk.ended(end.error, end.exit_code, visit=end.visit)

    def _pass_on(self) -> str | None:
        """Send parts until there is an end; return why it ended before its own end."""
        until = time.monotonic() + self._within_s
        self._talk.connection.settimeout(STALL_S)
        poll = select.poll()
        poll.register(self._news, select.POLLIN)
        poll.register(self._talk.connection, select.POLLRDHUP)
        while True:
            now = time.monotonic()
            with self._lock:
                ended = self._end is not None
                due_at = self._pieces.due_at(ended)
                part = self._pieces.take(now) if due_at is not None and due_at <= now else None
                self._lock.notify_all()
            if part is not None:
                self._talk.part(*part)
            if self._talk.is_gone:
                return "the client is gone"
            if part is not None:
                continue
            if due_at is None and (ended or self._pieces.cut):
                return self._cut_words() if self._pieces.cut else None
            if self._cancel.asked:
                return "it was ended"
            if now >= until:
                return f"it took more than {self._within_s:g} s"
            wait_s = min(until, due_at if due_at is not None else until) - now
            for fd, _ in poll.poll(max(0.0, wait_s) * 1000 + 1):
                if fd != self._news:
                    return "the client is gone"
                os.eventfd_read(self._news)

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
        self._cancel.ask()
