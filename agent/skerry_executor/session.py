"""The executor's end of a request: seals its answer, and brings what is typed to the program.

Most requests take no input. In a session of `exec` one thread takes the pieces as they come,
another hands them to the program, which may not read for a while. Whoever is at the other end is
heard by what was sealed with the request's key alone; what does not fit ends the session.
"""

from __future__ import annotations

import collections
import math
import threading
import time
from collections.abc import Callable, Iterator

from skerry_executor.pieces import Rate, Stream
from skerry_wire.messages import Terminal
from skerry_wire.session import (
    MAX_INPUT_BYTES,
    SILENCE_S,
    WINDOW,
    Opener,
    Sealer,
    SessionError,
    SessionInput,
    SessionOutput,
)

IDLE_S = 900.0
"""A session in which nobody types and nothing is written for so long is over."""
INPUT_BYTES_PER_S = 2.0 * 2**20
INPUT_BURST_BYTES = 2**20
"""Any piece counts as a full one: the box's agent counts pieces, and ends a session of too many."""
TELL_S = 0.05
"""How long it may take until the other end knows that input was taken, unless it waits for that."""


class Session:
    """One request. `take` and `sealed` belong to the client's thread, `input` to the program's."""

    def __init__(
        self, key: bytes, *, takes_input: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._takes_input = takes_input
        self._sealer = Sealer("out", lambda nonce, data: _seal(key, nonce, data))
        self._opener = Opener("in", lambda nonce, data: _unseal(key, nonce, data))
        self._clock = clock
        self._news = threading.Condition()
        self._waiting: collections.deque[SessionInput] = collections.deque()
        self._rate = Rate(INPUT_BYTES_PER_S, INPUT_BURST_BYTES)
        self._closed = False
        self._taken = 0
        self._taken_at = 0.0
        self._told: int | None = None if takes_input else 0
        """None: nothing was said yet, and whoever types waits for a first word."""
        self._heard_at = self._used_at = clock()
        self.wake: Callable[[], None] = lambda: None
        """Called in any thread when there is something to tell."""

    def take(self, piece: bytes) -> None:
        """Take a piece of input. Raises SessionError where it ends the session."""
        message = self._opener.opened(SessionInput, piece)
        if message is None:
            return
        if not self._takes_input:
            raise SessionError("the request takes no input")
        self._heard_at = self._clock()
        if message.is_empty:
            return
        self._used_at = self._heard_at
        with self._news:
            if len(self._waiting) >= WINDOW:
                raise SessionError(f"more than {WINDOW} pieces of input came before they were read")
            self._waiting.append(message)
            self._news.notify_all()

    def input(self) -> Iterator[bytes | Terminal]:
        """Yield what the program is to get, as it comes; end with its input, or the session."""
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                message = self._waiting[0]
            if message.terminal is not None:
                yield message.terminal
            if message.data:
                self._wait_for_rate()
                yield message.data
            # Only now: whoever sends waits while the program does not read.
            with self._news:
                self._waiting.popleft()
                self._taken += 1
                self._taken_at = self._clock()
            self.wake()
            if message.eof:
                return

    def close(self) -> None:
        """Let the program's thread see the end."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def sealed(self, stream: Stream, data: bytes) -> bytes:
        """Return what the program wrote as it is sent; nothing: only what it took."""
        if data:
            self._used_at = self._clock()
        return self._said(SessionOutput(stream=stream, data=data, taken=self._taken))

    def ended(self, error: str | None, exit_code: int | None) -> bytes:
        """Return how the session ended as it is sent."""
        error = error and error[:1024]
        message = SessionOutput(end=True, taken=self._taken, error=error, exit_code=exit_code)
        return self._said(message)

    def due_at(self) -> float | None:
        """Return when the other end is to be told what was taken; None where it knows."""
        with self._news:
            if self._told is None:
                return self._taken_at
            untold = self._taken - self._told
            if not untold:
                return None
            return self._taken_at + (0.0 if untold >= WINDOW // 2 else TELL_S)

    def over_at(self) -> tuple[float, str]:
        """Return when the session is over unless something happens, and why."""
        if not self._takes_input:
            return math.inf, ""
        silent = self._heard_at + SILENCE_S, f"nothing was heard of the hub for {SILENCE_S:g} s"
        idle = self._used_at + IDLE_S, f"nothing was typed or written for {IDLE_S:g} s"
        return min(silent, idle)

    def _said(self, message: SessionOutput) -> bytes:
        self._told = message.taken
        return self._sealer.sealed(message)

    def _wait_for_rate(self) -> None:
        with self._news:
            wait_s = self._rate.paid_until - self._clock()
            if wait_s > 0:
                self._news.wait_for(lambda: self._closed, wait_s)
        self._rate.pay(MAX_INPUT_BYTES, self._clock())


def _seal(key: bytes, nonce: bytes, data: bytes) -> bytes:
    from nacl import bindings  # noqa: PLC0415 - sessions are seldom

    return bindings.crypto_aead_chacha20poly1305_ietf_encrypt(data, None, nonce, key)


def _unseal(key: bytes, nonce: bytes, data: bytes) -> bytes:
    from nacl import bindings  # noqa: PLC0415
    from nacl.exceptions import CryptoError  # noqa: PLC0415

    try:
        return bindings.crypto_aead_chacha20poly1305_ietf_decrypt(data, None, nonce, key)
    except (CryptoError, ValueError, TypeError):
        raise ValueError("it does not open") from None
