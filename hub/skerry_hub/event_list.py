"""Equal events counted rather than repeated, as they are shown. Pure.

The store keeps each as it came; who looks at them sees a loop as one line with a count.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Protocol

from skerry_hub.views import EventView

READ_EACH = 4
MOST_READ = 10_000
"""So many events are read for each that is shown, and so many at most."""
APART_S = 3600.0
"""Equal events that lie further apart are two."""
_NUMBERS = re.compile("[0-9]+")
_SINGLE = ("update", "rollout", "suppressed")
"""How the kinds begin of which each is a step of its own, or a number that counts."""


class Events(Protocol):
    """Where events are kept."""

    def events(
        self, *, node: str | None = None, workload: str | None = None, limit: int = 200
    ) -> tuple[EventView, ...]:
        """Return the newest, oldest first."""


def newest(
    store: Events, limit: int, *, node: str | None = None, workload: str | None = None
) -> tuple[EventView, ...]:
    """Return the newest events of a store, oldest first, equal ones as one."""
    most = min(MOST_READ, limit * READ_EACH)
    return counted(store.events(node=node, workload=workload, limit=most))[-limit:]


def counted(events: Iterable[EventView]) -> tuple[EventView, ...]:
    """Return events, given oldest first, with equal ones as one: the newest, and how many.

    Equal are those of the same node, kind, subject and words; numbers in these may differ.
    """
    found: dict[tuple[str, ...], EventView] = {}
    done: list[EventView] = []
    for event in events:
        key = _key(event)
        before = found.pop(key, None)
        if before is not None and _first(event) - before.at <= APART_S:
            event = dataclasses.replace(  # noqa: PLW2901 - it stands for both from here on
                event, count=before.count + event.count, first_at=_first(before)
            )
        elif before is not None:
            done.append(before)
        found[key] = event
    return tuple(sorted([*done, *found.values()], key=lambda event: event.at))


def _key(event: EventView) -> tuple[str, ...]:
    if event.kind.startswith(_SINGLE):
        return (event.id,)
    return event.node, event.kind, event.subject, _NUMBERS.sub("#", event.detail)


def _first(event: EventView) -> float:
    return event.at if event.first_at is None else event.first_at
