"""What gives workloads that found no place another chance, beside nodes that come or change. Pure.

Times begin and end, and boxes measure distances, without anybody asking for anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry_hub.documents import KeptDocument, Key, Reservation, Window, key_of
from skerry_hub.placement.maintenance import open_until
from skerry_hub.state import Draft


def in_force(documents: Iterable[KeptDocument], now: float) -> frozenset[Key]:
    """Return the times of maintenance and the reservations that it is now."""
    return frozenset(key_of(one.document) for one in documents if _is_in_force(one, now))


def _is_in_force(kept: KeptDocument, now: float) -> bool:
    match kept.document:
        case Window() as window:
            return open_until(window, now) is not None
        case Reservation(start=start, end=end):
            return start <= now and (end is None or now < end)
    return False


def by_distance(draft: Draft, names: Iterable[str]) -> list[str]:
    """Return those of some workloads that must be within some round-trip time."""
    found = ((name, draft.workloads.get(name)) for name in names)
    return [
        name
        for name, kept in found
        if kept is not None
        and any(term.max_ms is not None for term in kept.workload.placement.latency)
    ]
