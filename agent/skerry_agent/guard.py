"""Makes calls one after another, each under a time limit, so that one that hangs stops no other.

The file of a sick device or the size of a dead disk can block its reader for ever, and no thread
can be stopped from outside. So a thread makes the calls in order; when one takes too long the
thread is left behind, and a new one goes on with the rest. May NOT raise, whatever a call does.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

LIMIT_S = 2.0
"""How long one call may take. The slowest probe of a large server takes a tenth of it."""

WHOLE_S = 10.0
"""After this time no further call of a run is begun."""

MOST_PATIENCE_S = 16.0
"""The longest limit of a call that has shown that it does end, only late."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The call returned this."""

    value: T
    took_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Broken:
    """The call raised, took too long, or was not made. `reason` is stable while it stays so."""

    reason: str
    took_s: float = 0.0


class Guard:
    """Makes calls, and remembers those that hang: they are not made again until they end."""

    def __init__(
        self,
        limit_s: float = LIMIT_S,
        *,
        whole_s: float = WHOLE_S,
        patience_s: float = MOST_PATIENCE_S,
        on_late: Callable[[str], None] | None = None,
    ) -> None:
        """`patience_s` is the longest limit of a call that came late.

        `on_late` is told the name of a call that was given up and is worth another try.
        """
        self._limit_s = limit_s
        self._whole_s = whole_s
        self._patience_s = patience_s
        self._on_late = on_late
        self._lock = threading.Lock()
        self._hanging: set[str] = set()
        self._limits_s: dict[str, float] = {}

    def run(self, calls: Sequence[tuple[str, Callable[[], T]]]) -> list[Done[T] | Broken]:
        """Make the named calls in order and return how each ended.

        Blocks for at most `whole_s` and one call's limit more. Names are unique.
        """
        run: _Run[T] = _Run(calls, self._lock, time.monotonic() + self._whole_s)
        with self._lock:
            for index, (name, _) in enumerate(calls):
                if name in self._hanging:
                    run.ended[index] = Broken("still hangs since an earlier look")
            self._start_worker(run)
            while not run.is_over:
                name = calls[run.at][0]
                left_s = run.began_s + self._limit_of(name) - time.monotonic()
                if left_s > 0:
                    run.changed.wait(left_s)
                    continue
                self._give_up(run, name)
                self._start_worker(run)
        return [ended or Broken("was not made") for ended in run.ended]

    def _limit_of(self, name: str) -> float:
        return self._limits_s.get(name, self._limit_s)

    def _give_up(self, run: _Run[T], name: str) -> None:
        limit_s = self._limit_of(name)
        run.ended[run.at] = Broken(
            f"took longer than {math.ceil(limit_s * 100) / 100:g} s", limit_s
        )
        self._hanging.add(name)

    def _start_worker(self, run: _Run[T]) -> None:
        """Have a new thread go on with the run; the one before stops as soon as it can."""
        run.worker += 1
        if not run.advance():
            return
        thread = threading.Thread(
            target=self._work, args=(run, run.worker, run.at), name="probes", daemon=True
        )
        try:
            thread.start()
        except (RuntimeError, MemoryError):  # the box, or its limit, has no room for a thread
            run.end("no thread could be started")

    def _work(self, run: _Run[T], worker: int, at: int) -> None:
        while True:
            name, call = run.calls[at]
            began_s = time.monotonic()
            ended = _made(call)
            took_s = time.monotonic() - began_s
            with self._lock:
                if run.worker != worker:
                    break
                run.ended[at] = dataclasses.replace(ended, took_s=took_s)
                if took_s < self._limit_s:
                    self._limits_s.pop(name, None)
                if not run.advance():
                    return
                at = run.at
        self._came_late(name, took_s)

    def _came_late(self, name: str, took_s: float) -> None:
        """Take note that a call which was given up has ended, and allow it more time."""
        with self._lock:
            self._hanging.discard(name)
            before_s = self._limit_of(name)
            self._limits_s[name] = max(before_s, min(2 * took_s, self._patience_s))
            grew = self._limits_s[name] > before_s
        # Without more patience the next try would end like this one, and so for ever.
        if grew and self._on_late is not None:
            self._on_late(name)


class _Run(Generic[T]):
    """The calls of one run, and how far they are. All but `calls` is guarded by the lock."""

    def __init__(
        self,
        calls: Sequence[tuple[str, Callable[[], T]]],
        lock: threading.Lock,
        deadline_s: float,
    ) -> None:
        self.calls = calls
        self.ended: list[Done[T] | Broken | None] = [None] * len(calls)
        self.changed = threading.Condition(lock)
        self.at = -1
        self.began_s = 0.0
        self.worker = 0
        self.is_over = False
        self._deadline_s = deadline_s

    def advance(self) -> bool:
        """Go to the next call that is to be made; False when there is none."""
        self.began_s = time.monotonic()
        for index in range(self.at + 1, len(self.calls)):
            if self.ended[index] is None:
                self.at = index
                if self.began_s < self._deadline_s:
                    return True
                self.end("was not begun: what came before took too long")
                return False
        self.end("was not made")
        return False

    def end(self, reason: str) -> None:
        """Make no further call, for the reason given."""
        for index, ended in enumerate(self.ended):
            if ended is None:
                self.ended[index] = Broken(reason)
        self.is_over = True
        self.changed.notify()


def _made(call: Callable[[], T]) -> Done[T] | Broken:
    try:
        return Done(call(), 0.0)
    except BaseException as error:  # noqa: BLE001 - one probe never silences another
        return Broken(f"{type(error).__name__}: {error}"[:1000])
