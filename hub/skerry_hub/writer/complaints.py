"""Says once a minute what was wrong with the messages that came, however many there were."""

from __future__ import annotations

import collections
import math
import threading
import time
from collections.abc import Callable

import structlog

from skerry_hub import metrics

log = structlog.get_logger("messages")

EVERY_S = 60.0
KINDS_MOST = 64
"""Kinds of complaint that are told apart in one report."""


class Complaints:
    """Counts per topic kind and result; any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self._examples: dict[tuple[str, str], str] = {}
        self._due = -math.inf

    def note(self, kind: str, result: str, example: str) -> None:
        """Count one message that was not taken; `example` says where and why."""
        metrics.MESSAGES.labels(kind, result).inc()
        with self._lock:
            key = (kind, result)
            if key not in self._counts and len(self._counts) >= KINDS_MOST:
                return
            self._counts[key] += 1
            self._examples.setdefault(key, example)
            if self._clock() < self._due:
                return
        self.flush()

    def flush(self) -> None:
        """Write what has come together, if the minute is over."""
        with self._lock:
            if not self._counts or self._clock() < self._due:
                return
            counts, examples = self._counts, self._examples
            self._counts, self._examples = collections.Counter(), {}
            self._due = self._clock() + EVERY_S
        for (kind, result), count in sorted(counts.items()):
            log.warning(result, topic=kind, count=count, example=examples[kind, result])
