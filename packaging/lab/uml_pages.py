"""Asks for a page all the time, and knows for how long it was not there."""

from __future__ import annotations

import itertools
import threading
import time
import urllib.request

EVERY_S = 0.1
ASK_S = 2.0


def answers(url: str) -> bool:
    """Say whether a page is there now."""
    try:
        with urllib.request.urlopen(url, timeout=ASK_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Watch:
    """Asks from now on, until `stop`."""

    def __init__(self, url: str) -> None:
        """Begin."""
        self._url = url
        self._at: list[float] = [time.monotonic()]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        while not self._ended.wait(EVERY_S):
            if answers(self._url):
                self._at.append(time.monotonic())

    def stop(self) -> float:
        """End; return the longest time between two pages, in seconds."""
        self._ended.set()
        self._thread.join()
        at = [*self._at, time.monotonic()]
        return max(later - earlier for earlier, later in itertools.pairwise(at))
