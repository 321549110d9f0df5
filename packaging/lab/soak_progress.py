"""How far a soak is: what was seen so far, what goes on being asked for, and when it will be over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

EVERY_S = 20.0


class One(Protocol):
    """One thing that a soak does and sees."""

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""


Seen = TypeVar("Seen", bound=One)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Progress(Generic[Seen]):
    """Takes what is seen, one by one and from any thread; tells how far it is.

    `wanted` and what `add` is told are in `unit`. `keep` is given each.
    """

    def __init__(
        self,
        wanted: float = 1.0,
        unit: str = "",
        keep: Callable[[Seen], None] = lambda _: None,
        say: Callable[[str], None] = _say,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = EVERY_S,
    ) -> None:
        """Begin now; `begin` begins again."""
        self.found: list[Seen] = []
        self._wanted, self._unit = wanted, unit
        self._keep, self._say, self._clock = keep, say, clock
        self._every_s = every_s
        self._done = 0.0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._begun_s = self._said_s = clock()

    def begin(self) -> None:
        """Count the time from now on: what had to be built before is not part of the rate."""
        self._begun_s = self._said_s = self._clock()
        self._say(f"begun: {self._wanted:g} {self._unit}")

    @property
    def ended(self) -> bool:
        """Whether somebody asked for the end: what is under way comes to its own."""
        return self._ended.is_set()

    @property
    def complete(self) -> bool:
        """Whether all that is wanted was done."""
        return self._done >= self._wanted

    def end(self) -> None:
        """Ask for the end after what is under way."""
        self._ended.set()
        self._say("ends after what is under way; once more, and it ends at once")

    def add(self, one: Seen, line: str = "", done: float = 1.0) -> None:
        """Take what was seen, and tell it where there is a line or something is wrong."""
        with self._lock:
            self.found.append(one)
            self._keep(one)
            self._done += done
            if line:
                self._say(line)
            now_s = self._clock()
            if now_s - self._said_s >= self._every_s or self.complete:
                self._said_s = now_s
                self._say(self.line())

    def line(self) -> str:
        """Return how far it is, how fast it goes, and how long that will take."""
        took_s = max(self._clock() - self._begun_s, 1e-3)
        a_minute = 60.0 * self._done / took_s
        left = ""
        if 0.0 < self._done < self._wanted:
            left = f", {in_words((self._wanted - self._done) / self._done * took_s)} left"
        wrong = sum(not one.met for one in self.found)
        said = f"{wrong} not as is asked for" if wrong else "all as is asked for"
        return (
            f"{self._done:.4g} of {self._wanted:g} {self._unit} after {in_words(took_s)}, "
            f"{a_minute:.3g} a minute{left}; {said}"
        )


def in_words(seconds: float) -> str:
    """Return a time as a person says it."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60.0)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
