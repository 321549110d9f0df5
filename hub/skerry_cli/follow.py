"""Looks again whenever the hub says that something changed. Outlives a hub that is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TypeVar

from skerry_cli.failures import RefusedError, UnreachableError
from skerry_cli.hub import Hub

T = TypeVar("T")
POLL_S = 25.0
"""How long the hub holds one question open."""
AWAY_FIRST_S = 0.2
AWAY_MOST_S = 5.0


def follow(hub: Hub, look: Callable[[], T], say: Callable[[str], None]) -> Generator[T]:
    """Yield what `look` sees, now and after each change, until the hub's deadline if it has one.

    While the hub is away it is asked again, ever more seldom, and `say` is told once. Without a
    deadline the first look must succeed.
    """
    seen: int | None = None
    looked = False
    delay_s = AWAY_FIRST_S
    while not _over(hub):
        try:
            # Asked before the look: what changes meanwhile is another change.
            change = hub.change(0, 0) if seen is None else hub.change(seen, _poll_s(hub))
            if change == seen:
                continue
            found = look()
        except (UnreachableError, RefusedError) as failure:
            if _over(hub):
                return
            if not failure.passing or not (looked or hub.deadline is not None):
                raise
            if delay_s == AWAY_FIRST_S:
                say(f"{failure.message.splitlines()[0]} Trying again.")
            seen = None
            time.sleep(_at_most(hub, delay_s))
            delay_s = min(2 * delay_s, AWAY_MOST_S)
            continue
        seen, looked, delay_s = change, True, AWAY_FIRST_S
        yield found


def _over(hub: Hub) -> bool:
    return hub.deadline is not None and time.monotonic() >= hub.deadline


def _at_most(hub: Hub, seconds: float) -> float:
    if hub.deadline is None:
        return seconds
    return max(0.0, min(seconds, hub.deadline - time.monotonic()))


def _poll_s(hub: Hub) -> float:
    return _at_most(hub, POLL_S)
