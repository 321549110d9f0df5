"""Whether what the hub needs works: its store, its broker. Pure: the clock is an argument.

One thread writes; any may read: what is read is one value, replaced as a whole.
"""

from __future__ import annotations

from skerry_hub.health_views import PartView

CALM_S = 30.0
"""What failed counts as failing for so long, unless it is known to work before."""


class Condition:
    """One part of the hub, as it is now."""

    def __init__(self, name: str, now: float, reason: str | None = None) -> None:
        """`reason` is why it does not work yet, None where it does."""
        self.view = PartView(name=name, ok=reason is None, since=now, reason=reason)
        self._failed_at = now

    def works(self, now: float) -> None:
        """Note that it works."""
        if not self.view.ok:
            self.view = PartView(name=self.view.name, ok=True, since=now)

    def follow(self, works: bool, reason: str, now: float, since: float | None) -> None:
        """Note whether it works; where it does not and nobody says why, it is what it was."""
        if works:
            self.works(now)
            return
        known = self.view.reason if not self.view.ok else "it is away"
        self.fails(reason or known or "it is away", now, since)

    def fails(self, reason: str, now: float, since: float | None = None) -> None:
        """Note that it does not; where it did before, `since` then or now."""
        self._failed_at = now
        begun = (now if since is None else since) if self.view.ok else self.view.since
        self.view = PartView(name=self.view.name, ok=False, since=begun, reason=reason)

    def seems_to_work(self, now: float) -> None:
        """Note that something of it works, which what failed before need not be."""
        if now - self._failed_at >= CALM_S:
            self.works(now)
