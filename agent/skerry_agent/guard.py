"""Makes calls one after another, each under a time limit, so that one that hangs stops no other.

The file of a sick device or the size of a dead disk can block its reader for ever, and no thread
can be stopped from outside. So a thread makes the calls in order; when one takes too long the
thread is left behind, and a new one goes on with the rest. From then on that call is made apart,
in a thread of its own that nobody waits for, until it is quick again: so a slow device costs the
others one limit, once. May NOT raise, whatever a call does.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from skerry_wire.frozen import frozen

LIMIT_S = 2.0
"""How long one call may take. The slowest probe of a large server takes a tenth of it."""

WHOLE_S = 10.0
"""After this time no further call of a run is begun."""

IS_SLOW = "is slow, and is asked apart from the others"
HANGS = "still hangs since an earlier look"

T = TypeVar("T")


@frozen()
class Done(Generic[T]):
    """The call returned this."""

    value: T
    took_s: float


@frozen()
class Broken:
    """The call raised, took too long, or was not made. `reason` is stable while it stays so."""

    reason: str
    took_s: float = 0.0


class Guard:
    """Makes calls, and remembers those that are slow or hang: nobody waits for them again."""

    def __init__(
        self,
        limit_s: float = LIMIT_S,
        *,
        whole_s: float = WHOLE_S,
        on_late: Callable[[str], None] | None = None,
    ) -> None:
        """`on_late` is told the name of a call that has ended late: the next run has its answer."""
        self._limit_s = limit_s
        self._whole_s = whole_s
        self._on_late = on_late
        self._lock = threading.Lock()
        self._hanging: set[str] = set()
        self._slow: set[str] = set()
        self._late: dict[str, Done[Any] | Broken] = {}

    def run(self, calls: Sequence[tuple[str, Callable[[], T]]]) -> list[Done[T] | Broken]:
        """Make the named calls in order and return how each ended.

        Blocks for at most `whole_s` and one call's limit more. Names are unique, and stand for the
        same call in each run.
        """
        run: _Run[T] = _Run(calls, self._lock, time.monotonic() + self._whole_s)
        with self._lock:
            for index, (name, call) in enumerate(calls):
                run.ended[index] = self._apart(name, call)
            self._start_worker(run)
            while not run.is_over:
                left_s = run.began_s + self._limit_s - time.monotonic()
                if left_s > 0:
                    run.changed.wait(left_s)
                    continue
                self._give_up(run)
                self._start_worker(run)
        return [ended or Broken("was not made") for ended in run.ended]

    # --- calls in their order -------------------------------------------------------------

    def _give_up(self, run: _Run[T]) -> None:
        limit = f"{math.ceil(self._limit_s * 100) / 100:g} s"
        run.ended[run.at] = Broken(f"took longer than {limit}", self._limit_s)
        self._hanging.add(run.calls[run.at][0])

    def _start_worker(self, run: _Run[T]) -> None:
        """Have a new thread go on with the run; the one before stops as soon as it can."""
        run.worker += 1
        if not run.advance():
            return
        if not _started(self._work, run, run.worker, run.at):
            run.end("no thread could be started")

    def _work(self, run: _Run[T], worker: int, at: int) -> None:
        while True:
            name, call = run.calls[at]
            ended = _made(call)
            with self._lock:
                if run.worker != worker:
                    break
                run.ended[at] = ended
                if not run.advance():
                    return
                at = run.at
        self._came_late(name, ended)

    # --- calls that are slow --------------------------------------------------------------

    def _apart(self, name: str, call: Callable[[], T]) -> Done[T] | Broken | None:
        """Return how a call ended, or why there is nothing yet, that is not for the run to make."""
        if name in self._hanging:
            return Broken(HANGS)
        late = self._late.pop(name, None)
        if late is not None:
            if late.took_s < self._limit_s:
                self._slow.discard(name)
            return late
        if name not in self._slow:
            return None
        if not _started(self._work_apart, name, call):
            return Broken("no thread could be started")
        self._hanging.add(name)
        return Broken(IS_SLOW)

    def _work_apart(self, name: str, call: Callable[[], Any]) -> None:
        self._came_late(name, _made(call))

    def _came_late(self, name: str, ended: Done[Any] | Broken) -> None:
        """Keep for the next run how a call ended that nobody waited for."""
        with self._lock:
            self._hanging.discard(name)
            self._slow.add(name)
            self._late[name] = ended
        if self._on_late is not None:
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


def _started(work: Callable[..., None], *arguments: Any) -> bool:
    """Start a thread; False where the box, or its limit, has no room for one."""
    thread = threading.Thread(target=work, args=arguments, name="probes", daemon=True)
    try:
        thread.start()
    except (RuntimeError, MemoryError):
        return False
    return True


def _made(call: Callable[[], T]) -> Done[T] | Broken:
    began_s = time.monotonic()
    try:
        value = call()
    except BaseException as error:  # noqa: BLE001 - one probe never silences another
        return Broken(f"{type(error).__name__}: {error}"[:1000], time.monotonic() - began_s)
    return Done(value, time.monotonic() - began_s)
