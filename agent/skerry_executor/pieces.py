"""What a program wrote, gathered into parts that are worth sending, within limits. Pure.

A part is of one stream. Times are seconds of a clock that the caller has.
"""

from __future__ import annotations

import collections
import math
from typing import Literal

from skerry_wire.frozen import frozen
from skerry_wire.session import MAX_OUTPUT_BYTES

Stream = Literal["out", "err"]

PART_BYTES = MAX_OUTPUT_BYTES
"""Most bytes of a part: on a link of 56 kbit/s it takes a second, and a heartbeat waits as long."""
GATHER_S = 0.05
MOST_WAITING_BYTES = 8 * PART_BYTES
"""What may wait to be sent; whoever writes more waits, too."""


@frozen(kw_only=True)
class Limits:
    """Most bytes of the whole answer; most bytes a second, after `burst_bytes` at once.

    `gather_s` is how long a part waits for more to send with it.
    """

    total_bytes: int | None = None
    bytes_per_s: float | None = None
    burst_bytes: int = 256 * 1024
    gather_s: float = GATHER_S


class Rate:
    """When something may pass so that no more than `bytes_per_s` do, after `burst_bytes` at once.

    What was not used before is saved up, to the burst at most.
    """

    def __init__(self, bytes_per_s: float, burst_bytes: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._saved_s = burst_bytes / bytes_per_s
        self.paid_until = -math.inf
        """Until when what passed takes up the rate."""

    def pay(self, count: int, now: float) -> None:
        """Count what passes."""
        self.paid_until = max(self.paid_until, now - self._saved_s) + count / self._bytes_per_s


class Pieces:
    """What waits to be sent, and what may be sent when."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._waiting: collections.deque[tuple[Stream, bytes]] = collections.deque()
        self._first_at = 0.0
        per_s = limits.bytes_per_s
        self._rate = Rate(per_s, limits.burst_bytes) if per_s is not None else None
        self._total = 0
        self.waiting_bytes = 0
        self.cut = False
        """Whether more was written than the answer may have, and the rest is left out."""

    @property
    def full(self) -> bool:
        """Say whether whoever writes must wait."""
        return self.waiting_bytes >= MOST_WAITING_BYTES

    def add(self, stream: Stream, data: bytes, now: float) -> None:
        """Take what was written, as far as the answer has room for it."""
        if self.limits.total_bytes is not None:
            room = self.limits.total_bytes - self._total
            if len(data) > room:
                self.cut, data = True, data[:room]
        if not data:
            return
        if not self._waiting:
            self._first_at = now
        self._total += len(data)
        self.waiting_bytes += len(data)
        self._waiting.append((stream, data))

    def due_at(self, ended: bool) -> float | None:
        """Return when the next part may be sent; None while there is none."""
        if not self._waiting:
            return None
        whole = ended or self.cut or self.waiting_bytes >= PART_BYTES
        gathered_at = self._first_at if whole else self._first_at + self.limits.gather_s
        return gathered_at if self._rate is None else max(gathered_at, self._rate.paid_until)

    def take(self, now: float) -> tuple[Stream, bytes]:
        """Return the next part, and count it."""
        stream = self._waiting[0][0]
        data = bytearray()
        while self._waiting and self._waiting[0][0] == stream and len(data) < PART_BYTES:
            piece = self._waiting.popleft()[1]
            room = PART_BYTES - len(data)
            data += piece[:room]
            if len(piece) > room:
                self._waiting.appendleft((stream, piece[room:]))
        self.waiting_bytes -= len(data)
        self._first_at = now
        if self._rate is not None:
            self._rate.pay(len(data), now)
        return stream, bytes(data)
