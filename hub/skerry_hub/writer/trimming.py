"""When the oldest events and decisions are removed: after a time, or after many more. One thread.

Nothing is decided by what is removed; how many stay, the store and its settings say.
"""

from __future__ import annotations

import time

from skerry_hub.retention import Keep
from skerry_hub.state import Draft
from skerry_hub.store import Store

TRIM_S = 3600.0
TRIM_EVENTS = 10_000
TRIM_DECISIONS = 1_000


class Trimming:
    """Counts what was added since the last time."""

    def __init__(self, store: Store, keep: Keep) -> None:
        self._store = store
        self._keep = keep
        self._events = self._decisions = 0
        self._trimmed_at = 0.0

    def committed(self, draft: Draft) -> None:
        """Count what a transaction added."""
        self._events += len(draft.events)
        self._decisions += len(draft.made)

    def due(self, mono_s: float) -> bool:
        """Say whether it is time, and count anew from then on."""
        many = self._events > TRIM_EVENTS or self._decisions > TRIM_DECISIONS
        if not many and mono_s - self._trimmed_at <= TRIM_S:
            return False
        self._trimmed_at, self._events, self._decisions = mono_s, 0, 0
        return True

    def trim(self) -> None:
        """Remove them. Raises sqlalchemy.exc.SQLAlchemyError."""
        self._store.trim_events()
        self._store.trim_decisions(self._keep, time.time())
