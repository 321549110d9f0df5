"""Places what had found no node, once one has come or changed, or is known better.

Part of the writer's thread. Where something is placed, `desired.fill` decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from skerry_hub import desired
from skerry_hub.documents import Key
from skerry_hub.latency import Network
from skerry_hub.retrying import by_distance, in_force
from skerry_hub.state import Draft
from skerry_hub.work import Work
from skerry_hub.writer.complaints import Complaints
from skerry_hub.writer.transactions import Transactions

FILL_GAP_S = 0.2
LOOK_GAP_S = 2.0
"""How often it is looked at what changes by itself."""


class Filling:
    """Who waits for a place. `due` is set by whatever may have made room."""

    def __init__(
        self, transactions: Transactions, network: Callable[[], Network], complaints: Complaints
    ) -> None:
        self._transactions = transactions
        self._network = network
        self._complaints = complaints
        self.due = True
        self.filled_at = self._looked_at = 0.0
        self._network_before = network()
        self._in_force: frozenset[Key] = frozenset()

    def fill(self, changed: Callable[[], None]) -> None:
        """Place what can be placed by now; `changed` is called first where nodes have changed."""
        now = time.monotonic()
        if now - self.filled_at < FILL_GAP_S:
            return
        is_nearer = now - self._looked_at >= LOOK_GAP_S and self._look_again(now)
        if not self.due and not is_nearer:
            return
        self.filled_at = now
        draft = Draft(self._transactions.known)
        names: Sequence[str] = desired.wanting(draft)
        if self.due:
            changed()
        else:
            names = by_distance(draft, names)
        self.due = False
        if not names or self._filled(names):
            return
        for name in names:  # one that fits no order must not hold up the others
            self._filled([name])

    def _look_again(self, now: float) -> bool:
        """Look what has changed by itself: times end, and distances become known.

        Return whether distances have.
        """
        self._looked_at = now
        held = in_force(self._transactions.known.documents.values(), time.time())
        self.due = self.due or held != self._in_force
        before, self._network_before = self._network_before, self._network()
        self._in_force = held
        return self._network_before is not before

    def _filled(self, names: Sequence[str]) -> bool:
        failures: dict[str, str] = {}
        placed = False

        def fill(work: Work) -> bool:
            nonlocal placed
            desired.fill(work, names)
            placed = bool(work.draft.assignments.changes)
            return bool(work.draft.made)

        def settle() -> None:
            nonlocal failures
            failures = self._transactions.settle(fill)

        self._transactions.retry(settle)
        if placed and not failures:
            self.due = True  # others may have waited for those that are placed now
        if len(names) == 1:
            for node, reason in failures.items():
                self._complaints.note("order", "failed", f"{names[0]} on {node}: {reason}")
        return not failures
