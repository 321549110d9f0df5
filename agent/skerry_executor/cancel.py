"""A wish, from any thread, that long waits of another thread end: pulls and slow stops."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


class Cancelled(Exception):  # noqa: N818
    """The work was given up because something newer came."""


class Cancel:
    """Asked once, never taken back. What waits registers how it is to be woken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._wakers: list[Callable[[], None]] = []

    @property
    def asked(self) -> bool:
        """Whether the work is to end."""
        return self._asked

    def ask(self) -> None:
        """Wake whatever waits, and let nothing more begin."""
        with self._lock:
            self._asked = True
            wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    def check(self) -> None:
        """Raise Cancelled when the work is to end."""
        if self._asked:
            raise Cancelled

    @contextlib.contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called if the wish comes within; what the body then raises is Cancelled."""
        with self._lock:
            if self._asked:
                raise Cancelled
            self._wakers.append(wake)
        try:
            yield
        except Exception:
            self.check()
            raise
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._wakers.remove(wake)
        self.check()
