"""A counter that grows with every change, and a way to wait for it to grow."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Changes:
    """Bumped by the writer's thread, waited for in the API's event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 1
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def count(self) -> int:
        """Return how often something has changed since the start, and one."""
        return self._count

    def bump(self) -> None:
        """Count one change more, and wake whoever waits."""
        with self._lock:
            self._count += 1
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and its waiters with it
                loop.call_soon_threadsafe(event.set)

    async def wait(self, after: int, timeout_s: float) -> int:
        """Return the count as soon as it is another than `after`, or after the time.

        A hub that was started anew counts from the beginning, hence "another" and not "more".
        """
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self._count != after:
                return self._count
            self._waiting.add(entry)
        try:
            await asyncio.wait_for(entry[1].wait(), timeout_s)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.discard(entry)
        return self._count
